/**
 * A signal there, and a signal back.
 *
 * @module
 */

import { kill, type SignalEvent, signals } from "../../signal/mod.ts";
import type { Mechanism } from "./mechanism.ts";

/** The parent sends SIGUSR1, the child answers whoever sent it with SIGUSR2. */
export const SIGNAL: Mechanism = {
  model: "asynchronous",
  about:
    "says that something happened, nothing more; the sender never waits; two of a kind that are pending become one",

  async play(scene) {
    using listener = signals(["SIGUSR2"]);
    scene.did("listens to SIGUSR2");
    const child = scene.peer([String(Deno.pid)]);
    await child.said("listens");
    scene.did("sends SIGUSR1");
    kill(child.pid, "SIGUSR1");
    const event = await listener.receive();
    scene.did(`gets ${describe(event)}`);
    await scene.over(child);
    scene.check(
      "the child knows who sent it",
      child.told.some((did) => did.startsWith(`gets SIGUSR1 from pid ${Deno.pid} `)),
    );
    scene.check("the parent knows who answered", "pid" in event && event.pid === child.pid);
  },

  async peer(report, [parent]) {
    using listener = signals(["SIGUSR1"]);
    report.did("listens to SIGUSR1");
    report.send();
    const event = await listener.receive();
    report.did(`gets ${describe(event)}`);
    // A CPU without our handler tells no sender; then the parent still gets its answer, and the check says what is missing.
    const sender = "pid" in event ? event.pid : Number(parent);
    report.did(`sends SIGUSR2 to pid ${sender}`);
    kill(sender, "SIGUSR2");
  },
};

/** A received signal in words. */
export function describe(event: SignalEvent): string {
  const sender = "pid" in event ? ` from pid ${event.pid} uid ${event.uid}` : "";
  const value = "value" in event ? ` with value ${event.value}` : "";
  return `${event.signal}${sender} (cause: ${event.cause})${value}`;
}
