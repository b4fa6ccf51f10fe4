/** Every interleaving of listeners over `mq:` that take one name and give it up, with deaths at any step: nobody loses a queue that lives. */
import { assert, assertEquals } from "@std/assert";
import { explore, type Model, type ModelProcess, type ModelState, type Step } from "../sync/model_checker.ts";

type Words = Record<string, number>;

/** One more queue than processes: each has one open at most, and one has the name. */
const PROCESSES = 3;
const QUEUES = [1, 2, 3, 4];

/** Whose lock a queue's name has; 0 for nobody's. */
const lockOf = (queue: number): string => `lock${queue}`;

function close(words: Words, own: Words, me: number): void {
  const lock = lockOf(own["queue"]!);
  if (words[lock] === me + 1) words[lock] = 0;
  words[`open${me}`] = own["queue"] = 0;
}

function open(words: Words, own: Words, me: number, queue: number): void {
  words[`open${me}`] = own["queue"] = queue;
}

/** A queue that has no name, and that nobody has open. */
function unused(words: Words): number {
  const used = [words["name"], ...Array.from({ length: PROCESSES }, (_, who) => words[`open${who}`])];
  return QUEUES.find((queue) => !used.includes(queue)) ?? 0;
}

function tryLock(words: Words, own: Words, me: number): boolean {
  const lock = lockOf(own["queue"]!);
  if (words[lock] !== 0) return false;
  words[lock] = me + 1;
  return true;
}

/**
 * The steps of `lib/channel/mq_name.ts`: of a maker 1 to 3 and 6, of who cleans up a to c. `name` is the queue that has the name. All queues are marked:
 * they are from birth on.
 */
const STEPS: Record<string, Step> = {
  "1 make": ({ words, own, me }) => {
    if (words["name"] !== 0) return "a open";
    const queue = unused(words);
    words["name"] = queue;
    words[lockOf(queue)] = 0;
    open(words, own, me, queue);
    return "2 lock";
  },
  "2 lock": ({ words, own, me }) => tryLock(words, own, me) ? "3 look" : "again",
  "3 look": ({ words, own }) => words["name"] === own["queue"] ? (own["has"] = 1, "listens") : "again",
  listens: () => ["done", "6 look"],
  "6 look": ({ words, own }) => words["name"] === own["queue"] ? "6 unlink" : "6 close",
  "6 unlink": ({ words, own }) => (own["has"] = 0, own["left"] = 1, words["name"] = 0, "6 close"),
  "6 close": ({ words, own, me }) => (close(words, own, me), "done"),
  "a open": ({ words, own, me }) => {
    if (words["name"] === 0) return "1 make";
    open(words, own, me, words["name"]!);
    return "a lock";
  },
  "a lock": ({ words, own, me }) => tryLock(words, own, me) ? "b look" : "refused",
  "b look": ({ words, own }) => words["name"] === own["queue"] ? "c unlink" : "again",
  "c unlink": ({ words }) => (words["name"] = 0, "again"),
  again: ({ words, own, me }) => (close(words, own, me), "1 make"),
  refused: ({ words, own, me }) => (close(words, own, me), own["refused"] = 1, "done"),
};

function broken({ words, processes }: ModelState): string | undefined {
  const owners = processes.filter(({ own, fate }) => own["has"] === 1 && fate === undefined);
  if (owners.length > 1) return "two have the name";
  if (owners.some(({ own }) => own["queue"] !== words["name"])) return "a queue that lives has lost its name";
  const isOver = processes.every(({ at, fate }) => at === "done" && fate === undefined);
  if (isOver && processes.every(({ own }) => own["refused"] === 1)) return "all gave way, and to nobody";
  return undefined;
}

/** The kernel closes what a process had open. */
const death: Model["death"] = ({ words, own, me }) => close(words, own, me);

function nameModel(faults: number, change: Partial<Model> = {}): Model {
  const opens = Array.from({ length: PROCESSES }, (_, who) => [`open${who}`, 0] as const);
  const locks = QUEUES.map((queue) => [lockOf(queue), 0] as const);
  return {
    // A killed listener's queue is there.
    words: { name: 1, ...Object.fromEntries([...opens, ...locks]) },
    processes: Array.from({ length: PROCESSES }, () => ({
      at: "1 make",
      own: { queue: 0, has: 0, left: 0, refused: 0 },
    })),
    steps: STEPS,
    death,
    broken,
    faults,
    mayDie: ({ at }: ModelProcess) => at !== "done",
    ...change,
  };
}

for (const [what, faults] of [["nobody dies", 0], ["one dies", 1], ["two die", 2]] as const) {
  Deno.test(`The name of a queue: of three listeners one has it and keeps it, when ${what} at any step`, () => {
    const verdict = explore(nameModel(faults));
    assertEquals(verdict.mistake, undefined);
    assert(verdict.states > 500, `${verdict.states} states`);
  });
}

Deno.test("The name of a queue: whoever comes after a death at any step has it", () => {
  const model = nameModel(2, {
    // It begins when the others are no more, or not at all.
    steps: { ...STEPS, late: ({ words }) => words["gone"] === 2 ? "1 make" : "done" },
    death: (context) => (death(context), context.words["gone"]!++, undefined),
    mayDie: ({ at }, _, index) => at !== "done" && index < 2,
    broken(state) {
      const { own } = state.processes[2]!;
      begun ||= own["has"] === 1;
      return broken(state) ?? (own["refused"] === 1 ? "who comes last was refused" : undefined);
    },
  });
  let begun = false;
  const words = { ...model.words, gone: 0 };
  const processes = model.processes.map((process, index) => index === 2 ? { ...process, at: "late" } : process);
  assertEquals(explore({ ...model, words, processes }).mistake, undefined);
  assert(begun);
});

/** Mistakes that the checker must find: without them it would prove nothing. */
const MISTAKES: Readonly<Record<string, Readonly<Record<string, Step>>>> = {
  "who has made a queue does not look whether it still has the name": {
    "3 look": ({ own }) => (own["has"] = 1, "listens"),
  },
  "who cleans up does not look whether the queue still has the name": { "b look": () => "c unlink" },
  "who cleans up only asks whether the lock is free": {
    "a lock": ({ words, own }) => words[lockOf(own["queue"]!)] === 0 ? "b look" : "refused",
  },
  "who did not get the lock of its newborn unlinks the name": {
    "2 lock": ({ words, own, me }) => tryLock(words, own, me) ? "3 look" : (words["name"] = 0, "again"),
  },
};

for (const [what, steps] of Object.entries(MISTAKES)) {
  Deno.test(`The name of a queue: the checker finds it when ${what}`, () => {
    const { mistake } = explore(nameModel(1, { steps: { ...STEPS, ...steps } }));
    assert(mistake !== undefined && /lost its name|two have/.test(mistake.what), mistake?.what ?? "none was found");
  });
}
