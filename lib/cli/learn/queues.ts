/**
 * Lesson 7: message queues.
 *
 * @module
 */

import { createMessageQueue, openMessageQueue, unlinkMessageQueue } from "../../queue/mod.ts";
import type { Scene } from "../demo/scene.ts";
import type { Lesson } from "./lesson.ts";
import { untilKilled } from "./waiting.ts";

const PRIORITIES = [1, 9, 5];
const MOST = 4;

/** A POSIX message queue. */
export const QUEUES: Lesson = {
  model: "synchronous, through the kernel",
  text: [
    "A pipe carries bytes and has two ends that must be held. A message queue carries whole messages, each with a priority, and nobody need hold it:",
    "the kernel keeps the messages until somebody takes them, also when the sender is dead. It holds so many and no more; then senders wait.",
  ],
  experiment: {
    about: "A process sends three messages with different priorities and ends. Only then this process receives.",
    command: [
      "causeway mq create jobs; causeway mq send jobs later --priority 1; causeway mq send jobs urgent --priority 9",
      "causeway mq receive jobs",
    ],
    async play(scene) {
      using queue = create(scene);
      const child = scene.peer(["sender", queue.name]);
      await scene.over(child);
      const received: number[] = [];
      for (let message; (message = queue.tryReceive()) !== undefined;) {
        received.push(message.priority);
        scene.did(`receives ${JSON.stringify(new TextDecoder().decode(message.bytes))}, priority ${message.priority}`);
      }
      const expected = PRIORITIES.toSorted((left, right) => right - left);
      scene.check("all messages were there after their sender was gone", received.length === PRIORITIES.length);
      scene.check("the most urgent came first", received.join() === expected.join());
      return [
        `Sent in the order ${PRIORITIES.join(", ")}, received ${
          received.join(", ")
        }, from a process that was gone by then.`,
      ];
    },
    shown: {
      scene: "queue",
      claim: "a trace of one message shows two copies",
      shows: ({ messages }) => messages.length > 0 && messages.every(({ copies }) => copies === 2),
    },
  },
  question: {
    ask: "A worker takes a message out of the queue and is killed before it has done the work. Who does it?",
    answers: [
      {
        text: "the next worker: the kernel puts the message back",
        right: false,
        why: "the kernel does not know what the message was for. Taken is gone.",
      },
      {
        text: "nobody: the message is gone",
        right: true,
        why: "receiving removes it. Without an answer from the worker nobody knows that the work is undone.",
      },
      {
        text: "the sender gets an error",
        right: false,
        why: "it may be long gone, and was told at once that its message was taken in.",
      },
    ],
  },
  broken: {
    about: `Kill the reader in the middle of its work. Then send more than the ${MOST} messages that the queue holds.`,
    command: ["causeway mq receive jobs | { read job; kill -KILL $$; }"],
    async play(scene) {
      using queue = create(scene);
      queue.trySend(new TextEncoder().encode("pay the bill"), { priority: 1 });
      scene.did('sends "pay the bill"');
      const child = scene.peer(["worker", queue.name]);
      await child.said("receives");
      child.kill("SIGKILL");
      await child.finished();
      scene.did("kills the worker before it is done");
      const left = queue.attributes.messages;
      scene.did(`finds ${left} messages in the queue`);
      scene.check("what the dead worker had taken is gone", left === 0);
      let sent = 0;
      while (sent < 2 * MOST && queue.trySend(new Uint8Array([sent]))) sent++;
      scene.did(`sends ${sent} messages that nobody takes; the next would have to wait`);
      scene.check(`a queue of ${MOST} takes ${MOST}`, sent === MOST);
      return [
        "The bill is not paid, and no error anywhere. A queue delivers at most once; for at least once the worker must answer, and somebody must listen.",
        `After ${sent} messages send() waits: back-pressure again, but counted in messages.`,
      ];
    },
  },
  peers: {
    async sender(report, [name = ""]) {
      using queue = openMessageQueue(name);
      for (const priority of PRIORITIES) {
        await queue.send(new TextEncoder().encode(`job of priority ${priority}`), { priority });
        report.did(`sends a message of priority ${priority}`);
      }
    },
    async worker(report, [name = ""]) {
      using queue = openMessageQueue(name);
      const { bytes } = await queue.receive();
      report.did(`receives ${JSON.stringify(new TextDecoder().decode(bytes))}, begins to work`);
      report.send();
      await untilKilled();
    },
  },
};

function create(scene: Scene): ReturnType<typeof createMessageQueue> {
  const name = `/causeway-learn-${crypto.randomUUID()}`;
  const queue = createMessageQueue(name, { maxMessages: MOST, messageSize: 64 });
  scene.defer(() => unlinkMessageQueue(name));
  scene.did(`creates a queue of ${MOST} messages`);
  return queue;
}
