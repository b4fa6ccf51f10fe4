import { assert, assertEquals } from "@std/assert";
import { explore, type Model, type ModelState, type Step } from "./model_checker.ts";
import { ALL, lockDies, lockSteps, ROBUST_OWN } from "./robust_model.ts";

/** Whether larger models are explored, too: see tests/stress/model_test.ts. */
const LARGE = import.meta.url.endsWith("?large");

/**
 * The steps of `lib/sync/condition.ts`, under the names that they have there; T, S and R are those of the mutex (robust_word.ts). Waiters take one item
 * each; a notifier adds one, and notifies before it releases the mutex, or after. `told` counts notifications, and who waits on an event
 * loop has `loop`.
 */
const STEPS: Record<string, Step> = {
  ...lockSteps(({ own }) => own["notifier"] === 1 ? "add" : own["gaveUp"] === 1 ? "last look" : "look", ({ own }) => {
    if (own["notifier"] === 0) return own["waits"] === 1 ? "C3" : "done";
    return own["told"] === 0 ? "N0" : "done";
  }),
  look: ({ words }) => words["items"]! > 0 ? "take" : "C1",
  take: ({ words }) => (words["items"]!--, "R1"),
  "last look": ({ words }) => words["items"]! > 0 ? "take" : "R1",
  C1: ({ words, own }) => (words["waiting"]!++, words["loops"]! += own["loop"]!, own["waits"] = 1, "C2"),
  C2: ({ words, own }) => (own["seq"] = words["seq"]!, "R1"),
  C3: () => ["C4", "gives up"],
  C4: ({ own, sleep }) => (sleep({ seq: own["seq"]! }), "C4 again"),
  "C4 again": ({ words, own }) => words["seq"] === own["seq"] ? "C3" : ["C5", "gives up"],
  "gives up": ({ own }) => (own["gaveUp"] = 1, "C5"),
  C5: ({ words, own }) => {
    words["waiting"]!--;
    words["loops"]! -= own["loop"]!;
    const passOn = own["gaveUp"] === 1 && own["seq"] !== words["seq"];
    own["waits"] = own["seq"] = 0;
    return passOn ? "C5 wake" : "T1";
  },
  // A notification that came at the last moment was perhaps for this one.
  "C5 wake": ({ wake }) => (wake("seq", ALL), "T1"),

  add: ({ words, own }) => (words["items"]!++, own["inside"] === 1 ? "N0" : "R1"),
  N0: ({ words, own }) => words["waiting"] === 0 ? (own["told"] = 1, over(own)) : "N1",
  N1: ({ words, own }) => (words["seq"]!++, own["told"] = 1, "N2"),
  N2: ({ words, own, wake }) => (wake("seq", words["loops"] === 0 ? own["most"]! : ALL), over(own)),
};

function over(own: Record<string, number>): string {
  return own["inside"] === 1 ? "R1" : "done";
}

const death: Model["death"] = (context) => {
  const { words, own } = context;
  lockDies(context);
  if (own["notifier"] === 1 && own["told"] === 0) words["untold"]!++;
};

function broken({ processes }: ModelState): string | undefined {
  const inside = processes.filter(({ at, fate }) => fate === undefined && /^(look|last look|take|C1|C2|add)$/.test(at));
  return inside.length > 1 ? "two have the lock" : undefined;
}

/** Who waits for what a dead one would have told waits on, and so does who waits for more than there is. */
const mayWait: NonNullable<Model["mayWait"]> = ({ at }, { words }) =>
  /^C[34]/.test(at) && (words["untold"]! > 0 || words["items"] === 0);

interface Size {
  waiters: number;
  notifiers: number;
  loops?: number;
  inside?: 0 | 1;
  most?: number;
}

function conditionModel(
  { waiters, notifiers, loops = 0, inside = 0, most = 1 }: Size,
  change: Partial<Model> = {},
): Model {
  const own = { ...ROBUST_OWN, notifier: 0, inside, most, told: 0, loop: 0, waits: 0, seq: 0, gaveUp: 0 };
  return {
    words: { lock: 0, seq: 0, waiting: 0, loops: 0, items: 0, untold: 0 },
    processes: [
      ...Array.from({ length: waiters }, (_, index) => ({ at: "T1", own: { ...own, loop: index < loops ? 1 : 0 } })),
      ...Array.from({ length: notifiers }, () => ({ at: "T1", own: { ...own, notifier: 1 } })),
    ],
    steps: STEPS,
    death,
    broken,
    mayWait,
    faults: 0,
    ...change,
  };
}

/** The lock is not held, and the last owner has told the others of its release. */
const whileWaiting: NonNullable<Model["mayStop"]> = ({ at, own }) => own["notifier"] === 0 && /^(C[345]|S|T1)/.test(at);

const CASES: readonly (readonly [what: string, size: Size, change: Partial<Model>])[] = [
  ["two who wait, and a notification after the lock was released", { waiters: 2, notifiers: 1 }, {}],
  ["one who waits, and two notifications with the lock held", { waiters: 1, notifiers: 2, inside: 1 }, {}],
  ["one notification for all", { waiters: 2, notifiers: 1, most: 2 }, {}],
  ["one who waits on an event loop, and stops", { waiters: 2, notifiers: 1, loops: 1 }, {
    faults: 1,
    mayDie: () => false,
    mayStop: (process, state, me) => process.own["loop"] === 1 && whileWaiting(process, state, me),
  }],
  ["one death with the lock held", { waiters: 2, notifiers: 1, inside: 1 }, { faults: 1, looksAgain: true }],
  ["one who waits, and stops", { waiters: 2, notifiers: 1 }, { faults: 1, looksAgain: true, mayStop: whileWaiting }],
];

const LARGE_CASES: typeof CASES = [
  ["one death, and sleepers that look again", { waiters: 2, notifiers: 1 }, { faults: 1, looksAgain: true }],
  ["two who wait, and two notifications after the lock was released", { waiters: 2, notifiers: 2 }, {}],
];

for (const [what, size, change] of LARGE ? LARGE_CASES : CASES) {
  Deno.test(`Condition protocol: ${what}: no notification is lost`, () => {
    const verdict = explore(conditionModel(size, change));
    assertEquals(verdict.mistake, undefined);
    assert(verdict.states > 500);
  });
}

/** Mistakes that the checker must find: without them it would prove nothing. */
const MUTANTS: readonly (readonly [what: string, which: number, steps: Record<string, Step>, found: RegExp])[] = [
  ["`seq` is read after the lock was released", 0, {
    C1: ({ words, own }) => (words["waiting"]!++, own["waits"] = 1, "R1"),
    C4: ({ words, own }) => (own["seq"] = words["seq"]!, "C4 late"),
    "C4 late": ({ own, sleep }) => (sleep({ seq: own["seq"]! }), "C4 again"),
    "C4 again": ({ words, own }) => words["seq"] === own["seq"] ? "C4 late" : "C5",
  }, /nobody wakes/],
  ["the waiter announces itself after it has released the lock", 0, {
    C1: ({ own }) => (own["waits"] = 1, "C2"),
    C4: ({ words }) => (words["waiting"]!++, "C4 late"),
    "C4 late": ({ own, sleep }) => (sleep({ seq: own["seq"]! }), "C4 again"),
    "C4 again": ({ words, own }) => words["seq"] === own["seq"] ? "C4 late" : "C5",
  }, /nobody wakes/],
  ["woken without a change of `seq`", 0, { N1: ({ own }) => (own["told"] = 1, "N2") }, /nobody wakes/],
  ["`seq` changes, and nobody is woken", 0, { N2: ({ own }) => over(own) }, /nobody wakes/],
  ["one woken where somebody waits on an event loop", 3, {
    N2: ({ own, wake }) => (wake("seq", 1), over(own)),
  }, /nobody wakes/],
  ["who gives up passes nothing on", 0, {
    C5: ({ words, own }) => {
      words["waiting"]!--;
      own["waits"] = own["seq"] = 0;
      // It does not look whether there is an item, either.
      return own["gaveUp"] === 1 ? "done" : "T1";
    },
  }, /nobody wakes/],
  ["what is waited for changes without the lock", 0, {
    T1: (context) => context.own["notifier"] === 1 ? "add freely" : STEPS["T1"]!(context),
    "add freely": ({ words }) => (words["items"]!++, "N0"),
  }, /nobody wakes/],
];

for (const [what, which, steps, found] of LARGE ? [] : MUTANTS) {
  Deno.test(`Condition protocol: the model checker finds a mistake: ${what}`, () => {
    const [, size, change] = CASES[which]!;
    const { mistake } = explore(conditionModel(size, { ...change, steps: { ...STEPS, ...steps } }));
    assert(mistake !== undefined && found.test(mistake.what), mistake?.what ?? "no mistake was found");
  });
}
