import { assert, assertEquals } from "@std/assert";
import { explore, type Model, type ModelState, type Step, type StepContext } from "./model_checker.ts";
import { ALL, lockDies, lockSteps, owner, ROBUST_OWN, tid, WAITERS, wordDies } from "./robust_model.ts";

/** Whether larger models are explored, too: see tests/stress/model_test.ts. */
const LARGE = import.meta.url.endsWith("?large");

/** What a process wants the gate for. */
const ARRIVE = 0;
const WATCH = 1;
const WITHDRAW = 2;
const RESET = 3;

const PASSED = 0;
const DIED = 1;
const CANCELED = 2;

/** At most so many processes; each has a slot of its own, of which it dies but once. A slot has no owner where there is no process. */
const EVERYBODY = [0, 1, 2] as const;

type Words = StepContext["words"];
const isMember = (words: Words, index: number) => words[`member${index}`] === 1;
const isAlive = (words: Words, index: number) => owner(words[`slot${index}`]) !== 0;
const hasArrived = (words: Words, index: number) =>
  isMember(words, index) && words[`phase${index}`] === words["phase"] && words[`count${index}`]! > 0;
const hasDeadMember = (words: Words) => EVERYBODY.some((index) => isMember(words, index) && !isAlive(words, index));
const others = (words: Words, me: number) => EVERYBODY.filter((index) => index !== me && isMember(words, index));

function mark(words: Words, ended: number): void {
  for (const index of EVERYBODY) if (hasArrived(words, index)) words[`ended${index}`] = ended;
}

/** What each who had come to a phase is told must be the same: 1 and more in `told`, by phase. */
function tell({ words, own }: StepContext, ended: number): void {
  const name = `told${own["phase"]}`;
  // The one that leads is told first that all pass.
  const isFirst = words[name] === 0 && (ended !== PASSED || own["leads"] === 1);
  if (words[name] !== ended + 1 && !isFirst) words["torn"] = 1;
  words[name] = ended + 1;
}

/**
 * The steps of `lib/sync/barrier_steps.ts`, under the names that they have there; T, S and R are those of the gate (robust_word.ts). Whatever only the owner of the
 * gate sees is one step where a death in between leaves nothing else behind.
 */
const STEPS: Record<string, Step> = {
  ...lockSteps(({ own }) => {
    if (own["wants"] === ARRIVE) return "B3";
    if (own["wants"] === RESET) return "Y1";
    return own["wants"] === WATCH ? "B6" : "withdraw";
  }, ({ own }) => {
    if (own["wants"] === RESET) return "Y5";
    if (own["leads"] === 1) return "L3";
    if (own["failed"] === 1) return "done";
    if (own["wants"] === WITHDRAW && own["phase"] === 0) return own["wants"] = ARRIVE, "T1";
    return own["sleeps"] === 1 ? "B7" : "look";
  }),
  B3: ({ words }) => words["broken"] === 1 || hasDeadMember(words) ? "B3 dead" : "M1",
  "B3 dead": ({ words, own }) => (own["failed"] = 1, words["broken"] === 1 ? "R1" : "X1"),
  M1: ({ words, me }) => {
    if (isMember(words, me)) return "B4";
    words[`count${me}`] = words[`ended${me}`] = 0;
    return "M2";
  },
  M2: ({ words }) => (words["joins"]!++, "M3"),
  M3: ({ wake }) => (wake("joins", ALL), "M4"),
  M4: ({ words, me }) => (words[`member${me}`] = 1, "B4"),
  B4: ({ words, own, me }) => {
    if (!hasArrived(words, me)) {
      words[`ended${me}`] = words[`count${me}`] = 0;
      words[`phase${me}`] = words["phase"]!;
    }
    own["phase"] = words["phase"]!;
    return "B5";
  },
  B5: ({ words, me }) => {
    words[`count${me}`]!++;
    const arrived = EVERYBODY.filter((index) => hasArrived(words, index));
    return arrived.reduce<number>((sum, index) => sum + words[`count${index}`]!, 0) >= words["size"]! ? "L1" : "R1";
  },
  L1: ({ words, own }) => (mark(words, PASSED), own["leads"] = 1, "L2"),
  L2: (context) => (context.words["phase"]!++, tell(context, PASSED), "R1"),
  L3: ({ own, wake }) => (wake("phase", ALL), own["leads"] = 0, "again"),

  look: (context) => {
    const { words, own, me } = context;
    if (words["phase"] === own["phase"]) return own["wants"] = WATCH, "T1";
    const ended = words[`ended${me}`]!;
    tell(context, ended);
    if (ended === CANCELED) words["tooFew"] = 1;
    return ended === PASSED ? "again" : "done";
  },
  again: ({ own }) => {
    Object.assign(own, { wants: ARRIVE, phase: 0 });
    return --own["rounds"]! > 0 ? "T1" : "done";
  },
  B6: ({ words, own, me }) => {
    if (words["phase"] !== own["phase"]) return "R1";
    own["joins"] = words["joins"]!;
    for (const index of others(words, me)) {
      if (!isAlive(words, index)) return forget(own), "X1";
      own[`slot${index}`] = words[`slot${index}`]! |= WAITERS;
    }
    own["sleeps"] = 1;
    return "R1";
  },
  B7: ({ own, sleep }) => {
    const slots = EVERYBODY.filter((index) => own[`slot${index}`] !== 0).map((index) => {
      return [`slot${index}`, own[`slot${index}`]!] as const;
    });
    sleep({ phase: own["phase"]!, joins: own["joins"]!, ...Object.fromEntries(slots) });
    return "H4";
  },
  H4: ({ words, own, wake }) => {
    for (const index of EVERYBODY) {
      const [seen, expected] = [words[`slot${index}`]!, own[`slot${index}`]!];
      if (expected === 0 || seen === expected || (seen & WAITERS) === 0) continue;
      words[`slot${index}`] = seen & ~WAITERS;
      wake(`slot${index}`, ALL);
    }
    forget(own);
    return own["mayGiveUp"] === 1 ? ["look", "gives up"] : "look";
  },
  "gives up": ({ own }) => (own["wants"] = WITHDRAW, own["mayGiveUp"] = 0, "T1"),
  withdraw: ({ words, own, me }) => {
    if (words["phase"] !== own["phase"]) return "R1";
    words[`count${me}`]!--;
    // It comes again: else the others would wait, and rightly.
    own["phase"] = 0;
    return "R1";
  },

  X1: ({ words }) => (mark(words, DIED), "X2"),
  X2: ({ words }) => (words["broken"] = 1, "X3"),
  X3: ({ words }) => (words["phase"]!++, "X4"),
  X4: ({ wake }) => (wake("phase", ALL), "R1"),

  Y1: ({ words }) => (mark(words, CANCELED), "Y2"),
  Y2: ({ words }) => (words["phase"]!++, "Y3"),
  Y3: ({ words }) => (forgetTheDead(words), "Y4"),
  Y4: ({ words }) => (words["broken"] = 0, "R1"),
  Y5: ({ wake }) => (wake("phase", ALL), "done"),
};

/** From now on a barrier waits for others in their place, and rightly: but not those who had come before, for they know nothing of it. */
function forgetTheDead(words: Words): void {
  if (EVERYBODY.some((index) => isMember(words, index) && !isAlive(words, index))) words["tooFew"] = 1;
  for (const index of EVERYBODY) if (!isAlive(words, index)) words[`member${index}`] = 0;
  if (EVERYBODY.some((index) => hasArrived(words, index))) words["tooFew"] = 0;
}

function forget(own: StepContext["own"]): void {
  own["sleeps"] = own["joins"] = 0;
  for (const index of EVERYBODY) own[`slot${index}`] = 0;
}

/** The gate is above the slot in the list. */
const death: Model["death"] = (context) => {
  lockDies(context);
  wordDies(context, `slot${context.me}`);
  if (context.own["wants"] !== RESET && !isMember(context.words, context.me)) context.words["tooFew"] = 1;
};

function broken({ words, processes }: ModelState): string | undefined {
  if (words["torn"] === 1) return "one passed, and another did not";
  const leaders = processes.filter(({ at, fate }) => fate === undefined && at === "L2");
  if (leaders.length > 1) return "two lead";
  const come = processes.filter(({ fate, own }, index) =>
    fate === "died" ? hasArrived(words, index) : own["phase"] === words["phase"]
  );
  if (leaders.length === 1 && come.length < words["size"]!) return "they go on before all have come";
  return undefined;
}

interface Size {
  members: number;
  rounds?: number;
  resetter?: boolean;
  faults: number;
  givesUp?: boolean;
}

function barrierModel({ members, rounds = 1, resetter, faults, givesUp }: Size, change: Partial<Model> = {}): Model {
  const own: Record<string, number> = {
    ...{ ...ROBUST_OWN, wants: ARRIVE, rounds, phase: 0, joins: 0, slot0: 0, slot1: 0, slot2: 0 },
    ...{ leads: 0, failed: 0, sleeps: 0, seen: 0, mayGiveUp: 0 },
  };
  const words: Record<string, number> = { lock: 0, phase: 1, joins: 0, broken: 0, size: members, torn: 0, tooFew: 0 };
  for (const name of ["member", "phase", "count", "ended"]) for (const index of EVERYBODY) words[`${name}${index}`] = 0;
  for (let phase = 0; phase < 8; phase++) words[`told${phase}`] = 0;
  const processes: { at: string; own: Record<string, number> }[] = Array.from({ length: members }, (_, index) => ({
    at: "T1",
    own: { ...own, mayGiveUp: givesUp && index === 0 ? 1 : 0 },
  }));
  if (resetter) processes.push({ at: "T1", own: { ...own, ["wants"]: RESET, mayGiveUp: 0 } });
  for (const index of EVERYBODY) words[`slot${index}`] = index < processes.length ? tid(index) : 0;
  return { words, processes, steps: STEPS, death, broken, mayWait, faults, ...change };
}

/** Who dies before it comes, or whose death a reset has wiped out, is waited for; and so is who was told of a reset, and does not come again. */
const mayWait: NonNullable<Model["mayWait"]> = (_, { words }) => words["tooFew"] === 1;

const TWICE: Size = { members: 2, rounds: 2, faults: 1 };
const WITH_RESET: Size = { members: 2, resetter: true, faults: 1 };

const CASES: readonly (readonly [what: string, size: Size, change: Partial<Model>])[] = [
  ["two, twice, with one death", TWICE, {}],
  ["two, one of which gives up and comes again, with one death", { members: 2, faults: 1, givesUp: true }, {}],
  ["two, with two deaths, when sleepers look again", { ...TWICE, faults: 2 }, { looksAgain: true }],
  ["two and somebody who resets, with two deaths", { ...WITH_RESET, faults: 2 }, { looksAgain: true }],
];

const LARGE_CASES: typeof CASES = [
  ["two and somebody who resets, with one death", WITH_RESET, { looksAgain: true }],
  ["three", { members: 3, faults: 0 }, {}],
  ["three, with one death", { members: 3, faults: 1 }, {}],
];

for (const [what, size, change] of LARGE ? LARGE_CASES : CASES) {
  Deno.test(`Barrier protocol: ${what}: all go on together, or nobody does`, () => {
    const verdict = explore(barrierModel(size, change));
    assertEquals(verdict.mistake, undefined);
    assert(verdict.states > 1000, `${verdict.states}`);
  });
}

/** Mistakes that the checker must find: without them it would prove nothing. */
const MUTANTS: readonly (readonly [what: string, which: number, steps: Record<string, Step>, found: RegExp])[] = [
  ["who waits does not look for dead members", 0, {
    B6: ({ words, own, me }) => {
      if (words["phase"] !== own["phase"]) return "R1";
      own["joins"] = words["joins"]!;
      for (const index of others(words, me)) own[`slot${index}`] = words[`slot${index}`]! |= WAITERS;
      return own["sleeps"] = 1, "R1";
    },
  }, /nobody wakes/],
  ["the slots of the others are not watched", 0, {
    B7: ({ own, sleep }) => (sleep({ phase: own["phase"]!, joins: own["joins"]! }), "H4"),
  }, /nobody wakes/],
  ["who joins does not say so", 0, { M2: () => "M3" }, /nobody wakes/],
  ["who joins wakes nobody", 0, { M3: () => "M4" }, /nobody wakes/],
  ["who joins says so after it has come, when it may have died", 0, {
    M1: ({ words, me }) => {
      if (isMember(words, me)) return "B4";
      words[`count${me}`] = words[`ended${me}`] = 0;
      words[`member${me}`] = 1;
      return "B4";
    },
  }, /nobody wakes/],
  ["the last one wakes nobody", 0, { L3: ({ own }) => (own["leads"] = 0, "again") }, /nobody wakes/],
  ["what to sleep on is read without the gate", 0, {
    B6: ({ words, own }) => words["phase"] !== own["phase"] ? "R1" : (own["sleeps"] = 1, "R1"),
    B7: ({ words, own }) => (own["seen"] = words["phase"]!, own["joins"] = words["joins"]!, "B7 late"),
    "B7 late": ({ own, sleep }) => (sleep({ phase: own["seen"]!, joins: own["joins"]! }), own["seen"] = 0, "H4"),
  }, /nobody wakes/],
  ["the phase is over before the marks are written", 3, {
    Y1: ({ words }) => (words["phase"]!++, "Y2"),
    Y2: ({ words }) => {
      words["phase"]!--;
      mark(words, CANCELED);
      words["phase"]!++;
      return "Y3";
    },
  }, /another did not/],
  [
    "marks of a break that came to nothing stay",
    3,
    { L1: ({ own }) => (own["leads"] = 1, "L2") },
    /another did not|nobody/,
  ],
  ["who finds a dead member leaves the phase as it is", 0, { X3: () => "X4" }, /nobody wakes|no end/],
  ["an arrival that was given up counts", 1, {
    withdraw: ({ words, own }) => (words["phase"] === own["phase"] && (own["phase"] = 0), "R1"),
    B4: ({ words, own, me }) => {
      words[`phase${me}`] = own["phase"] = words["phase"]!;
      return "B5";
    },
  }, /before all|another did not|two lead|nobody/],
  ["a reset takes the dead away before it ends the phase", 3, {
    Y1: ({ words }) => (mark(words, CANCELED), "Y3"),
    Y3: ({ words }) => (forgetTheDead(words), "Y2"),
    Y2: ({ words }) => (words["phase"]!++, "Y4"),
  }, /nobody wakes|no end/],
];

for (const [what, which, steps, found] of LARGE ? [] : MUTANTS) {
  Deno.test(`Barrier protocol: the model checker finds a mistake: ${what}`, () => {
    const [, size, change] = CASES[which]!;
    const { mistake } = explore(barrierModel(size, { ...change, steps: { ...STEPS, ...steps } }));
    assert(mistake !== undefined && found.test(mistake.what), mistake?.what ?? "no mistake was found");
  });
}
