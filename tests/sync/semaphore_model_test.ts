import { assert, assertEquals } from "@std/assert";
import { explore, type Model, type ModelState, type Step, type StepContext } from "./model_checker.ts";

/** Whether larger models are explored, too: see tests/stress/model_test.ts. */
const LARGE = import.meta.url.endsWith("?large");

/** Bits of robust words; the rest is the owner: 1 for process 0, and so on. */
const WAITERS = 64;
const OWNER_DIED = 128;
const OWNER = 63;
const ALL = Infinity;

const tid = (me: number) => me + 1;
const owner = (word: number | undefined) => word! & OWNER;

/** How many processes there are; every one has a slot, of which it dies but once, so a record is what it holds. */
const COUNT = 3;
const ALL_OF_THEM = [0, 1, 2];

function available(words: StepContext["words"]): number {
  return words["permits"]! + words["delta"]! - ALL_OF_THEM.reduce((sum, index) => sum + words[`held${index}`]!, 0);
}

/**
 * The steps of `lib/sync/semaphore_steps.ts`, under the names that they have there; T, S and R are those of robust_word.ts, for the gate. A holder acquires
 * and releases, a waiter uses a permit up, a poster posts two.
 */
const STEPS: Record<string, Step> = {
  T0: ({ words, own }) => (own["pending"] = 0, owner(words["gate"]) === 0 ? "T1" : "S1"),
  T1: ({ own }) => (own["pending"] = 1, "T2"),
  T2: ({ words, own, me }) => {
    const seen = words["gate"]!;
    if (owner(seen) !== 0) return "T0";
    words["gate"] = tid(me) | (seen & WAITERS) | (own["slept"] === 1 ? WAITERS : 0);
    return "T4";
  },
  T4: ({ own }) => (own["linked"] = 1, own["pending"] = own["slept"] = 0, "A1"),
  S1: ({ words, own }) => {
    if (owner(words["gate"]) === 0) return "T0";
    own["expected"] = words["gate"]! |= WAITERS;
    own["pending"] = 1;
    return "S3";
  },
  S3: ({ own, sleep }) => {
    sleep({ gate: own["expected"]! });
    own["expected"] = 0;
    own["slept"] = 1;
    return "T0";
  },

  A1: ({ words }) => available(words) > 0 ? "A3" : "N1",
  A3: ({ words, own, me }) => (own["holder"] === 1 ? words[`held${me}`]!++ : words["delta"]!--, own["got"] = 1, "Q"),
  Q: ({ words }) => words["waiting"] !== 0 && available(words) > 0 ? "P3" : "R1",
  N1: ({ words, own }) => (own["seq"] = words["seq"]!, own["delta"] = words["delta"]!, "N1 tell"),
  "N1 tell": ({ words, own }) => (words["waiting"] = own["seq"]! + 1, own["look"] = 0, "N2"),
  N2: ({ words, own, me }) => {
    const index = own["look"]!;
    if (index === COUNT) return own["look"] = 0, available(words) > 0 ? "A3" : "R1";
    own["look"]!++;
    if (index === me || words[`held${index}`] === 0) return own[`slot${index}`] = 0, "N2";
    if (owner(words[`slot${index}`]) === 0) words[`held${index}`] = own[`slot${index}`] = 0;
    else own[`slot${index}`] = words[`slot${index}`]! |= WAITERS;
    return "N2";
  },
  R1: ({ own }) => (own["pending"] = 1, own["linked"] = 0, "R3"),
  R3: ({ words, wake }) => {
    const seen = words["gate"]!;
    words["gate"] = 0;
    if (seen & WAITERS) wake("gate", ALL);
    return "R4";
  },
  R4: ({ own }) => {
    own["pending"] = 0;
    if (own["got"] === 0) return "N3";
    forget(own);
    return own["holder"] === 1 ? "C" : "done";
  },
  N3: ({ own, sleep }) => {
    const slots = ALL_OF_THEM.filter((index) => own[`slot${index}`] !== 0).map((
      index,
    ) => [`slot${index}`, own[`slot${index}`]]);
    sleep({ seq: own["seq"]!, delta: own["delta"]!, bell: 0, ...Object.fromEntries(slots) });
    return "H4";
  },
  H4: ({ words, own, wake }) => {
    for (const index of ALL_OF_THEM) {
      const [seen, expected] = [words[`slot${index}`]!, own[`slot${index}`]!];
      if (expected === 0 || seen === expected || (seen & WAITERS) === 0) continue;
      words[`slot${index}`] = seen & ~WAITERS;
      wake(`slot${index}`, ALL);
    }
    forget(own);
    return "T0";
  },

  C: () => "P1",
  P1: ({ own }) => (own["ringing"] = 1, "P2"),
  P2: (
    { words, own, me },
  ) => (own["holder"] === 1 ? words[`held${me}`]!-- : words["delta"]! += 2, own["gave"] = 1, "P3"),
  P3: ({ words, own }) => (own["seen"] = words["waiting"]!, own["seen"] === 0 ? "P6" : "P3 count"),
  "P3 count": ({ words }) => (words["seq"]!++, "P4"),
  P4: ({ wake }) => (wake("seq", ALL), "P5"),
  P5: ({ words, own }) => (words["waiting"] === own["seen"] && (words["waiting"] = 0), "P6"),
  P6: ({ own }) => (own["ringing"] = own["seen"] = 0, own["linked"] === 1 ? "R1" : "done"),
};

function forget(own: StepContext["own"]): void {
  own["seq"] = own["delta"] = 0;
  for (const index of ALL_OF_THEM) own[`slot${index}`] = 0;
}

/** `exit_robust_list()` of the kernel: the slot, the gate if it is held or pending, and the bell, which it takes for a word that was just released. */
const death: Model["death"] = ({ words, own, me, wake }) => {
  release(words, `slot${me}`, me, wake);
  if (own["ringing"] === 1) wake("bell", 1);
  if (own["linked"] === 1) release(words, "gate", me, wake);
  else if (own["pending"] === 1) {
    if (owner(words["gate"]) === 0) wake("gate", 1);
    else release(words, "gate", me, wake);
  }
  // Somebody else posts in the place of one that never did.
  if (own["poster"] === 1 && own["gave"] === 0) {
    words["delta"]! += 2;
    words["seq"]!++;
    wake("seq", ALL);
  }
};

function release(words: Record<string, number>, word: string, me: number, wake: StepContext["wake"]): void {
  const seen = words[word]!;
  if (owner(seen) !== tid(me)) return;
  words[word] = (seen & WAITERS) | OWNER_DIED;
  if (seen & WAITERS) wake(word, 1);
}

function broken({ words, processes }: ModelState): string | undefined {
  const inside = processes.filter(({ at, fate }) => fate === undefined && (at === "C" || at === "P1")).length;
  if (inside > words["permits"]! + 2) return "more are inside than there are permits";
  const holders = processes.filter(({ at, own }) => own["holder"] === 1 && (at === "C" || at === "P1")).length;
  return holders > words["permits"]! ? "more hold a permit than there are" : undefined;
}

type Kind = "holder" | "waiter" | "poster";

function semaphoreModel(who: readonly Kind[], permits: number, faults: number, change: Partial<Model> = {}): Model {
  const own = {
    pending: 0,
    linked: 0,
    slept: 0,
    expected: 0,
    seq: 0,
    delta: 0,
    look: 0,
    got: 0,
    gave: 0,
    seen: 0,
    ringing: 0,
  };
  const words: Record<string, number> = { gate: 0, seq: 0, waiting: 0, delta: 0, bell: 0, permits };
  for (const index of ALL_OF_THEM) {
    words[`held${index}`] = 0;
    words[`slot${index}`] = tid(index);
  }
  const roles = (kind: Kind) => ({ holder: kind === "holder" ? 1 : 0, poster: kind === "poster" ? 1 : 0 });
  return {
    words,
    processes: who.map((kind) => ({
      at: kind === "poster" ? "P1" : "T0",
      own: { ...own, slot0: 0, slot1: 0, slot2: 0, ...roles(kind) },
    })),
    steps: STEPS,
    death,
    broken,
    faults,
    ...change,
  };
}

const SHAPES: readonly (readonly [who: readonly Kind[], permits: number])[] = [
  [["holder", "holder", "holder"], 1],
  [["poster", "waiter", "waiter"], 0],
];

const LARGE_SHAPES: typeof SHAPES = [
  [["holder", "holder", "holder"], 2],
  [["holder", "holder", "waiter"], 2],
];

for (const [who, permits] of LARGE ? LARGE_SHAPES : SHAPES) {
  Deno.test(`Semaphore protocol: every interleaving of ${who.join(", ")} with a death at any step loses no permit and no wake-up`, () => {
    const verdict = explore(semaphoreModel(who, permits, 1));
    assertEquals(verdict.mistake, undefined);
    assert(verdict.states > 1000);
  });
}

const whileWaiting: NonNullable<Model["mayStop"]> = ({ at, own }) => own["poster"] === 0 && /^(T[01]|S|N3|H4)/.test(at);

Deno.test("Semaphore protocol: who waits and stops for ever is nobody's loss", () => {
  const [who, permits] = SHAPES[1]!;
  assertEquals(explore(semaphoreModel(who, permits, 1, { mayStop: whileWaiting })).mistake, undefined);
});

Deno.test("Semaphore protocol: after two deaths, looking again is enough", () => {
  for (const [who, permits] of SHAPES.slice(1)) {
    assertEquals(explore(semaphoreModel(who, permits, 2, { looksAgain: true })).mistake, undefined);
  }
});

/** Mistakes that the checker must find: without them it would prove nothing. */
const MUTANTS: readonly (readonly [what: string, shape: number, steps: Record<string, Step>, found: RegExp])[] = [
  [
    "two take without the gate",
    0,
    { T0: () => "A1", R1: ({ own }) => own["got"] === 0 ? "N3" : "C" },
    /more hold|nobody/,
  ],
  ["who gives wakes nobody", 0, { P4: () => "P5" }, /nobody wakes/],
  ["a sleeper announces itself after it has counted", 0, {
    N1: ({ words, own }) => (own["seq"] = words["seq"]!, own["delta"] = words["delta"]!, own["look"] = 0, "N2"),
    N3: (context) => (context.words["waiting"] = context.own["seq"]! + 1, "N3 late"),
    "N3 late": (context) => STEPS["N3"]!(context),
  }, /nobody wakes/],
  ["no pending bell while posting", 1, { P1: () => "P2" }, /nobody wakes/],
  ["slots are not watched", 0, {
    N3: ({ own, sleep }) => (sleep({ seq: own["seq"]!, delta: own["delta"]! }), "H4"),
  }, /nobody wakes/],
  ["who takes after a death does not pass on", 1, { Q: () => "R1" }, /nobody wakes/],
];

for (const [what, shape, steps, found] of LARGE ? [] : MUTANTS) {
  Deno.test(`Semaphore protocol: the model checker finds a mistake: ${what}`, () => {
    const [who, permits] = SHAPES[shape]!;
    const { mistake } = explore(semaphoreModel(who, permits, 1, { steps: { ...STEPS, ...steps } }));
    assert(mistake !== undefined && found.test(mistake.what), mistake?.what ?? "no mistake was found");
  });
}
