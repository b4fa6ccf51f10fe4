/**
 * Messages through a POSIX message queue.
 *
 * @module
 */

import { createMessageQueue, type MessageQueue, openMessageQueue, unlinkMessageQueue } from "../../queue/mod.ts";
import { nextTurn } from "../../sys/clock.ts";
import { tellCurtain } from "../../trace/tell.ts";
import { PATIENCE_MS, REHEARSALS, type TraceScene } from "./stage.ts";

/** Two messages; the one that matters more overtakes. */
export const QUEUE: TraceScene = {
  title: "Messages through a POSIX message queue: kept by the kernel, highest priority first",

  async first(stage) {
    const name = `/causeway-trace-${Deno.pid}`;
    const queue = stage.use(createMessageQueue(name, OPTIONS));
    const unlink = stage.defer(() => unlinkMessageQueue(name));
    stage.record();
    await rehearse(queue);
    const child = await stage.start([name]);
    // Both have it: from now on it goes with them.
    unlink();
    tellCurtain();
    await queue.send(new TextEncoder().encode("when there is time"), { priority: 1 });
    await queue.send(new TextEncoder().encode("at once"), { priority: 9 });
    stage.cut();
    await stage.over(child);
  },

  async second(stage) {
    using queue = openMessageQueue(stage.args[0] ?? "");
    const own = `/causeway-trace-${Deno.pid}`;
    using rehearsal = createMessageQueue(own, OPTIONS);
    unlinkMessageQueue(own);
    stage.record();
    await rehearse(rehearsal);
    tellCurtain();
    stage.ready();
    for (const until = performance.now() + PATIENCE_MS; queue.attributes.messages < 2;) {
      if (performance.now() > until) throw new Error("The messages do not come");
      await nextTurn();
    }
    await queue.receive();
    await queue.receive();
  },
};

const OPTIONS = { maxMessages: 4, messageSize: 64 };

async function rehearse(queue: MessageQueue): Promise<void> {
  for (let times = 0; times < REHEARSALS; times++) {
    await queue.send(new Uint8Array(8));
    await queue.receive();
  }
}
