/**
 * Signals: the recipient is interrupted, prepared or not.
 *
 * @module
 */

import { atomic, createAnonymousMemory, type Infer, openAnonymousMemory, struct, u32 } from "../../memory/mod.ts";
import { kill, queueSignal, realtime, signals } from "../../signal/mod.ts";
import { fromDescriptor } from "../../sys/fd.ts";
import { tellCurtain, tellNote } from "../../trace/tell.ts";
import { PATIENCE_MS, REHEARSALS, type TraceScene } from "./stage.ts";

/** What the recipient computes for; the signal comes in the middle of it. */
const Work = struct({ isOver: atomic(u32) });

/** So long it goes on after the signal was sent. */
const MORE_MS = 2;

/** A signal to a process that is busy. */
export const SIGNAL: TraceScene = {
  title: "Delivery of a POSIX signal: the kernel interrupts the recipient, whatever it is doing",

  async first(stage) {
    const memory = stage.use(createAnonymousMemory({ size: Work.byteLength }));
    const work = Work.create(memory);
    const child = await stage.start([], { stdin: memory.duplicate() });
    stage.record();
    for (let times = 0; times < REHEARSALS; times++) {
      kill(child.pid, "SIGUSR1");
      // Two that are pending would become one.
      await stage.cue();
    }
    await stage.cue();
    tellCurtain();
    kill(child.pid, "SIGUSR1");
    stage.cut();
    work.isOver.store(1);
    await stage.over(child);
  },

  async second(stage) {
    using memory = openAnonymousMemory(fromDescriptor(0));
    const work = Work.open(memory);
    using listener = signals(["SIGUSR1"]);
    stage.record();
    stage.ready();
    for (let times = 0; times < REHEARSALS; times++) {
      await listener.receive();
      stage.ready();
    }
    tellCurtain();
    stage.ready();
    tellNote("computes");
    compute(work);
    tellNote("has computed");
    await listener.receive();
  },
};

/** Three that are queued, each with a value. */
export const REALTIME_SIGNAL: TraceScene = {
  title: "Three real-time signals: queued in order, each with its value and its sender",

  async first(stage) {
    const child = await stage.start();
    stage.record();
    for (let times = 0; times < REHEARSALS; times++) {
      queueSignal(child.pid, realtime(1), 0);
      await stage.suspense();
    }
    await stage.cueAsleep(child);
    tellCurtain();
    for (const value of [1, 2, 3]) queueSignal(child.pid, realtime(1), value);
    stage.cut();
    await stage.over(child);
  },

  async second(stage) {
    using listener = signals([realtime(1)]);
    stage.record();
    stage.ready();
    for (let times = 0; times < REHEARSALS; times++) await listener.receive();
    tellCurtain();
    stage.ready();
    for (let count = 0; count < 3; count++) await listener.receive();
  },
};

/** Keeps JavaScript busy: nothing but a signal handler can run meanwhile. */
function compute({ isOver }: Infer<typeof Work>): void {
  for (const until = performance.now() + PATIENCE_MS; isOver.load() === 0 && performance.now() < until;);
  for (const until = performance.now() + MORE_MS; performance.now() < until;);
}
