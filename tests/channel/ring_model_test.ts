import { assert, assertEquals } from "@std/assert";
import { explore, type Model, type ModelState, type Step } from "../sync/model_checker.ts";

/** A peer's liveness word: nobody yet, a thread's, or what the kernel leaves of a dead one's. */
const ALIVE = 1;
const DIED = 2;
const OPEN = 1;
const CLOSED = 3;

const PRODUCER = 0;
const CONSUMER = 1;

/** Room for so many messages. */
const CAPACITY = 2;
const MESSAGES = 3;

/**
 * The steps of the ring under the names that lib/channel/ring_end.ts gives them: Z1 to Z4 for who sleeps, P1 to P4 for who moves a cursor. `tail` and
 * `head` count messages. Of a message there are two halves, `low` and `high` of its slot: plain stores, each a step of its own.
 */
const STEPS: Record<string, Step> = {
  // The producer.
  send: ({ words, own }) => {
    if (own["sent"] === MESSAGES) return "close";
    // P0: looks at the consumer's word before each message.
    if ((words["consumer"]! & ALIVE) === 0) return "done";
    return own["sent"]! - own["head"]! < CAPACITY ? "low" : "head";
  },
  head: ({ words, own }) => {
    own["head"] = words["head"]!;
    return own["sent"]! - own["head"]! < CAPACITY ? "low" : "s Z1";
  },
  low: ({ words, own }) => (words[`low${own["sent"]! % CAPACITY}`] = own["sent"]! + 1, "high"),
  high: ({ words, own }) => (words[`high${own["sent"]! % CAPACITY}`] = own["sent"]! + 1, "s P1"),
  "s P1": ({ words, own }) => (words["tail"] = ++own["sent"]!, "s P2"),
  "s P2": ({ words }) => words["consumerSleeps"] === 0 ? "send" : "s P3",
  "s P3": ({ words }) => {
    const slept = words["consumerSleeps"];
    words["consumerSleeps"] = 0;
    return slept === 0 ? "send" : "s P4";
  },
  "s P4": ({ wake }) => (wake("consumerSleeps", 9), "send"),
  "s Z1": ({ words }) => (words["producerSleeps"] = 1, "s Z2"),
  "s Z2": ({ words, own }) => words["head"] === own["head"] && (words["consumer"]! & ALIVE) !== 0 ? "s Z3" : "s Z4",
  "s Z3": ({ sleep }) => (sleep({ producerSleeps: 1, consumer: ALIVE }), "s Z4"),
  "s Z4": ({ words }) => (words["producerSleeps"] = 0, "head or gone"),
  "head or gone": ({ words }) => (words["consumer"]! & ALIVE) === 0 ? "done" : "head",
  close: ({ words }) => (words["producerState"] = CLOSED, "release"),
  // R1 to R4 of robust_word.ts: who sleeps on the word is woken, by the kernel if this one dies before.
  release: ({ words, own }) => (words["producer"] = 0, own["pending"] = 1, "release wakes"),
  "release wakes": ({ own, wake }) => (wake("producer", 9), own["pending"] = 0, "close P2"),
  "close P2": ({ words }) => words["consumerSleeps"] === 0 ? "done" : "close P3",
  "close P3": ({ words }) => (words["consumerSleeps"] = 0, "close P4"),
  "close P4": ({ wake }) => (wake("consumerSleeps", 9), "done"),

  // The consumer.
  receive: ({ own }) => own["at"] === own["tail"] ? "tail" : "read low",
  tail: ({ words, own }) => {
    own["tail"] = words["tail"]!;
    if (own["at"] !== own["tail"]) return "read low";
    return own["given"] === own["at"] ? "peer" : "r P1";
  },
  "read low": ({ words, own }) => (own["low"] = words[`low${own["at"]! % CAPACITY}`]!, "read high"),
  "read high": ({ words, own }) => {
    own["torn"] = own["low"] === own["at"]! + 1 && words[`high${own["at"]! % CAPACITY}`] === own["low"] ? 0 : 1;
    own["low"] = 0;
    own["at"]!++;
    // In batches: given back when there is nothing more, or when somebody waits for it.
    return ["receive", "r P1"];
  },
  "r P1": ({ words, own }) => (words["head"] = own["given"] = own["at"]!, "r P2"),
  "r P2": ({ words }) => words["producerSleeps"] === 0 ? "receive" : "r P3",
  "r P3": ({ words }) => {
    const slept = words["producerSleeps"];
    words["producerSleeps"] = 0;
    return slept === 0 ? "receive" : "r P4";
  },
  "r P4": ({ wake }) => (wake("producerSleeps", 9), "receive"),
  // Nothing there, and everything is given back: is the producer?
  peer: ({ words }) => (words["producer"]! & ALIVE) !== 0 ? "r Z1" : "state",
  state: ({ words, own }) => (own["gone"] = words["producerState"] === CLOSED ? CLOSED : DIED, "last tail"),
  "last tail": ({ words, own }) => {
    own["tail"] = words["tail"]!;
    return own["at"] === own["tail"] ? "learnt" : "read low";
  },
  learnt: () => "done",
  "r Z1": ({ words }) => (words["consumerSleeps"] = 1, "r Z2"),
  "r Z2": ({ words, own }) => words["tail"] === own["at"] && (words["producer"]! & ALIVE) !== 0 ? "r Z3" : "r Z4",
  "r Z3": ({ sleep }) => (sleep({ consumerSleeps: 1, producer: ALIVE }), "r Z4"),
  "r Z4": ({ words }) => (words["consumerSleeps"] = 0, "receive"),
};

function broken({ words, processes }: ModelState): string | undefined {
  const producer = processes[PRODUCER]!;
  const consumer = processes[CONSUMER]!;
  if (consumer.own["torn"] === 1) return "a message was torn";
  if (consumer.at === "learnt") {
    if (consumer.own["at"] !== words["tail"]) return "something that was published was not received";
    if (consumer.own["gone"] === DIED && producer.fate !== "died") return "a producer that lives was declared dead";
    if (consumer.own["gone"] === CLOSED && words["producerState"] !== CLOSED) return "a death was taken for a close";
  }
  return undefined;
}

/** The kernel: the word of the dead one says so, and one who sleeps on it is woken. */
const death: Model["death"] = ({ words, own, me, wake }) => {
  const word = me === PRODUCER ? "producer" : "consumer";
  if (words[word] !== ALIVE && own["pending"] !== 1) return;
  if (words[word] === ALIVE) words[word] = DIED;
  wake(word, 1);
};

function ringModel(change: Partial<Model> = {}, steps: Record<string, Step> = {}): Model {
  return {
    words: {
      tail: 0,
      head: 0,
      low0: 0,
      high0: 0,
      low1: 0,
      high1: 0,
      producer: ALIVE,
      consumer: ALIVE,
      producerState: OPEN,
      producerSleeps: 0,
      consumerSleeps: 0,
    },
    processes: [
      { at: "send", own: { sent: 0, head: 0, pending: 0 } },
      { at: "receive", own: { at: 0, given: 0, tail: 0, low: 0, torn: 0, gone: 0 } },
    ],
    steps: { ...STEPS, ...steps },
    death,
    broken,
    faults: 1,
    ...change,
  };
}

Deno.test("ring protocol: nothing torn, lost or missed, and nobody waits for ever, also when an end dies at any step", () => {
  const verdict = explore(ringModel());
  assertEquals(verdict.mistake, undefined);
  assert(verdict.states > 1000, `${verdict.states} states`);
});

Deno.test("ring protocol: an end that stops between taking the sleep word and waking is made good for by looking again", () => {
  const model = ringModel({ looksAgain: true, mayDie: () => false, mayStop: ({ at }) => / P[34]$/.test(at) });
  assertEquals(
    explore({ ...model, mayWait: (_, { processes }) => processes.some(({ fate }) => fate === "stopped") }).mistake,
    undefined,
  );
});

/** A producer that sends all that it has, and then says nothing for ever: no close repairs a wake-up that was lost. */
const SILENT: Partial<Model> = {
  faults: 0,
  mayWait: ({ own }, { words }, index) => index === CONSUMER && own["at"] === MESSAGES && words["tail"] === MESSAGES,
};
const STAYS: Record<string, Step> = { close: () => "done" };

Deno.test("ring protocol: every message is received from a producer that neither closes nor dies", () => {
  assertEquals(explore(ringModel(SILENT, STAYS)).mistake, undefined);
});

/** Mistakes that the checker must find: without them it would prove nothing. */
const MUTANTS: Record<string, Record<string, Step>> = {
  "the consumer looks at the tail before it says that it sleeps": {
    peer: ({ words }) => (words["producer"]! & ALIVE) !== 0 ? "r Z2" : "state",
    "r Z2": ({ words, own }) => words["tail"] === own["at"] && (words["producer"]! & ALIVE) !== 0 ? "r Z1" : "receive",
    "r Z1": ({ words }) => (words["consumerSleeps"] = 1, "r Z3"),
  },
  "the producer looks at the sleep word before it publishes": {
    ...STAYS,
    high: ({ words, own }) => {
      words[`high${own["sent"]! % CAPACITY}`] = own["sent"]! + 1;
      own["seen"] = words["consumerSleeps"]!;
      return "s P1";
    },
    "s P1": ({ words, own }) => (words["tail"] = ++own["sent"]!, own["seen"] === 0 ? "send" : "s P3"),
  },
  "the tail is published before the message is whole": {
    low: ({ words, own }) => (words[`low${own["sent"]! % CAPACITY}`] = own["sent"]! + 1, "s P1"),
    "s P1": ({ words, own }) => (words["tail"] = own["sent"]! + 1, "high"),
    high: ({ words, own }) => (words[`high${own["sent"]! % CAPACITY}`] = ++own["sent"]!, "s P2"),
  },
  "a slot is given back before it is read": {
    "read low": ({ words, own }) => {
      own["low"] = words[`low${own["at"]! % CAPACITY}`]!;
      words["head"] = own["at"]! + 1;
      return "read high";
    },
  },
  "nobody is woken by giving back": {
    "r P1": ({ words, own }) => (words["head"] = own["given"] = own["at"]!, "receive"),
  },
  "the consumer sleeps with messages that it has not given back": {
    tail: ({ words, own }) => {
      own["tail"] = words["tail"]!;
      return own["at"] !== own["tail"] ? "read low" : "peer";
    },
    "read high": ({ own }) => (own["low"] = 0, own["at"]!++, "receive"),
  },
  "a producer that is gone is believed to have published nothing since the last look": {
    state: ({ words, own }) => (own["gone"] = words["producerState"] === CLOSED ? CLOSED : DIED, "learnt"),
  },
  "closing releases first and says CLOSED later": {
    close: ({ words }) => (words["producer"] = 0, "release"),
    release: ({ words }) => (words["producerState"] = CLOSED, "close P2"),
  },
  "who sleeps does not watch the producer": { "r Z3": ({ sleep }) => (sleep({ consumerSleeps: 1 }), "r Z4") },
  "closing wakes nobody": {
    release: ({ words }) => (words["producer"] = 0, "done"),
    "r Z3": ({ sleep }) => (sleep({ consumerSleeps: 1 }), "r Z4"),
  },
};

/** Those that only a silent producer shows. */
const SILENT_MISTAKES = ["the producer looks at the sleep word before it publishes"];

for (const [mistake, steps] of Object.entries(MUTANTS)) {
  Deno.test(`ring protocol: the checker finds it when ${mistake}`, () => {
    const model = ringModel(SILENT_MISTAKES.includes(mistake) ? SILENT : {}, steps);
    const processes = model.processes.map(({ at, own }) => ({ at, own: { ...own, seen: 0 } }));
    assert(explore({ ...model, processes }).mistake !== undefined);
  });
}

/**
 * A ring with `overwrite` and room for one message, under the names of ring_receiver.ts. The cursor of the head counts records; the producer writes message
 * after message and takes back what was not received.
 */
const OVERWRITE: Record<string, Step> = {
  send: ({ words, own }) => own["sent"] === MESSAGES ? "done" : words["tail"] === words["head"] ? "O3 low" : "O0",
  O0: ({ words, own }) => (own["head"] = words["head"]!, own["head"] === words["tail"] ? "O3 low" : "O1"),
  O1: ({ words, own }) => {
    if (words["head"] !== own["head"]) return "O3 low";
    words["head"]!++;
    own["dropped"]!++;
    return "O3 low";
  },
  "O3 low": ({ words, own }) => (words["low"] = own["sent"]! + 1, "O3 high"),
  "O3 high": ({ words, own }) => (words["high"] = own["sent"]! + 1, "publish"),
  publish: ({ words, own }) => (words["tail"]!++, own["sent"]!++, "send"),
  R1: ({ words, own }) => {
    own["head"] = words["head"]!;
    return words["tail"] === own["head"] ? "end?" : "R2 low";
  },
  "end?": ({ words }) => words["tail"] === MESSAGES && words["head"] === MESSAGES ? "done" : ["R1", "done"],
  "R2 low": ({ words, own }) => (own["low"] = words["low"]!, "R2 high"),
  "R2 high": ({ words, own }) => (own["high"] = words["high"]!, "R3"),
  R3: ({ words, own }) => {
    if (words["head"] !== own["head"]) return "R1";
    words["head"]!++;
    own["received"]!++;
    own["torn"] = own["low"] === own["high"] && own["low"] === own["head"]! + 1 ? 0 : 1;
    return "R1";
  },
};

function overwriteModel(steps: Record<string, Step> = {}): Model {
  return {
    words: { tail: 0, head: 0, low: 0, high: 0 },
    processes: [
      { at: "send", own: { sent: 0, head: 0, dropped: 0 } },
      { at: "R1", own: { head: 0, low: 0, high: 0, torn: 0, received: 0 } },
    ],
    steps: { ...OVERWRITE, ...steps },
    death: () => {},
    broken: ({ words, processes }) => {
      const [producer, consumer] = processes;
      if (consumer!.own["torn"] === 1) return "a message was torn";
      const gone = producer!.own["dropped"]! + consumer!.own["received"]!;
      return gone === words["head"] ? undefined : "a message was received and dropped, or neither";
    },
    faults: 0,
  };
}

Deno.test("overwrite: every message is either received whole or dropped and counted", () => {
  const verdict = explore(overwriteModel());
  assertEquals(verdict.mistake, undefined);
  assert(verdict.states > 100, `${verdict.states} states`);
});

const OVERWRITE_MUTANTS: Record<string, Record<string, Step>> = {
  "the consumer moves the head before it copies": {
    R1: ({ words, own }) => {
      own["head"] = words["head"]!;
      if (words["tail"] === own["head"]) return "end?";
      words["head"]!++;
      own["received"]!++;
      return "R2 low";
    },
    R3: ({ own }) => (own["torn"] = own["low"] === own["high"] && own["low"] === own["head"]! + 1 ? 0 : 1, "R1"),
  },
  "the consumer stores the head without comparing": {
    R3: ({ words, own }) => {
      words["head"] = own["head"]! + 1;
      own["received"]!++;
      own["torn"] = own["low"] === own["high"] && own["low"] === own["head"]! + 1 ? 0 : 1;
      return "R1";
    },
  },
  "the producer writes before it takes the record back": {
    O0: ({ words, own }) => (own["head"] = words["head"]!, own["head"] === words["tail"] ? "O3 low" : "early"),
    early: ({ words, own }) => (words["low"] = own["sent"]! + 1, "O1"),
  },
};

for (const [mistake, steps] of Object.entries(OVERWRITE_MUTANTS)) {
  Deno.test(`overwrite: the checker finds it when ${mistake}`, () => {
    assert(explore(overwriteModel(steps)).mistake !== undefined);
  });
}
