import { assert, assertEquals } from "@std/assert";
import { explore, type Model, type ModelState, type Step } from "./model_checker.ts";
import { lockDies, lockSteps, ROBUST_OWN } from "./robust_model.ts";

const OPEN = 0;
const RUNNING = 1;
const DONE = 2;

/**
 * The steps of `lib/sync/once.ts`, under the names that they have there; T, S and R are those of the mutex (robust_word.ts). `work` is what the function
 * writes: 1 while it is half done, 2 when it is done; `runs` is how often it came to an end.
 */
const STEPS: Record<string, Step> = {
  O0: ({ words }) => words["state"] === DONE ? "trust" : "T1",
  ...lockSteps(() => "O1", () => "done"),
  O1: ({ words, own }) => (own["found"] = words["state"]!, own["found"] === DONE ? "trust inside" : "O2"),
  O2: ({ words }) => (words["state"] = RUNNING, "O3"),
  O3: ({ words, own }) => {
    if (words["work"] === 1 && own["found"] !== RUNNING) own["fooled"] = 1;
    words["work"] = 1;
    return own["throws"] === 1 ? ["O3 works", "O3 throws"] : "O3 works";
  },
  "O3 works": ({ words }) => (words["work"] = 2, words["runs"]!++, "O4"),
  // Who throws tidies up before.
  "O3 throws": ({ words }) => (words["work"] = 0, "O4 threw"),
  O4: ({ words }) => (words["state"] = DONE, "R1"),
  "O4 threw": ({ words }) => (words["state"] = OPEN, "R1"),
  "trust inside": ({ words, own }) => (words["work"] !== 2 && (own["fooled"] = 2), "R1"),
  trust: ({ words, own }) => (words["work"] !== 2 && (own["fooled"] = 2), "done"),
};

function broken({ words, processes }: ModelState): string | undefined {
  const running = processes.filter(({ at, fate }) => fate === undefined && at.startsWith("O3"));
  if (running.length > 1) return "two run it";
  if (processes.some(({ own }) => own["fooled"] === 1)) return "a death was not told";
  if (processes.some(({ own }) => own["fooled"] === 2)) return "somebody believes that it is done";
  if (words["runs"]! > 1 + words["died"]!) return "it ran twice";
  const over = processes.every(({ at }) => at === "done");
  if (over && words["state"] !== DONE && processes.some(({ own, fate }) => fate === undefined && own["throws"] === 0)) {
    return "nobody did it";
  }
  return undefined;
}

const death: Model["death"] = (context) => {
  lockDies(context);
  // Who died after the work, and before it said so, has the next one do it again.
  if (context.words["state"] === RUNNING && context.own["linked"] === 1) context.words["died"]!++;
};

function onceModel(faults: number, change: Partial<Model> = {}): Model {
  const own = { ...ROBUST_OWN, found: 0, fooled: 0, throws: 0 };
  return {
    words: { lock: 0, state: OPEN, work: 0, runs: 0, died: 0 },
    processes: [own, own, { ...own, throws: 1 }].map((own) => ({ at: "O0", own })),
    steps: STEPS,
    death,
    broken,
    faults,
    ...change,
  };
}

const whileWaiting: NonNullable<Model["mayStop"]> = ({ at }) => /^(O0|S|T1)/.test(at);

const CASES: readonly (readonly [what: string, model: Model])[] = [
  ["with one death at any step", onceModel(1)],
  ["with a waiter that stops for ever", onceModel(1, { mayStop: whileWaiting })],
  ["after two deaths, when sleepers look again", onceModel(2, { looksAgain: true })],
];

for (const [what, model] of CASES) {
  Deno.test(`Once protocol: three, one of which may throw, do it once, ${what}`, () => {
    const verdict = explore(model);
    assertEquals(verdict.mistake, undefined);
    assert(verdict.states > 1000);
  });
}

/** Mistakes that the checker must find: without them it would prove nothing. */
const MUTANTS: readonly (readonly [what: string, steps: Record<string, Step>, found: RegExp])[] = [
  ["it does not look again with the lock", { O1: ({ own }) => (own["found"] = RUNNING, "O2") }, /twice/],
  ["it does not say that it runs", { O2: () => "O3" }, /not told/],
  ["it says that it is done before it is", {
    O2: ({ words }) => (words["state"] = DONE, "O3"),
    O4: () => "R1",
  }, /believes/],
  ["who threw says that it is done", { "O4 threw": ({ words }) => (words["state"] = DONE, "R1") }, /believes/],
  ["who threw leaves it as it is", { "O3 throws": () => "O4 threw" }, /not told/],
  ["without the lock", { T1: () => "O1", R1: () => "done" }, /two run|twice|not told/],
];

for (const [what, steps, found] of MUTANTS) {
  Deno.test(`Once protocol: the model checker finds a mistake: ${what}`, () => {
    const { mistake } = explore(onceModel(1, { steps: { ...STEPS, ...steps } }));
    assert(mistake !== undefined && found.test(mistake.what), mistake?.what ?? "no mistake was found");
  });
}
