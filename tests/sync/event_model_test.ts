import { assert, assertEquals } from "@std/assert";
import { explore, type Model, type ModelState, type Step } from "./model_checker.ts";
import { ALL } from "./robust_model.ts";

/** Whether larger models are explored, too: see tests/stress/model_test.ts. */
const LARGE = import.meta.url.endsWith("?large");

const SET = 1;
const WAITERS = 2;
const COUNT = 4;

/**
 * The steps of `lib/sync/event.ts`, under the names that they have there. `auto` is 1 for an `autoResetEvent`; `made` and `taken` count what such an event
 * came to. A resetter resets an `event` once.
 */
const STEPS: Record<string, Step> = {
  E1: ({ words, own }) => {
    const seen = words["word"]!;
    if ((seen & SET) === 0) {
      words["word"] = (words["auto"] === 1 ? seen : seen + COUNT) | SET;
      words["made"]!++;
    }
    own["seen"] = words["word"]!;
    return own["seen"] & WAITERS ? "E2" : "again";
  },
  E2: ({ wake }) => (wake("word", ALL), "E3"),
  E3: ({ words, own }) => (words["word"] === own["seen"] && (words["word"]! &= ~WAITERS), "again"),
  again: ({ own }) => (own["seen"] = 0, --own["rounds"]! > 0 ? "E1" : "done"),
  reset: ({ words }) => (words["word"]! &= ~SET, "done"),

  W0: ({ words, own }) => {
    own["since"] = words["word"]! & -COUNT;
    own["made"] = words["made"]!;
    return "W1";
  },
  W1: ({ words, own }) => {
    const seen = words["word"]!;
    if (words["auto"] === 0 && (seen & -COUNT) !== own["since"]) return "gone on";
    own["seen"] = seen;
    if ((seen & SET) !== 0) return words["auto"] === 0 ? "gone on" : "W3";
    own["seen"] = words["word"] = seen | WAITERS;
    return ["W2", "gives up"];
  },
  W2: ({ own, sleep }) => (sleep({ word: own["seen"]! }), "W2 again"),
  // A sleeper that finds the same value only sleeps again.
  "W2 again": ({ words, own }) => words["word"] === own["seen"] ? "W2" : (own["seen"] = 0, "W1"),
  W3: ({ words, own }) => {
    const taken = words["word"] === own["seen"];
    own["seen"] = 0;
    if (!taken) return "W1";
    words["word"]! &= ~SET;
    words["taken"]!++;
    return "gone on";
  },
  "gone on": ({ own }) => (own["seen"] = own["since"] = own["made"] = 0, "done"),
  "gives up": ({ own }) => (own["seen"] = own["since"] = own["made"] = 0, "done"),
};

function broken({ words, processes }: ModelState): string | undefined {
  if (words["auto"] === 1 && words["made"]! - words["taken"]! !== (words["word"]! & SET)) {
    return "an event went to two, or to nobody";
  }
  if (words["made"] === 0 && processes.some(({ at }) => at === "gone on")) return "somebody went on before it was set";
  return undefined;
}

/** Who waits for what has not happened waits on. An `event` has happened when it was set since the wait began. */
const mayWait: NonNullable<Model["mayWait"]> = ({ at, own }, { words }) => {
  if (!at.startsWith("W") || (words["word"]! & SET) !== 0) return false;
  return words["auto"] === 1 || own["made"] === words["made"];
};

type Role = "setter" | "setter twice" | "resetter" | "waiter";
const START = { setter: "E1", "setter twice": "E1", resetter: "reset", waiter: "W0" } as const;

function eventModel(kind: "manual" | "auto", who: readonly Role[], change: Partial<Model> = {}): Model {
  return {
    words: { word: 0, auto: kind === "auto" ? 1 : 0, made: 0, taken: 0 },
    processes: who.map((role) => ({
      at: START[role],
      own: { seen: 0, since: 0, made: 0, rounds: role === "setter twice" ? 2 : 1 },
    })),
    steps: STEPS,
    death: () => {},
    broken,
    mayWait,
    faults: 0,
    ...change,
  };
}

const isWaiting: NonNullable<Model["mayStop"]> = ({ at }) => at.startsWith("W");
const WAITERS_DIE: Partial<Model> = { faults: 2, mayDie: isWaiting, mayStop: isWaiting };
const SETTERS_DIE: Partial<Model> = { faults: 2, looksAgain: true };

const GROUPS = {
  manual: [["setter twice", "resetter", "waiter", "waiter"]],
  auto: [["setter", "setter twice", "waiter", "waiter"]],
} as const;

const LARGE_GROUPS: Readonly<Record<"manual" | "auto", readonly (readonly Role[])[]>> = {
  manual: [["setter", "setter", "resetter", "waiter", "waiter"]],
  auto: [["setter", "setter", "waiter", "waiter", "waiter"]],
};

for (const kind of ["manual", "auto"] as const) {
  for (const who of LARGE ? LARGE_GROUPS[kind] : GROUPS[kind]) {
    const name = `${kind} event protocol: ${who.join(", ")}`;
    Deno.test(`${name}: nobody misses it, also when waiters die, stop or give up`, () => {
      const verdict = explore(eventModel(kind, who, WAITERS_DIE));
      assertEquals(verdict.mistake, undefined);
      assert(verdict.states > 1000);
    });
    Deno.test(`${name}: after the death of setters, looking again is enough`, () => {
      assertEquals(explore(eventModel(kind, who, SETTERS_DIE)).mistake, undefined);
    });
  }
}

/** Mistakes that the checker must find: without them it would prove nothing. */
const MUTANTS: readonly (readonly ["manual" | "auto", what: string, steps: Record<string, Step>, found: RegExp])[] = [
  ["manual", "sets are not counted", {
    E1: ({ words, own }) => {
      words["made"]!++;
      own["seen"] = words["word"]! |= SET;
      return own["seen"] & WAITERS ? "E2" : "again";
    },
  }, /nobody wakes/],
  ["auto", "one woken of several, who stops", { E2: ({ wake }) => (wake("word", 1), "E3") }, /nobody wakes/],
  ["auto", "taken whatever the word is by then", {
    W3: ({ words }) => (words["word"]! &= ~SET, words["taken"]!++, "gone on"),
  }, /to two/],
  ["auto", "waiters not announced", {
    W1: ({ words, own }) => {
      own["seen"] = words["word"]!;
      return own["seen"] & SET ? "W3" : "W2";
    },
  }, /nobody wakes/],
  ["auto", "asleep whatever the word says", {
    W2: ({ words, sleep }) => (sleep({ word: words["word"]! }), "W1"),
  }, /nobody wakes/],
  ["auto", "the bit of the waiters wiped before they are woken, and one woken", {
    E2: ({ words, own }) => (words["word"] === own["seen"] && (words["word"]! &= ~WAITERS), "E3"),
    E3: ({ wake }) => (wake("word", 1), "again"),
  }, /nobody wakes/],
  ["manual", "the bit of the waiters wiped whatever the word is by then", {
    E3: ({ words }) => (words["word"]! &= ~WAITERS, "again"),
  }, /nobody wakes/],
  [
    "manual",
    "a reset that forgets who sleeps",
    { reset: ({ words }) => (words["word"]! &= ~(SET | WAITERS), "done") },
    /nobody wakes/,
  ],
];

for (const [kind, what, steps, found] of LARGE ? [] : MUTANTS) {
  Deno.test(`${kind} event protocol: the model checker finds a mistake: ${what}`, () => {
    const mistakes = GROUPS[kind].map((who) => {
      return explore(eventModel(kind, who, { ...WAITERS_DIE, steps: { ...STEPS, ...steps } })).mistake?.what;
    });
    assert(mistakes.some((mistake) => mistake !== undefined && found.test(mistake)), `found ${mistakes.join(" and ")}`);
  });
}
