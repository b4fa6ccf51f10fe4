import { assert, assertEquals } from "@std/assert";
import { explore, type Model, type ModelState, type Step } from "./model_checker.ts";
import { ALL, lockDies, lockSteps, owner, OWNER_DIED, ROBUST_OWN, tid, WAITERS } from "./robust_model.ts";

/** Whether larger models are explored, too: see tests/stress/model_test.ts. */
const LARGE = import.meta.url.endsWith("?large");

/**
 * The steps of `lib/sync/participants.ts`, under the names that they have there, for a table of one slot, whose word is `lock`: so every new participant
 * has a slot that somebody had before. T, S and R are those of robust_word.ts.
 *
 * A participant holds something as readers do (E1, E2, C, X1 to X3), and leaves. A watcher raises a flag (W1), and goes on (D) when nobody holds
 * anything: nobody may be at C then.
 */
const STEPS: Record<string, Step> = {
  ...lockSteps(() => "J3", () => "again"),
  T2: ({ words, own, me }) => {
    const seen = words["lock"]!;
    if (owner(seen) !== 0) return own["pending"] = 0, "again";
    words["lock"] = tid(me) | OWNER_DIED | (seen & WAITERS);
    return "T4";
  },
  J3: ({ words, own }) => (own["generation"] = ++words["generation"]!, "J4"),
  J4: ({ words }) => (words["lock"]! &= ~OWNER_DIED, "J5"),
  // It may also stay, and hold nothing.
  J5: ({ words }) => (words["top"] = 1, ["E1", "done"]),
  E1: ({ words, own }) => (words["record"] = own["generation"]!, "E2"),
  E2: ({ words }) => words["flags"] === 0 ? "C" : "X1",
  C: () => "X1",
  X1: ({ words, own }) => (words["record"] === own["generation"] && (words["record"] = 0), "X2"),
  X2: ({ words }) => (words["seq"]!++, "X3"),
  X3: ({ own, wake }) => (wake("seq", ALL), own["generation"] = 0, "R1"),
  again: ({ own }) => --own["rounds"]! > 0 ? "T1" : "done",

  W1: ({ words, own }) => (words["flags"]!++, own["flag"] = 1, "W2"),
  W2: ({ words, own }) => (own["seq"] = words["seq"]!, "W3"),
  W3: ({ words }) => words["top"] === 0 ? "D" : "W4",
  W4: ({ words, own }) => (own["seen"] = words["record"]!, own["seen"] === 0 ? "D" : "H1"),
  H1: ({ words, own }) => {
    if (owner(words["lock"]) === 0) return "void";
    own["expected"] = words["lock"]! |= WAITERS;
    return "H2";
  },
  H2: ({ words }) => owner(words["lock"]) === 0 || words["lock"]! & OWNER_DIED ? "void" : "H2 generation",
  "H2 generation": ({ words, own }) => words["generation"] === own["seen"] ? "H3" : "void",
  void: ({ words, own }) => (words["record"] === own["seen"] && (words["record"] = 0), "D"),
  H3: ({ own, sleep }) => (sleep({ seq: own["seq"]!, lock: own["expected"]! }), "H4"),
  H4: ({ words, own }) => {
    const [seen, expected] = [words["lock"]!, own["expected"]!];
    own["seen"] = own["seq"] = own["expected"] = 0;
    if (seen === expected || (seen & WAITERS) === 0) return "W2";
    words["lock"] = seen & ~WAITERS;
    return "H4 wake";
  },
  "H4 wake": ({ wake }) => (wake("lock", ALL), "W2"),
  D: ({ words, own }) => {
    words["flags"]!--;
    own["flag"] =
      own["seen"] =
      own["seq"] =
      own["expected"] =
        0;
    return "done";
  },
};

const death: Model["death"] = (context) => {
  const { words, own } = context;
  lockDies(context);
  words["flags"]! -= own["flag"]!;
};

function broken({ words, processes }: ModelState): string | undefined {
  const living = processes.filter(({ fate }) => fate !== "died");
  const holders = living.filter(({ own }) => own["generation"] !== 0);
  if (holders.some(({ own }) => own["generation"] !== words["generation"])) {
    return "the generation of a living one is over";
  }
  if (holders.some(({ at, own }) => at === "C" && words["record"] !== own["generation"])) {
    return "the record of a living one was wiped";
  }
  if (living.some(({ at }) => at === "C") && living.some(({ at }) => at === "D")) {
    return "a living holder was overlooked";
  }
  return undefined;
}

/** Who is stopped while it holds something is waited for, and so is who is stopped between E1 and X3. */
const mayWait: NonNullable<Model["mayWait"]> = ({ own }, { processes }) =>
  own["watcher"] === 1 && processes.some(({ fate, own }) => fate === "stopped" && own["generation"] !== 0);

interface Size {
  participants: number;
  rounds?: number;
  watchers: number;
  faults: number;
}

function tableModel({ participants, rounds = 1, watchers, faults }: Size, change: Partial<Model> = {}): Model {
  const own = { ...ROBUST_OWN, watcher: 0, flag: 0, rounds, generation: 0, seen: 0, seq: 0 };
  return {
    words: { lock: 0, generation: 0, top: 0, record: 0, seq: 0, flags: 0 },
    processes: [
      ...Array.from({ length: participants }, () => ({ at: "T1", own })),
      ...Array.from({ length: watchers }, () => ({ at: "W1", own: { ...own, rounds: 0, watcher: 1 } })),
    ],
    steps: STEPS,
    death,
    broken,
    mayWait,
    faults,
    ...change,
  };
}

const whileJoining: NonNullable<Model["mayStop"]> = ({ at, own }) => own["watcher"] === 0 && /^[JT]/.test(at);

/** Two who take the slot one after the other, and a watcher that may come between. */
const TWO: Size = { participants: 2, watchers: 1, faults: 1 };
const WATCHED_BY_TWO: Size = { participants: 1, watchers: 2, faults: 1 };

const CASES: readonly (readonly [what: string, size: Size, change: Partial<Model>])[] = [
  ["two participants and a watcher, with one death", TWO, {}],
  ["a participant and two watchers, with one death", WATCHED_BY_TWO, {}],
  ["one stopped for ever while it joins, and one death", { ...TWO, faults: 2 }, { mayStop: whileJoining }],
  ["two deaths, when sleepers look again", { ...WATCHED_BY_TWO, faults: 2 }, { looksAgain: true }],
];

const LARGE_CASES: typeof CASES = [
  ["a slot that two take twice, with one death", { ...TWO, rounds: 2 }, {}],
  ["three participants and a watcher, one stopped for ever while it joins, and one death", {
    participants: 3,
    watchers: 1,
    faults: 2,
  }, { mayStop: whileJoining }],
  ["two participants and two watchers, with one death", { participants: 2, watchers: 2, faults: 1 }, {}],
];

for (const [what, size, change] of LARGE ? LARGE_CASES : CASES) {
  Deno.test(`participants protocol: ${what}: nobody alive is overlooked, nobody dead waited for`, () => {
    const verdict = explore(tableModel(size, change));
    assertEquals(verdict.mistake, undefined);
    assert(verdict.states > 1000);
  });
}

/** Mistakes that the checker must find: without them it would prove nothing. */
const MUTANTS: readonly (readonly [what: string, size: Size, steps: Record<string, Step>, found: RegExp])[] = [
  [
    "the slot of a dead one has an owner before its generation is over",
    { ...TWO, faults: 2 },
    {
      T2: ({ words, own, me }) => {
        const seen = words["lock"]!;
        if (owner(seen) !== 0) return own["pending"] = 0, "again";
        words["lock"] = tid(me) | (seen & WAITERS);
        return "T4";
      },
    },
    /nobody wakes/,
  ],
  [
    "the mark goes before the generation is another",
    { ...TWO, faults: 2 },
    {
      T5: ({ own }) => (own["pending"] = 0, "J4"),
      J4: ({ words }) => (words["lock"]! &= ~OWNER_DIED, "J3"),
      J3: ({ words, own }) => (own["generation"] = ++words["generation"]!, "J5"),
    },
    /nobody wakes/,
  ],
  ["no new generation", TWO, { J3: ({ words, own }) => (own["generation"] = words["generation"]! || 1, "J4") }, /over/],
  [
    "a generation that comes back",
    { ...TWO, rounds: 2 },
    { J3: ({ words, own }) => (own["generation"] = words["generation"] = 3 - (words["generation"]! || 2), "J4") },
    /nobody wakes|wiped/,
  ],
  ["`top` comes after the record", TWO, {
    J4: ({ words }) => (words["lock"]! &= ~OWNER_DIED, "E1"),
    E2: ({ words }) => words["flags"] === 0 ? "J5" : "X1",
    J5: ({ words }) => (words["top"] = 1, "C"),
  }, /overlooked/],
  ["the generation is not looked at", TWO, { "H2 generation": () => "H3" }, /nobody wakes/],
  ["nobody sleeps on the slot", TWO, { H3: ({ own, sleep }) => (sleep({ seq: own["seq"]! }), "H4") }, /nobody wakes/],
  ["WAITERS is not written", TWO, {
    H1: ({ words, own }) => {
      if (owner(words["lock"]) === 0) return "void";
      return own["expected"] = words["lock"]!, "H2";
    },
  }, /nobody wakes/],
  ["who was woken by a death does not wake the others", WATCHED_BY_TWO, {
    H4: ({ own }) => (own["seen"] = own["seq"] = own["expected"] = 0, "W2"),
  }, /nobody wakes/],
  ["a void record is wiped whatever it is by then", TWO, {
    void: ({ words }) => (words["record"] = 0, "D"),
  }, /wiped|overlooked/],
];

for (const [what, size, steps, found] of LARGE ? [] : MUTANTS) {
  Deno.test(`participants protocol: the model checker finds a mistake: ${what}`, () => {
    const change = { steps: { ...STEPS, ...steps }, mayStop: size.faults > 1 ? whileJoining : () => false };
    const { mistake } = explore(tableModel(size, change));
    assert(mistake !== undefined && found.test(mistake.what), mistake?.what ?? "no mistake was found");
  });
}
