/**
 * A small explicit-state model checker: runs every interleaving of the steps of a few processes, with deaths and stops at any of them.
 *
 * A step is what one process does to shared memory without anybody in between: one atomic operation, or one system call. Memory is
 * sequentially consistent, as the atomic operations of JavaScript and C are. Two kinds of mistakes are found: a state that breaks a rule, and a
 * state in which somebody waits and nobody will ever wake him.
 *
 * @module
 */

/** What is compared and copied: plain data. */
export type Plain = { [name: string]: number | Plain };

/** One process of a state. */
export interface ModelProcess {
  /** The step that comes next; `"done"` at the end. */
  at: string;
  /** What only this process sees. */
  own: Record<string, number>;
  /** The words it sleeps on. */
  asleep?: string[];
  /** What became of it. */
  fate?: "died" | "stopped";
}

/** A state: shared words and processes. */
export interface ModelState {
  /** Shared words, by name. */
  words: Record<string, number>;
  /** The processes; a process is known by its index. */
  processes: ModelProcess[];
  /** Faults that have happened. */
  faults: number;
}

/** What a step sees and does. */
export interface StepContext {
  /** Shared words; assignments are what the step does. */
  readonly words: Record<string, number>;
  /** What only this process sees. */
  readonly own: Record<string, number>;
  /** The index of the process. */
  readonly me: number;
  /** `FUTEX_WAKE`: wakes sleepers of a word; which ones is up to the kernel, so every choice is tried. */
  wake(word: string, most: number): void;
  /** `FUTEX_WAIT` or `futex_waitv`, as the last thing of a step: sleeps unless a word has another value by now. */
  sleep(expected: Readonly<Record<string, number>>): void;
}

/** A step: returns the name of the next one, or several names when either may happen. */
export type Step = (context: StepContext) => string | readonly string[];

/** What is checked. */
export interface Model {
  /** Shared words at the start. */
  readonly words: Readonly<Record<string, number>>;
  /** Where each process starts, and what it knows. */
  readonly processes: readonly { readonly at: string; readonly own: Readonly<Record<string, number>> }[];
  /** The steps, by name. */
  readonly steps: Readonly<Record<string, Step>>;
  /** What the kernel does when the process of the context is killed. */
  readonly death: (context: Omit<StepContext, "sleep">) => void;
  /** A sentence when the state breaks a rule. */
  readonly broken: (state: ModelState) => string | undefined;
  /** Most deaths and stops of one run. */
  readonly faults: number;
  /** Whether a process may stop for ever just before this step; nowhere when left out. */
  readonly mayStop?: (which: ModelProcess, state: ModelState, index: number) => boolean;
  /** Whether a sleeper looks again when nothing else can happen: for what a time limit on each sleep repairs. @default {false} */
  readonly looksAgain?: boolean;
}

/** What came of it. */
export interface Verdict {
  /** Different states that were reached. */
  readonly states: number;
  /** The first mistake, with the steps that lead to it. */
  readonly mistake?: { readonly what: string; readonly trace: readonly string[] };
}

/** Explores every interleaving, breadth first: a mistake comes with a shortest way to it. */
export function explore(model: Model): Verdict {
  const first: ModelState = {
    words: { ...model.words },
    processes: model.processes.map(({ at, own }) => ({ at, own: { ...own } })),
    faults: 0,
  };
  const start = JSON.stringify(first);
  /** How each state was reached: the state before, and the step. */
  const reached = new Map<string, { from: string; by: string } | undefined>([[start, undefined]]);
  const queue = [start];
  const fail = (key: string, what: string): Verdict => ({
    states: reached.size,
    mistake: { what, trace: traceTo(key, reached) },
  });
  for (let at = 0; at < queue.length; at++) {
    const key = queue[at]!;
    const state: ModelState = JSON.parse(key);
    const what = model.broken(state);
    if (what !== undefined) return fail(key, what);
    let next = successors(model, key, state);
    const waiting = state.processes.filter(({ at, fate }) => at !== "done" && fate === undefined);
    // Deaths are possible, not certain: what waits for one waits for ever.
    if (!next.some(({ fault }) => !fault) && waiting.length > 0) {
      if (!model.looksAgain) return fail(key, `nobody wakes ${waiting.map(({ at }) => at).join(", ")}`);
      const looks = lookAgain(state);
      if (looks.every(({ key: then }) => reached.has(then)) && looks.length > 0 && stuck(model, state)) {
        return fail(key, `looking again does not help ${waiting.map(({ at }) => at).join(", ")}`);
      }
      next = [...next, ...looks];
    }
    for (const { key: then, by } of next) {
      if (reached.has(then)) continue;
      reached.set(then, { from: key, by });
      queue.push(then);
    }
  }
  return { states: reached.size };
}

interface Successor {
  key: string;
  by: string;
  /** Whether it is a death or a stop. */
  fault: boolean;
}

function successors(model: Model, key: string, state: ModelState): Successor[] {
  const found: Successor[] = [];
  state.processes.forEach((process, me) => {
    if (process.at === "done" || process.fate !== undefined) return;
    if (process.asleep === undefined) found.push(...run(model, key, me));
    if (state.faults >= model.faults) return;
    found.push(...kill(model, key, me));
    if (model.mayStop?.(process, state, me)) {
      const copy: ModelState = JSON.parse(key);
      copy.processes[me]!.fate = "stopped";
      copy.faults++;
      found.push({ key: JSON.stringify(copy), by: `${me} stops at ${process.at}`, fault: true });
    }
  });
  return found;
}

/** One step of one process: a state for each choice that the kernel has. */
function run(model: Model, key: string, me: number): Successor[] {
  const state: ModelState = JSON.parse(key);
  const process = state.processes[me]!;
  const name = process.at;
  const step = model.steps[name];
  if (step === undefined) throw new Error(`There is no step ${name}`);
  const wakes: [word: string, most: number][] = [];
  let expected: Readonly<Record<string, number>> | undefined;
  const next = step({
    words: state.words,
    own: process.own,
    me,
    wake: (word, most) => wakes.push([word, most]),
    sleep: (words) => expected = words,
  });
  const labels = typeof next === "string" ? [next] : next;
  return labels.flatMap((label) => {
    const copy: ModelState = structuredClone(state);
    copy.processes[me]!.at = label;
    if (expected !== undefined && Object.entries(expected).every(([word, value]) => copy.words[word] === value)) {
      copy.processes[me]!.asleep = Object.keys(expected);
    }
    return afterWakes(copy, wakes).map((after) => ({ key: JSON.stringify(after), by: `${me} ${name}`, fault: false }));
  });
}

function kill(model: Model, key: string, me: number): Successor[] {
  const state: ModelState = JSON.parse(key);
  const process = state.processes[me]!;
  const by = `${me} dies at ${process.at}${process.asleep === undefined ? "" : ", asleep"}`;
  delete process.asleep;
  process.fate = "died";
  state.faults++;
  const wakes: [word: string, most: number][] = [];
  model.death({ words: state.words, own: process.own, me, wake: (word, most) => wakes.push([word, most]) });
  // Nothing that it knew matters any more: states that differ in that are one.
  process.own = {};
  process.at = "done";
  return afterWakes(state, wakes).map((after) => ({ key: JSON.stringify(after), by, fault: true }));
}

/** Every state that the wake-ups of one step can lead to. */
function afterWakes(state: ModelState, wakes: readonly [word: string, most: number][]): ModelState[] {
  return wakes.reduce((states, [word, most]) => states.flatMap((before) => afterWake(before, word, most)), [state]);
}

function afterWake(state: ModelState, word: string, most: number): ModelState[] {
  const sleepers = state.processes.flatMap(({ asleep }, index) => asleep?.includes(word) ? [index] : []);
  return choices(sleepers, Math.min(most, sleepers.length)).map((chosen) => {
    const copy = structuredClone(state);
    for (const index of chosen) delete copy.processes[index]!.asleep;
    return copy;
  });
}

/** Every way to choose `count` of them. */
function choices(from: readonly number[], count: number): number[][] {
  if (count === 0) return [[]];
  return from.flatMap((one, index) => choices(from.slice(index + 1), count - 1).map((rest) => [one, ...rest]));
}

/** Every sleeper that is not stopped wakes up, as at the end of a time limit. */
function lookAgain(state: ModelState): Successor[] {
  return state.processes.flatMap(({ asleep, fate }, me) => {
    if (asleep === undefined || fate !== undefined) return [];
    const copy = structuredClone(state);
    delete copy.processes[me]!.asleep;
    return [{ key: JSON.stringify(copy), by: `${me} looks again`, fault: false }];
  });
}

/** Whether a look changes nothing: each sleeper, woken alone and run by itself, only falls asleep again. */
function stuck(model: Model, state: ModelState): boolean {
  return lookAgain(state).every(({ key }) => {
    const seen = new Set<string>();
    const queue = [key];
    for (const at of queue) {
      if (seen.has(at)) continue;
      seen.add(at);
      const now: ModelState = JSON.parse(at);
      if (
        now.processes.some(({ at, fate }, me) =>
          at === "done" && fate === undefined && state.processes[me]!.at !== "done"
        )
      ) {
        return false;
      }
      queue.push(...successors(model, at, now).filter(({ fault }) => !fault).map(({ key }) => key));
    }
    return true;
  });
}

function traceTo(key: string, reached: ReadonlyMap<string, { from: string; by: string } | undefined>): string[] {
  const trace: string[] = [];
  for (let at = reached.get(key); at !== undefined; at = reached.get(at.from)) trace.unshift(at.by);
  return trace;
}
