import { assert, assertEquals } from "@std/assert";
import { explore, type Model, type ModelState, type Step, type StepContext } from "./model_checker.ts";

/** Whether larger models are explored, too: see tests/stress/model_test.ts. */
const LARGE = import.meta.url.endsWith("?large");

/** Bits of robust words; the rest is the owner: 1 for process 0, and so on. */
const WAITERS = 64;
const OWNER_DIED = 128;
const OWNER = 63;
const ALL = Infinity;

const CONSISTENT = 0;
const WRITING = 1;

const tid = (me: number) => me + 1;
const owner = (word: number | undefined) => word! & OWNER;

/** How many processes there are; every one has a slot, of which it dies but once, so a record is 1 or 0. */
const COUNT = 3;
const others = (me: number) => Array.from({ length: COUNT }, (_, index) => index).filter((index) => index !== me);

/**
 * The steps of `lib/sync/rw_lock_steps.ts`, under the names that they have there; T, S and R are those of robust_word.ts. `data` is 1 while it is half
 * written. A reader that is told of a death is content.
 */
const STEPS: Record<string, Step> = {
  // A reader.
  E0: ({ words }) => owner(words["word"]) === 0 ? "E1" : "S1",
  E1: ({ words, me }) => (words[`record${me}`] = 1, "E2"),
  E2: ({ words, own }) => owner(words["word"]) === 0 ? "E3" : (own["again"] = 1, "X1"),
  E3: ({ words }) => words["state"] === CONSISTENT ? "C reading" : "X1",
  "C reading": ({ words, own }) => (words["data"] === 1 && (own["fooled"] = 1), "X1"),
  X1: ({ words, me }) => (words[`record${me}`] = 0, "X2"),
  X2: ({ words, own }) => (own["seen"] = words["waiting"]!, own["seen"] === 0 ? "left" : "X2 count"),
  "X2 count": ({ words }) => (words["seq"]!++, "X3"),
  X3: ({ wake }) => (wake("seq", ALL), "X4"),
  X4: ({ words, own }) => (words["waiting"] === own["seen"] && (words["waiting"] = 0), own["seen"] = 0, "left"),
  left: ({ own }) => own["again"] === 1 ? (own["again"] = 0, "S1") : "again",

  // Anybody who waits for the word.
  S1: ({ words, own }) => {
    if (owner(words["word"]) === 0) return own["slept"] === 0 ? start(own) : "S5";
    own["expected"] = words["word"]! |= WAITERS;
    return "S2";
  },
  S2: ({ own }) => (own["pending"] = 1, "S3"),
  S3: ({ own, sleep }) => (sleep({ word: own["expected"]! }), own["slept"] = 1, "S4"),
  S4: ({ words, own }) => (own["expected"] = 0, owner(words["word"]) !== 0 ? "S1" : own["writer"] === 1 ? "T0" : "S5"),
  // A reader wakes the others, because it will not release the word.
  S5: ({ words, own }) => {
    if (own["writer"] === 1) return "T0";
    const seen = words["word"]!;
    if (owner(seen) !== 0 || (seen & WAITERS) === 0) return "S7";
    own["expected"] = seen;
    return "S5 wake";
  },
  "S5 wake": ({ wake }) => (wake("word", ALL), "S6"),
  S6: (
    { words, own },
  ) => (words["word"] === own["expected"] && (words["word"]! &= ~WAITERS), own["expected"] = 0, "S7"),
  S7: ({ own }) => (own["pending"] = own["slept"] = 0, "E0"),

  // A writer.
  T0: ({ words }) => owner(words["word"]) === 0 ? "T1" : "S1",
  T1: ({ own }) => (own["pending"] = 1, "T2"),
  T2: ({ words, own, me }) => {
    const seen = words["word"]!;
    if (owner(seen) !== 0) return own["pending"] = 0, "S1";
    words["word"] = tid(me) | (seen & WAITERS) | (own["slept"] === 1 ? WAITERS : 0);
    return "T4";
  },
  T4: ({ own }) => (own["linked"] = 1, own["pending"] = own["slept"] = 0, "W3"),
  W3: ({ words, own }) => (own["seq"] = words["seq"]!, own["look"] = 0, "W3 tell"),
  "W3 tell": ({ words, own }) => (words["waiting"] = own["seq"]! + 1, "W2"),
  W2: ({ words, own, me }) => {
    const index = others(me)[own["look"]!];
    if (index === undefined) {
      own["look"] = 0;
      return others(me).some((other) => own[`slot${other}`]! !== 0) ? ["W3 sleep", "gives up"] : "W3 end";
    }
    own[`slot${index}`] = 0;
    if (words[`record${index}`] === 0) return own["look"]!++, "W2";
    return "H1";
  },
  H1: ({ words, own, me }) => {
    const index = others(me)[own["look"]!++]!;
    if (owner(words[`slot${index}`]) === 0) words[`record${index}`] = 0;
    else own[`slot${index}`] = words[`slot${index}`]! |= WAITERS;
    return "W2";
  },
  "W3 sleep": ({ own, me, sleep }) => {
    const watched = others(me).filter((index) => own[`slot${index}`]! !== 0);
    sleep({ seq: own["seq"]!, ...Object.fromEntries(watched.map((index) => [`slot${index}`, own[`slot${index}`]!])) });
    return "H4";
  },
  H4: ({ words, own, me, wake }) => {
    for (const index of others(me)) {
      const [seen, expected] = [words[`slot${index}`]!, own[`slot${index}`]!];
      own[`slot${index}`] = 0;
      if (expected === 0 || seen === expected || (seen & WAITERS) === 0) continue;
      words[`slot${index}`] = seen & ~WAITERS;
      wake(`slot${index}`, ALL);
    }
    own["seq"] = 0;
    return "W3";
  },
  "gives up": ({ own, me }) => {
    for (const index of others(me)) own[`slot${index}`] = 0;
    return own["seq"] = 0, "R1";
  },
  "W3 end": ({ words, own }) => (words["waiting"] = own["seq"] = 0, "W4"),
  W4: ({ words, own }) => {
    own["died"] = words["state"] === WRITING ? 1 : 0;
    words["state"] = WRITING;
    return "C write";
  },
  "C write": ({ words, own }) => {
    // Who was told of a death repairs; who was not, trusts.
    if (own["died"] === 0 && words["data"] === 1) own["fooled"] = 1;
    words["data"] = 1;
    return "C wrote";
  },
  "C wrote": ({ words }) => (words["data"] = 0, "V1"),
  V1: ({ words }) => (words["state"] = CONSISTENT, "R1"),
  R1: ({ own }) => (own["pending"] = 1, own["linked"] = own["died"] = 0, "R3"),
  R3: ({ words, wake }) => {
    const seen = words["word"]!;
    words["word"] = 0;
    if (seen & WAITERS) wake("word", ALL);
    return "R4";
  },
  R4: ({ own }) => (own["pending"] = 0, "again"),
  again: ({ own }) => --own["rounds"]! > 0 ? start(own) : "done",
};

function start(own: StepContext["own"]): string {
  return own["writer"] === 1 ? "T0" : "E0";
}

/** `exit_robust_list()` of the kernel: the slot, and the word if it is held or pending. */
const death: Model["death"] = ({ words, own, me, wake }) => {
  release(words, `slot${me}`, me, wake);
  if (own["linked"] === 0 && own["pending"] === 0) return;
  if (own["pending"] === 1 && owner(words["word"]) === 0) wake("word", 1);
  else release(words, "word", me, wake);
};

function release(words: Record<string, number>, word: string, me: number, wake: StepContext["wake"]): void {
  const seen = words[word]!;
  if (owner(seen) !== tid(me)) return;
  words[word] = (seen & WAITERS) | OWNER_DIED;
  if (seen & WAITERS) wake(word, 1);
}

function broken({ processes }: ModelState): string | undefined {
  const inside = processes.filter(({ at, fate }) => fate === undefined && at.startsWith("C "));
  const writers = inside.filter(({ own }) => own["writer"] === 1).length;
  if (writers > 1) return "two write";
  if (writers === 1 && inside.length > 1) return "one reads beside a writer";
  if (processes.some(({ own }) => own["fooled"] === 1)) return "a death was not told";
  return undefined;
}

function rwLockModel(who: readonly ("reader" | "writer")[], faults: number, change: Partial<Model> = {}): Model {
  const own = {
    rounds: 1,
    pending: 0,
    linked: 0,
    slept: 0,
    expected: 0,
    seq: 0,
    seen: 0,
    look: 0,
    died: 0,
    again: 0,
    fooled: 0,
  };
  const slots = Object.fromEntries(who.map((_, index) => [`slot${index}`, 0]));
  const words: Record<string, number> = { word: 0, state: CONSISTENT, seq: 0, waiting: 0, data: 0 };
  who.forEach((_, index) => {
    words[`record${index}`] = 0;
    words[`slot${index}`] = tid(index);
  });
  return {
    words,
    processes: who.map((kind) => ({
      at: kind === "writer" ? "T0" : "E0",
      own: { ...own, ...slots, writer: kind === "writer" ? 1 : 0 },
    })),
    steps: STEPS,
    death,
    broken,
    faults,
    ...change,
  };
}

const SHAPES = [["reader", "reader", "writer"], ["reader", "writer", "writer"]] as const;

const whileWaiting: NonNullable<Model["mayStop"]> = ({ at }) => /^(E0|S|T0)/.test(at);

for (const who of SHAPES) {
  Deno.test(`RwLock protocol: every interleaving of ${who.join(", ")} with a death at any step, or one that waits and stops for ever, excludes, tells and wakes`, () => {
    const verdict = explore(rwLockModel(who, 1, { mayStop: whileWaiting }));
    assertEquals(verdict.mistake, undefined);
    assert(verdict.states > 1000);
  });
}

if (LARGE) {
  Deno.test("RwLock protocol: a reader and two writers, after two deaths, when sleepers look again", () => {
    const change = { looksAgain: true, mayStop: whileWaiting };
    assertEquals(explore(rwLockModel(["reader", "writer", "writer"], 2, change)).mistake, undefined);
  });
}

const TWO_READERS = ["reader", "reader", "writer"] as const;

Deno.test("RwLock protocol: after two deaths, looking again is enough", () => {
  assertEquals(explore(rwLockModel(TWO_READERS, 2, { looksAgain: true })).mistake, undefined);
});

/** Mistakes that the checker must find: without them it would prove nothing. */
const MUTANTS: readonly (readonly [what: string, shape: 0 | 1, steps: Record<string, Step>, found: RegExp])[] = [
  [
    "a reader looks before it writes its record",
    0,
    {
      E0: ({ words }) => owner(words["word"]) === 0 ? "E2" : "S1",
      E2: ({ words }) => owner(words["word"]) === 0 ? "E1" : "S1",
      E1: ({ words, me }) => (words[`record${me}`] = 1, "E3"),
    },
    /beside|told/,
  ],
  ["a reader that leaves wakes nobody", 1, { X3: () => "X4" }, /nobody wakes/],
  [
    "a writer announces itself after it has looked",
    1,
    {
      W3: ({ words, own }) => (own["seq"] = words["seq"]!, own["look"] = 0, "W2"),
      "W3 sleep": ({ words, own }) => (words["waiting"] = own["seq"]! + 1, "W3 late"),
      "W3 late": (context) => STEPS["W3 sleep"]!(context),
    },
    /nobody wakes/,
  ],
  [
    "`waiting` wiped before the sleepers are woken",
    0,
    {
      "X2 count": ({ words }) => (words["waiting"] = 0, "X2 late"),
      "X2 late": ({ words }) => (words["seq"]!++, "X3"),
    },
    /nobody wakes/,
  ],
  [
    "`waiting` wiped whatever it is by then",
    0,
    { X4: ({ words, own }) => (words["waiting"] = own["seen"] = 0, "left") },
    /nobody wakes/,
  ],
  ["a writer does not watch the slots", 1, {
    "W3 sleep": ({ own, sleep }) => (sleep({ seq: own["seq"]! }), "H4"),
  }, /nobody wakes/],
  [
    "a reader that was woken does not wake the others",
    1,
    { S5: ({ own }) => own["writer"] === 1 ? "T0" : "S7" },
    /nobody wakes/,
  ],
  ["a writer says nothing of its writing", 1, { W4: () => "C write" }, /told/],
  ["a writer that is done tells after it has released", 1, {
    "C wrote": ({ words }) => (words["data"] = 0, "R1"),
    R4: ({ own, words }) => (own["pending"] = 0, words["state"] = CONSISTENT, "again"),
  }, /told|beside|two/],
];

for (const [what, shape, steps, found] of LARGE ? [] : MUTANTS) {
  Deno.test(`RwLock protocol: the model checker finds a mistake: ${what}`, () => {
    const { mistake } = explore(rwLockModel(SHAPES[shape], 1, { steps: { ...STEPS, ...steps } }));
    assert(mistake !== undefined && found.test(mistake.what), mistake?.what ?? "no mistake was found");
  });
}
