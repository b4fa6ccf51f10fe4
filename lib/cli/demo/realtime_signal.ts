/**
 * Real-time signals: queued, in order, each with a value.
 *
 * @module
 */

import { queueSignal, realtime, signals } from "../../signal/mod.ts";
import type { Mechanism } from "./mechanism.ts";
import { describe } from "./signal.ts";

const VALUES = [3, 1, 4, 1, 5];

/** The parent queues values faster than the child can take them. */
export const REALTIME_SIGNAL: Mechanism = {
  model: "asynchronous",
  about: "queued in the kernel: N sent are N received, in order, each with a 32-bit value and its sender",

  async play(scene) {
    const child = scene.peer();
    await child.said("listens");
    for (const value of VALUES) {
      scene.did(`queues ${realtime(1)} with value ${value}`);
      queueSignal(child.pid, realtime(1), value);
    }
    await scene.over(child);
    const got = child.told.map((did) => /^gets SIGRTMIN\+1 from pid (\d+) .*value (\d+)$/.exec(did)).filter((match) =>
      match !== null
    );
    const values = got.map(([, , value]) => Number(value));
    scene.check(`${VALUES.length} sent, ${VALUES.length} received, in order`, String(values) === String(VALUES));
    scene.check("each says who sent it", got.every(([, pid]) => Number(pid) === Deno.pid));
  },

  async peer(report) {
    using listener = signals([realtime(1)]);
    report.did(`listens to ${realtime(1)}`);
    report.send();
    for (const _ of VALUES) report.did(`gets ${describe(await listener.receive())}`);
  },
};
