/** The steps of `lib/channel/latest_memory.ts`, under the names that they have there, in every order in which they can happen. */
import { assert, assertEquals } from "@std/assert";
import { explore, type Model, type ModelState, type Step } from "../sync/model_checker.ts";

/** Whether larger models are explored, too: see tests/stress/latest_test.ts. */
const LARGE = import.meta.url.endsWith("?large");

const EMPTY = 0;
const ASLEEP = 1;
const NONE = -1;
const ALL = 99;

const posted = (slot: number) => 2 * slot + 2;
const slotIn = (mailbox: number) => mailbox / 2 - 1;

/**
 * A value is two words, `a` and `b`, so that it can be torn. `alive` is the writer's word. The writer knows by `posted` and `held`, with the number of
 * the reader behind it, what each reader can take and has taken.
 */
const STEPS: Record<string, Step> = {
  // The writer. `value` is the one that it writes, `last` the last one.
  W1: ({ words, own }) => {
    if (own["value"] === own["last"]) return "done";
    own["value"]!++;
    for (let slot = 0; slot < words["slots"]!; slot++) {
      let isFree = slot !== own["current"];
      for (let reader = 0; reader < words["readers"]!; reader++) isFree &&= slot !== own[`held${reader}`];
      if (!isFree) continue;
      own["slot"] = slot;
      return "W2 a";
    }
    words["stuck"] = 1;
    return "done";
  },
  "W2 a": ({ words, own }) => (words[`a${own["slot"]}`] = own["value"]!, "W2 b"),
  "W2 b": ({ words, own }) => {
    words[`b${own["slot"]}`] = own["value"]!;
    own["current"] = own["slot"]!;
    own["reader"] = 0;
    return "W3";
  },
  W3: ({ words, own }) => {
    const reader = own["reader"]!;
    const mailbox = `m${reader}`;
    const found = words[mailbox]!;
    words[mailbox] = posted(own["slot"]!);
    if ((found === EMPTY || found === ASLEEP) && own[`posted${reader}`] !== NONE) {
      own[`held${reader}`] = own[`posted${reader}`]!;
    }
    own[`posted${reader}`] = own["slot"]!;
    return found === ASLEEP ? "W3 wake" : "W3 next";
  },
  "W3 wake": ({ own, wake }) => (wake(`m${own["reader"]}`, ALL), "W3 next"),
  "W3 next": ({ words, own }) => ++own["reader"]! < words["readers"]! ? "W3" : "W1",

  // A reader: reads until it has the last value, or the writer is dead and nothing is new. It sleeps, or reads again what it has.
  R0: ({ words, own }) => (own["alive"] = words["alive"]!, "R1"),
  R1: ({ words, own }) => {
    const seen = words[`m${own["reader"]}`]!;
    if (seen !== EMPTY && seen !== ASLEEP) return "R2";
    if (own["alive"] === 0) return "pass on";
    return own["slot"] === NONE ? "S1" : ["S1", "R3"];
  },
  R2: ({ words, own }) => {
    own["slot"] = slotIn(words[`m${own["reader"]}`]!);
    words[`m${own["reader"]}`] = EMPTY;
    return "R3";
  },
  R3: ({ words, own }) => (own["a"] = words[`a${own["slot"]}`]!, "R4"),
  R4: ({ words, own }) => {
    const b = words[`b${own["slot"]}`]!;
    if (own["a"] !== b) words["torn"] = 1;
    if (b < own["value"]!) words["back"] = 1;
    own["value"] = b;
    own["a"] = 0;
    return b === own["last"] ? "pass on" : "R0";
  },
  S1: ({ words, own }) => {
    if (words[`m${own["reader"]}`] !== EMPTY && words[`m${own["reader"]}`] !== ASLEEP) return "R0";
    words[`m${own["reader"]}`] = ASLEEP;
    return "S2";
  },
  S2: ({ own, sleep }) => (sleep({ [`m${own["reader"]}`]: ASLEEP, alive: 1 }), "R0"),
  "pass on": ({ words, wake }) => {
    if (words["alive"] === 0) wake("alive", ALL);
    return "done";
  },
};

function broken({ words }: ModelState): string | undefined {
  if (words["stuck"] === 1) return "there is no free slot";
  if (words["torn"] === 1) return "a reader saw a torn value";
  if (words["back"] === 1) return "a reader saw an older value after a newer one";
  return undefined;
}

function latestModel(readers: number, values: number, change: Partial<Model> = {}, slots = readers + 2): Model {
  const words: Record<string, number> = { slots, readers, alive: 1, stuck: 0, torn: 0, back: 0 };
  for (let slot = 0; slot < slots; slot++) words[`a${slot}`] = words[`b${slot}`] = 0;
  const writer: Record<string, number> = { value: 0, last: values, slot: NONE, current: NONE, reader: 0 };
  for (let reader = 0; reader < readers; reader++) {
    words[`m${reader}`] = EMPTY;
    writer[`posted${reader}`] = writer[`held${reader}`] = NONE;
  }
  return {
    words,
    processes: [
      { at: "W1", own: writer },
      ...Array.from({ length: readers }, (_, reader) => ({
        at: "R0",
        own: { reader, slot: NONE, value: 0, last: values, a: 0, alive: 1 },
      })),
    ],
    steps: STEPS,
    // The kernel releases the writer's word, and wakes one who sleeps on it.
    death: ({ words, me, wake }) => {
      if (me !== 0) return;
      words["alive"] = 0;
      wake("alive", 1);
    },
    broken,
    faults: 0,
    ...change,
  };
}

/** A reader that stops for ever is worse than one that dies: it still holds what it holds. */
const FAULTS: Partial<Model> = { faults: 1, mayStop: (_, __, index) => index > 0 };

const SIZES: readonly (readonly [readers: number, values: number])[] = LARGE
  ? [[1, 6], [2, 4], [3, 2]]
  : [[1, 4], [2, 2]];

for (const [readers, values] of SIZES) {
  Deno.test(`latest protocol: ${readers} reading ${values} values: whole, never older, nobody waits for ever, whoever dies`, () => {
    const verdict = explore(latestModel(readers, values, FAULTS));
    assertEquals(verdict.mistake, undefined);
    assert(verdict.states > 500);
  });
}

/** Mistakes that the checker must find: without them it would prove nothing. */
const MISTAKES: Record<string, { change: Record<string, Step>; readers?: number; slots?: number; what: RegExp }> = {
  "one slot less": { change: {}, readers: 1, slots: 2, what: /no free slot/ },
  "the mailbox loaded and stored instead of exchanged": {
    change: {
      W3: ({ words, own }) => {
        const reader = own["reader"]!;
        const found = words[`m${reader}`]!;
        if ((found === EMPTY || found === ASLEEP) && own[`posted${reader}`] !== NONE) {
          own[`held${reader}`] = own[`posted${reader}`]!;
        }
        return found === ASLEEP ? "W3 store wake" : "W3 store";
      },
      "W3 store": ({ words, own }) => {
        words[`m${own["reader"]}`] = posted(own["slot"]!);
        own[`posted${own["reader"]}`] = own["slot"]!;
        return "W3 next";
      },
      "W3 store wake": ({ words, own }) => {
        words[`m${own["reader"]}`] = posted(own["slot"]!);
        own[`posted${own["reader"]}`] = own["slot"]!;
        return "W3 wake";
      },
    },
    what: /torn|older/,
  },
  "the value published before it is whole": {
    change: {
      "W2 a": ({ words, own }) => {
        words[`a${own["slot"]}`] = own["value"]!;
        own["current"] = own["slot"]!;
        own["reader"] = 0;
        return "W3";
      },
      "W3 next": ({ words, own }) => ++own["reader"]! < words["readers"]! ? "W3" : "W2 late",
      "W2 late": ({ words, own }) => (words[`b${own["slot"]}`] = own["value"]!, "W1"),
    },
    what: /torn/,
  },
  "what readers hold forgotten": {
    change: {
      W1: (context) => {
        for (let reader = 0; reader < context.words["readers"]!; reader++) context.own[`held${reader}`] = NONE;
        return STEPS["W1"]!(context);
      },
    },
    what: /torn|older/,
  },
  "the mailbox read and emptied in two steps": {
    change: {
      R2: ({ words, own }) => (own["slot"] = slotIn(words[`m${own["reader"]}`]!), "R2 store"),
      "R2 store": ({ words, own }) => (words[`m${own["reader"]}`] = EMPTY, "R3"),
    },
    what: /torn|older|nobody wakes/,
  },
  "asleep written over whatever is there": {
    change: { S1: ({ words, own }) => (words[`m${own["reader"]}`] = ASLEEP, "S2") },
    what: /nobody wakes|torn|older/,
  },
  "nobody woken": { change: { "W3 wake": () => "W3 next" }, what: /nobody wakes/ },
  "the death not passed on": { change: { "pass on": () => "done" }, what: /nobody wakes/ },
  "the mailbox looked at before the writer": {
    change: {
      R0: () => "R1",
      R1: ({ words, own }) => {
        const seen = words[`m${own["reader"]}`]!;
        if (seen !== EMPTY && seen !== ASLEEP) return "R2";
        return "R1 alive";
      },
      "R1 alive": ({ words, own }) => {
        if (words["alive"] === 1) return own["slot"] === NONE ? "S1" : ["S1", "R3"];
        // It goes for good, and the last value was in the mailbox.
        if (words[`m${own["reader"]}`]! > ASLEEP) words["back"] = 1;
        return "pass on";
      },
    },
    what: /older/,
  },
};

for (const [what, { change, readers = 2, slots, what: expected }] of Object.entries(MISTAKES)) {
  Deno.test(`latest protocol: the checker finds ${what}`, () => {
    const { mistake } = explore(latestModel(readers, 3, { ...FAULTS, steps: { ...STEPS, ...change } }, slots));
    assert(mistake !== undefined, "it found nothing");
    assert(expected.test(mistake.what), `${mistake.what}\n${mistake.trace.join("\n")}`);
  });
}
