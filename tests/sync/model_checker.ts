/**
 * A small explicit-state model checker: runs every interleaving of the steps of a few processes, with deaths and stops at any of them.
 *
 * A step is what one process does to shared memory without anybody in between: one atomic operation, or one system call. Memory is
 * sequentially consistent, as the atomic operations of JavaScript and C are. Three kinds of mistakes are found: a state that breaks a rule; a state in
 * which somebody waits and nobody will ever wake him; and a state from which, whatever the living do, they cannot all come to an end.
 *
 * A state is a row of small integers, and a string of as many characters as key: what a model reads and writes as `words` and `own` are
 * accessors into the row of the state that is looked at. That makes a million states a matter of seconds.
 *
 * @module
 */

/** One process of a state. */
export interface ModelProcess {
  /** The step that comes next; `"done"` at the end. */
  readonly at: string;
  /** What only this process sees. */
  readonly own: Record<string, number>;
  /** The words it sleeps on. */
  readonly asleep: readonly string[] | undefined;
  /** What became of it. */
  readonly fate: "died" | "stopped" | undefined;
}

/** A state: shared words and processes. Valid during the call that it is given to. */
export interface ModelState {
  /** Shared words, by name. */
  readonly words: Record<string, number>;
  /** The processes; a process is known by its index. */
  readonly processes: readonly ModelProcess[];
}

/** What a step sees and does. */
export interface StepContext {
  /** Shared words, 16 bits each; assignments are what the step does. */
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
  /** What the kernel does when the process of the context is killed; it may go on with a step, at which nobody dies any more. */
  readonly death: (context: StepContext) => string | void;
  /** A sentence when the state breaks a rule. */
  readonly broken: (state: ModelState) => string | undefined;
  /** Most deaths and stops of one run. */
  readonly faults: number;
  /** Whether a process may be killed just before this step; everywhere when left out. */
  readonly mayDie?: (which: ModelProcess, state: ModelState, index: number) => boolean;
  /** Whether a process may stop for ever just before this step; nowhere when left out. */
  readonly mayStop?: (which: ModelProcess, state: ModelState, index: number) => boolean;
  /** Whether it is right that a process waits for ever in this state; never when left out. */
  readonly mayWait?: (which: ModelProcess, state: ModelState, index: number) => boolean;
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

/** Explores every interleaving, breadth first: a broken rule and a lost wake-up come with a shortest way to them. */
export function explore(model: Model): Verdict {
  return new Exploration(model).run();
}

/** Fields of a process in the row, before what only it sees. */
const AT = 0;
const FATE = 1;
const ASLEEP = 2;
const OWN = 3;
const FATES = [undefined, "died", "stopped"] as const;
const DIED = 1;
const STOPPED = 2;
const DONE = 0;

type Row = number[];

/** Where each state leads: states in the order in which they were found. */
interface Found {
  readonly row: Row;
  readonly by: string;
  /** Whether it is a death or a stop. */
  readonly fault: boolean;
}

class Exploration {
  readonly #model: Model;
  readonly #wordNames: readonly string[];
  readonly #ownNames: readonly string[];
  /** Steps by number, `"done"` the first. */
  readonly #labels: string[] = ["done"];
  readonly #labelNumbers = new Map([["done", DONE]]);
  /** Words that somebody has slept on: their index is their bit in the set of a sleeper. */
  readonly #slept: string[] = [];
  /** The row that `#state` and the contexts look at. */
  #row: Row = [];
  readonly #state: ModelState;
  readonly #contexts: readonly StepContext[];
  #wakes: { readonly word: string; readonly most: number }[] = [];
  #expected: Readonly<Record<string, number>> | undefined;

  /** The states by key, and by number: the key, the state before, and where it leads without a fault. */
  readonly #numbers = new Map<string, number>();
  readonly #keys: string[] = [];
  readonly #before: number[] = [];
  /** 1 when nobody waits in it, or somebody does and there is a way to where nobody does. */
  readonly #ends: number[] = [];
  readonly #leadsTo: number[] = [];
  readonly #leadsFrom: number[] = [];

  constructor(model: Model) {
    this.#model = model;
    this.#wordNames = Object.keys(model.words);
    this.#ownNames = [...new Set(model.processes.flatMap(({ own }) => Object.keys(own)))];
    const words = this.#view(this.#wordNames, 1);
    const owns = model.processes.map((_, me) => this.#view(this.#ownNames, this.#process(me) + OWN));
    const processes = owns.map((own, me) => this.#processView(own, this.#process(me)));
    this.#state = { words, processes };
    this.#contexts = owns.map((own, me) => ({
      words,
      own,
      me,
      wake: (word, most) => void this.#wakes.push({ word, most }),
      sleep: (expected) => this.#expected = expected,
    }));
  }

  run(): Verdict {
    const { words, processes } = this.#model;
    this.#add([
      0,
      ...this.#wordNames.map((name) => words[name]!),
      ...processes.flatMap(({ at, own }) => [this.#label(at), 0, 0, ...this.#ownNames.map((name) => own[name] ?? 0)]),
    ], -1);
    for (let number = 0; number < this.#keys.length; number++) {
      const row = this.#row = rowOf(this.#keys[number]!);
      this.#leadsFrom.push(this.#leadsTo.length);
      const what = this.#model.broken(this.#state);
      if (what !== undefined) return this.#fail(number, what);
      const waiting = this.#waiting();
      this.#ends.push(waiting.length === 0 ? 1 : 0);
      const found = this.#successors(row);
      if (!found.some(({ fault }) => !fault)) {
        // Deaths are possible, not certain: what waits for one waits for ever.
        if (waiting.length > 0 && !this.#model.looksAgain) {
          return this.#fail(number, `nobody wakes ${waiting.join(", ")}`);
        }
        if (waiting.length > 0) found.push(...this.#looks(row));
      }
      for (const { row, fault } of found) {
        const next = this.#add(row, number);
        if (!fault) this.#leadsTo.push(next);
      }
    }
    this.#leadsFrom.push(this.#leadsTo.length);
    const endless = this.#endless();
    if (endless === undefined) return { states: this.#keys.length };
    this.#row = rowOf(this.#keys[endless]!);
    return this.#fail(endless, `nobody wakes, or there is no end for ${this.#waiting().join(", ")}`);
  }

  /** Who has not come to an end, and should. */
  #waiting(): string[] {
    const { processes } = this.#state;
    const { mayWait } = this.#model;
    return processes.flatMap((process, me) => {
      if (process.at === "done" || process.fate !== undefined || mayWait?.(process, this.#state, me)) return [];
      return [process.at];
    });
  }

  /** The first state from which no way leads to one where nobody waits. */
  #endless(): number | undefined {
    const ends = this.#ends;
    for (let changed = true; changed;) {
      changed = false;
      for (let number = ends.length - 1; number >= 0; number--) {
        if (ends[number] === 1) continue;
        for (let edge = this.#leadsFrom[number]!; edge < this.#leadsFrom[number + 1]!; edge++) {
          if (ends[this.#leadsTo[edge]!] === 0) continue;
          ends[number] = 1;
          changed = true;
          break;
        }
      }
    }
    const endless = ends.indexOf(0);
    return endless === -1 ? undefined : endless;
  }

  #successors(row: Row): Found[] {
    const { faults, mayDie, mayStop } = this.#model;
    const found: Found[] = [];
    for (let me = 0; me < this.#contexts.length; me++) {
      const base = this.#process(me);
      const dying = row[base + FATE] === DIED;
      if (row[base + AT] === DONE || row[base + FATE] === STOPPED) continue;
      if (row[base + ASLEEP] === 0) this.#step(row, me, found);
      if (row[0]! >= faults || dying) continue;
      this.#row = row;
      const process = this.#state.processes[me]!;
      const stops = mayStop?.(process, this.#state, me);
      if (mayDie?.(process, this.#state, me) ?? true) this.#kill(row, me, found);
      if (stops) {
        const after = row.slice();
        after[base + FATE] = STOPPED;
        after[0]!++;
        found.push({ row: after, by: `${me} stops at ${this.#labels[row[base + AT]!]}`, fault: true });
      }
    }
    return found;
  }

  /** One step of one process: a state for each choice that it and the kernel have. */
  #step(row: Row, me: number, found: Found[]): void {
    const base = this.#process(me);
    const name = this.#labels[row[base + AT]!]!;
    const step = this.#model.steps[name];
    if (step === undefined) throw new Error(`There is no step ${name}`);
    const after = this.#begin(row);
    const next = step(this.#contexts[me]!);
    for (const [word, value] of Object.entries(this.#expected ?? {})) {
      after[base + ASLEEP]! |= this.#bit(word);
      if (this.#state.words[word] === value) continue;
      after[base + ASLEEP] = 0;
      break;
    }
    for (const label of typeof next === "string" ? [next] : next) {
      const chosen = typeof next === "string" ? after : after.slice();
      this.#goTo(chosen, base, label);
      this.#wakeUp(chosen, 0, `${me} ${name}`, false, found);
    }
  }

  #kill(row: Row, me: number, found: Found[]): void {
    const base = this.#process(me);
    const by = `${me} dies at ${this.#labels[row[base + AT]!]}${row[base + ASLEEP] === 0 ? "" : ", asleep"}`;
    const after = this.#begin(row);
    after[0]!++;
    after[base + ASLEEP] = 0;
    after[base + FATE] = DIED;
    const next = this.#model.death(this.#contexts[me]!);
    this.#goTo(after, base, next ?? "done");
    this.#wakeUp(after, 0, by, true, found);
  }

  /** Makes a row of which the contexts write. */
  #begin(row: Row): Row {
    this.#wakes = [];
    this.#expected = undefined;
    return this.#row = row.slice();
  }

  #goTo(row: Row, base: number, label: string): void {
    row[base + AT] = this.#label(label);
    // Nothing that a dead one knew matters any more: states that differ in that are one.
    if (label === "done" && row[base + FATE] === DIED) row.fill(0, base + OWN, base + OWN + this.#ownNames.length);
  }

  /** Every state that the wake-ups of one step, from a given one on, can lead to. */
  #wakeUp(row: Row, from: number, by: string, fault: boolean, found: Found[]): void {
    const wake = this.#wakes[from];
    if (wake === undefined) return void found.push({ row, by, fault });
    const bit = this.#bit(wake.word);
    const sleepers = this.#contexts.flatMap((_, me) => {
      const at = this.#process(me) + ASLEEP;
      return (row[at]! & bit) !== 0 ? [at] : [];
    });
    for (const chosen of choices(sleepers, Math.min(wake.most, sleepers.length))) {
      const after = row.slice();
      for (const at of chosen) after[at] = 0;
      this.#wakeUp(after, from + 1, by, fault, found);
    }
  }

  /** Every sleeper that is not stopped wakes up, as at the end of a time limit. */
  #looks(row: Row): Found[] {
    return this.#contexts.flatMap((_, me) => {
      const base = this.#process(me);
      if (row[base + ASLEEP] === 0 || row[base + FATE] !== 0) return [];
      const after = row.slice();
      after[base + ASLEEP] = 0;
      return [{ row: after, by: `${me} looks again`, fault: false }];
    });
  }

  /** The number of a state; it is new when no other has its key. */
  #add(row: Row, before: number): number {
    const key = String.fromCharCode.apply(null, row);
    const known = this.#numbers.get(key);
    if (known !== undefined) return known;
    const number = this.#keys.length;
    this.#numbers.set(key, number);
    this.#keys.push(key);
    this.#before.push(before);
    return number;
  }

  #fail(number: number, what: string): Verdict {
    const trace: string[] = [];
    for (let at = number; this.#before[at] !== -1; at = this.#before[at]!) {
      const row = rowOf(this.#keys[this.#before[at]!]!);
      const ways = [...this.#successors(row), ...this.#looks(row)];
      const way = ways.find((way) => String.fromCharCode.apply(null, way.row) === this.#keys[at]);
      trace.unshift(way?.by ?? "?");
    }
    return { states: this.#keys.length, mistake: { what, trace } };
  }

  /** Where a process begins in the row. */
  #process(me: number): number {
    return 1 + this.#wordNames.length + me * (OWN + this.#ownNames.length);
  }

  #label(label: string): number {
    let number = this.#labelNumbers.get(label);
    if (number === undefined) {
      this.#labelNumbers.set(label, number = this.#labels.length);
      this.#labels.push(label);
    }
    return number;
  }

  #bit(word: string): number {
    let bit = this.#slept.indexOf(word);
    if (bit === -1) bit = this.#slept.push(word) - 1;
    if (bit > 14) throw new Error("A model may have 15 words that are slept on");
    return 1 << bit;
  }

  #processView(own: Record<string, number>, base: number): ModelProcess {
    const row = () => this.#row;
    const labels = this.#labels;
    const slept = this.#slept;
    return {
      own,
      get at() {
        return labels[row()[base + AT]!]!;
      },
      get asleep() {
        const set = row()[base + ASLEEP]!;
        return set === 0 ? undefined : slept.filter((_, bit) => (set & (1 << bit)) !== 0);
      },
      get fate() {
        return FATES[row()[base + FATE]!];
      },
    };
  }

  /** Named numbers that are in the row from an offset on. */
  #view(names: readonly string[], offset: number): Record<string, number> {
    const view: Record<string, number> = {};
    names.forEach((name, index) => {
      Object.defineProperty(view, name, {
        enumerable: true,
        get: () => this.#row[offset + index],
        set: (value: number) => {
          if (!(value >= -0x8000 && value <= 0x7fff)) throw new RangeError(`${name} has no room for ${value}`);
          this.#row[offset + index] = value;
        },
      });
    });
    return Object.preventExtensions(view);
  }
}

/** Signed, as the row was. */
function rowOf(key: string): Row {
  const row: Row = [];
  for (let index = 0; index < key.length; index++) row.push((key.charCodeAt(index) << 16) >> 16);
  return row;
}

/** Every way to choose `count` of them. */
function choices(from: readonly number[], count: number): number[][] {
  if (count === 0) return [[]];
  return from.flatMap((one, index) => choices(from.slice(index + 1), count - 1).map((rest) => [one, ...rest]));
}
