import { assert, assertEquals } from "@std/assert";
import { explore, type Model, type ModelState, type Step } from "./model_checker.ts";

/** Whether larger models are explored, too: see tests/stress/model_test.ts. */
const LARGE = import.meta.url.endsWith("?large");

/** Bits of the futex word; the rest is the owner: 1 for process 0, and so on. */
const WAITERS = 64;
const OWNER_DIED = 128;
const OWNER = 63;
const ALL = Infinity;

const CONSISTENT = 0;
const INCONSISTENT = 1;
const UNRECOVERABLE = 2;

const tid = (me: number) => me + 1;
const owner = (word: number) => word & OWNER;

/**
 * The steps of `lib/sync/robust_word.ts`, under the names that they have there, with those of `mutex.ts` in between: E looks at the state, C is
 * what the lock guards. `data` is 1 while it is half changed. `pending` and `linked` are what the kernel's robust list knows.
 */
const STEPS: Record<string, Step> = {
  T0: ({ words }) => owner(words["word"]!) === 0 ? "T1" : "S1",
  T1: ({ own }) => (own["pending"] = 1, "T2"),
  T2: ({ words, own, me }) => {
    const seen = words["word"]!;
    if (owner(seen) !== 0) return "T5 no";
    words["word"] = tid(me) | own["slept"]! | (seen & WAITERS);
    own["died"] = seen & OWNER_DIED ? 1 : 0;
    return "T4";
  },
  T4: ({ own }) => (own["linked"] = 1, "T5"),
  T5: ({ own }) => (own["pending"] = 0, "E1"),
  "T5 no": ({ own }) => (own["pending"] = 0, "S1"),
  E1: ({ words, own }) => {
    if (own["died"] === 0 && words["state"] === CONSISTENT) return "C1";
    own["died"] = 1;
    if (words["state"] === UNRECOVERABLE) return "R1";
    words["state"] = INCONSISTENT;
    return "C1";
  },
  C1: ({ words, own }) => {
    // Who was told of a death repairs; who was not, trusts.
    if (own["died"] === 1) own["repaired"] = 1;
    else if (words["data"] === 1) own["fooled"] = 1;
    words["data"] = 1;
    return "C2";
  },
  C2: ({ words, own }) => (words["data"] = 0, own["died"] === 1 ? "C3" : "R1"),
  C3: ({ words }) => (words["state"] = CONSISTENT, "R1"),
  S1: ({ words, own }) => {
    if (owner(words["word"]!) === 0) return "T0";
    own["expected"] = words["word"]! |= WAITERS;
    return "S2";
  },
  S2: ({ own }) => (own["pending"] = 1, ["S3", "gives up"]),
  S3: ({ own, sleep }) => (sleep({ word: own["expected"]! }), own["slept"] = WAITERS, "T0"),
  "gives up": ({ own }) => (own["pending"] = 0, own["slept"] = 0, own["expected"] = 0, "again"),
  R1: ({ own }) => (own["pending"] = 1, "R2"),
  R2: ({ own }) => (own["linked"] = 0, "R3"),
  R3: ({ words, wake }) => {
    const seen = words["word"]!;
    words["word"] = 0;
    if (seen & WAITERS) wake("word", ALL);
    return "R4";
  },
  R4: ({ own }) => {
    Object.assign(own, { pending: 0, slept: 0, expected: 0, died: 0, repaired: 0 });
    return "again";
  },
  again: ({ own }) => --own["rounds"]! > 0 ? "T0" : "done",
};

/** `handle_futex_death()` of the kernel, for the one word that there is. */
const death: Model["death"] = ({ words, own, me, wake }) => {
  if (own["linked"] === 0 && own["pending"] === 0) return;
  const seen = words["word"]!;
  if (own["pending"] === 1 && owner(seen) === 0) return wake("word", 1);
  if (owner(seen) !== tid(me)) return;
  words["word"] = (seen & WAITERS) | OWNER_DIED;
  if (seen & WAITERS) wake("word", 1);
};

function broken({ processes }: ModelState): string | undefined {
  const inside = processes.filter(({ at, fate }) => fate === undefined && /^(C|E)/.test(at));
  if (inside.length > 1) return "two have the lock";
  if (processes.some(({ own }) => own["fooled"] === 1)) return "a death was not told";
  return undefined;
}

interface Size {
  processes: number;
  rounds: number;
  faults: number;
}

function mutexModel({ processes, rounds, faults }: Size, change: Partial<Model> = {}): Model {
  const own = { rounds, pending: 0, linked: 0, slept: 0, expected: 0, died: 0, repaired: 0, fooled: 0 };
  return {
    words: { word: 0, state: CONSISTENT, data: 0 },
    processes: Array.from({ length: processes }, () => ({ at: "T0", own })),
    steps: STEPS,
    death,
    broken,
    faults,
    ...change,
  };
}

const wakeOne: Step = ({ words, wake }) => {
  const seen = words["word"]!;
  words["word"] = 0;
  if (seen & WAITERS) wake("word", 1);
  return "R4";
};

/** What R3 was once: the word is free, with WAITERS in it, before the sleepers are woken; then WAITERS is taken out. */
const twoSteps: Record<string, Step> = {
  R3: ({ words }) => {
    const seen = words["word"]!;
    words["word"] = seen & WAITERS;
    return seen & WAITERS ? "R3 wakes" : "R4";
  },
  "R3 wakes": ({ wake }) => (wake("word", ALL), "R3 wipes"),
  "R3 wipes": ({ words }) => (words["word"] === WAITERS && (words["word"] = 0), "R4"),
};

/** The same, without WAITERS in between. */
const wiped: Step = ({ words }) => {
  const seen = words["word"]!;
  words["word"] = 0;
  return seen & WAITERS ? "R3 wakes" : "R4";
};
const whileWaiting: Model["mayStop"] = ({ at }) => /^(S|T[01])/.test(at);

Deno.test("mutex protocol: every interleaving of three processes, with one death at any step, excludes, tells and wakes", () => {
  const verdict = explore(mutexModel({ processes: 3, rounds: 1, faults: 1 }));
  assertEquals(verdict.mistake, undefined);
  assert(verdict.states > 10_000);
});

Deno.test("mutex protocol: two processes that lock twice, with one death at any step", () => {
  assertEquals(explore(mutexModel({ processes: 2, rounds: 2, faults: 1 })).mistake, undefined);
});

Deno.test("mutex protocol: a waiter that stops for ever is nobody's loss", () => {
  const change = { mayStop: whileWaiting };
  assertEquals(explore(mutexModel({ processes: 3, rounds: 1, faults: 1 }, change)).mistake, undefined);
});

Deno.test("mutex protocol: after two deaths, looking again is enough", () => {
  assertEquals(explore(mutexModel({ processes: 3, rounds: 1, faults: 2 }, { looksAgain: true })).mistake, undefined);
});

if (LARGE) {
  Deno.test("mutex protocol: three processes that lock twice", () => {
    assertEquals(explore(mutexModel({ processes: 3, rounds: 2, faults: 0 })).mistake, undefined);
  });

  Deno.test("mutex protocol: three processes that lock twice, with one death at any step", () => {
    assertEquals(explore(mutexModel({ processes: 3, rounds: 2, faults: 1 })).mistake, undefined);
  });

  Deno.test("mutex protocol: the model checker finds a mistake: freed and woken in two steps, WAITERS left in between", () => {
    const model = mutexModel({ processes: 3, rounds: 2, faults: 1 }, { steps: { ...STEPS, ...twoSteps } });
    assert(explore(model).mistake?.what.includes("nobody wakes"));
  });
}

/** Mistakes that the checker must find: without them it would prove nothing. */
const MUTANTS: readonly (readonly [what: string, change: Partial<Model>, found: RegExp])[] = [
  ["no pending pointer while taking", { steps: { ...STEPS, T1: () => "T2" } }, /nobody wakes/],
  [
    "one woken of several, who has no pending pointer while asleep, and dies",
    { steps: { ...STEPS, S2: () => "S3", R3: wakeOne } },
    /nobody wakes/,
  ],
  ["one woken of several, who stops", { steps: { ...STEPS, R3: wakeOne }, mayStop: whileWaiting }, /nobody wakes/],
  [
    "linked after pending is over",
    { steps: { ...STEPS, T4: ({ own }) => (own["pending"] = 0, "T5"), T5: ({ own }) => (own["linked"] = 1, "E1") } },
    /nobody wakes/,
  ],
  [
    "waiters not announced",
    { steps: { ...STEPS, S1: ({ own, words }) => (own["expected"] = words["word"]!, "S2") } },
    /nobody wakes/,
  ],
  [
    "asleep whatever the word says",
    { steps: { ...STEPS, S3: ({ words, sleep }) => (sleep({ word: words["word"]! }), "T0") } },
    /nobody wakes/,
  ],
  [
    "WAITERS forgotten by who slept, and one woken of several",
    { steps: { ...STEPS, S3: ({ own, sleep }) => (sleep({ word: own["expected"]! }), "T0"), R3: wakeOne } },
    /nobody wakes/,
  ],
  [
    "freed and woken in two steps",
    { steps: { ...STEPS, ...twoSteps, R3: wiped } },
    /nobody wakes/,
  ],
  ["death not looked at", { steps: { ...STEPS, E1: ({ own }) => (own["died"] = 0, "C1") } }, /not told/],
];

for (const [what, change, found] of LARGE ? [] : MUTANTS) {
  Deno.test(`mutex protocol: the model checker finds a mistake: ${what}`, () => {
    const { mistake } = explore(mutexModel({ processes: 3, rounds: 1, faults: 1 }, change));
    assert(mistake !== undefined && found.test(mistake.what), mistake?.what ?? "no mistake was found");
  });
}
