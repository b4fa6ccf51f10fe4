/**
 * What lets processes wait for each other in memory that both have: the kernel is asked only where somebody has to wait.
 *
 * @module
 */

import { atomic, createAnonymousMemory, i32, type Infer, openAnonymousMemory, struct, u32 } from "../../memory/mod.ts";
import { barrier, condition, mutex, rwLock, semaphore } from "../../sync/mod.ts";
import { fromDescriptor } from "../../sys/fd.ts";
import { becomes } from "./memory_scenes.ts";
import { PATIENCE_MS, REHEARSALS, type Stage, type TraceScene } from "./stage.ts";

const Meeting = struct({
  /** How often the second has been let go, and has come as far as where it will wait. */
  go: atomic(u32),
  arrived: atomic(u32),
  book: rwLock,
  desk: semaphore(1),
  together: barrier(2),
  lock: mutex,
  changed: condition,
  letters: i32,
});

type Meeting = Infer<typeof Meeting>;

const PATIENCE = { timeoutMs: PATIENCE_MS };

/** One reads, the other wants to write. */
export const RW_LOCK: TraceScene = scene(
  "A reader-writer lock: who writes waits until the last reader has left",
  ({ book }) => {
    const guard = book.readSync();
    return () => guard.unlock();
  },
  ({ book }) => book.writeSync(PATIENCE).unlock(),
);

/** One permit, and two who want it. */
export const SEMAPHORE: TraceScene = scene(
  "A semaphore of one permit: who comes second waits until it is given back",
  ({ desk }) => {
    const permit = desk.acquireSync();
    return () => permit.release();
  },
  ({ desk }) => desk.acquireSync(PATIENCE).release(),
);

/** One waits until the other has changed something. */
export const CONDITION: TraceScene = scene(
  "A condition: who waits gives the lock up, sleeps, and has it again when it has been notified",
  (meeting) => {
    const arrived = meeting.arrived.load();
    return async () => {
      // It gives up the lock, which it has by then, only by waiting.
      await becomes(meeting.arrived, arrived + 1);
      using _guard = meeting.lock.lockSync(PATIENCE);
      meeting.letters++;
      meeting.changed.notifyOne();
    };
  },
  (meeting) => {
    using guard = meeting.lock.lockSync(PATIENCE);
    meeting.arrived.add(1);
    meeting.changed.waitSync(guard, { until: () => meeting.letters > 0, ...PATIENCE });
    meeting.letters--;
  },
);

/** Two who go on together. */
export const BARRIER: TraceScene = scene(
  "A barrier of two: who comes first waits for the other",
  ({ together }) => () => void together.waitSync(PATIENCE),
  ({ together }) => void together.waitSync(PATIENCE),
);

/**
 * A scene in which the second process waits for the first.
 *
 * @param prepare What the first does before the second is let go. It returns what the second waits for.
 * @param wait What the second does then.
 */
function scene(
  title: string,
  prepare: (meeting: Meeting) => () => void | Promise<void>,
  wait: (meeting: Meeting) => void,
): TraceScene {
  return {
    title,

    async first(stage: Stage) {
      const memory = stage.use(createAnonymousMemory({ size: Meeting.byteLength }));
      const meeting = Meeting.create(memory);
      const child = await stage.start([], { stdin: memory.duplicate() });
      for (let times = 0; times <= REHEARSALS; times++) {
        if (times === REHEARSALS) stage.record();
        const proceed = prepare(meeting);
        meeting.go.add(1);
        await stage.cueAsleep(child);
        await proceed();
        if (times === REHEARSALS) stage.cut();
        await stage.cue();
      }
      await stage.over(child);
    },

    async second(stage: Stage) {
      using memory = openAnonymousMemory(fromDescriptor(0));
      const meeting = Meeting.open(memory);
      stage.ready();
      for (let times = 0; times <= REHEARSALS; times++) {
        await becomes(meeting.go, times + 1);
        if (times === REHEARSALS) stage.record();
        stage.ready();
        wait(meeting);
        stage.ready();
      }
    },
  };
}
