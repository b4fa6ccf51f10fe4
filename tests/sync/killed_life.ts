/** Kills a process at the system calls of locking and unlocking, one after the other, while another wants the same, and looks how that one fares. */
import { assert, assertEquals } from "@std/assert";
import { createSharedMemory } from "../../lib/memory/mod.ts";
import { PosixError } from "../../lib/errors.ts";
import type { MutexGuard } from "../../lib/sync/mod.ts";
import { Life } from "../fixtures/sync_life_struct.ts";
import { type Call, type Living, trace } from "../helpers/traced_life.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { denoCommand } from "../memory/child.ts";
import { uniqueName } from "./peer.ts";
import { promptly, sleepsOnWord } from "./rounds.ts";

const LIMIT_MS = 60_000;

type View = ReturnType<typeof Life.create>;

/** What the survivor does: before the life, which is the function itself; while it lasts; and when it is over, whichever way. */
type Survivor = (view: View) => { meanwhile?(living: Living): Promise<void>; after(): Promise<void> };

const SURVIVORS: Record<string, Survivor> = {
  "mutex, free": (view) => ({
    async after() {
      mend(view, await view.lock.lock());
      mend(view, view.other.lockSync());
    },
  }),
  "mutex, sync": contendForMutex,
  "mutex, async": contendForMutex,
  "rwLock, free": (view) => ({ after: () => mendPage(view) }),
  "rwLock, writer": (view) => {
    const held = view.page.readSync();
    let reading: Promise<PromiseSettledResult<Disposable>[]> | undefined;
    return {
      async meanwhile(living) {
        await asleep(living);
        held.unlock();
        await untilStep(view, living, 1);
        reading = Promise.allSettled([view.page.read()]);
        await ownSleep(living);
        view.told.store(1);
      },
      async after() {
        for (const read of await reading ?? []) {
          if (read.status === "fulfilled") read.value[Symbol.dispose]();
          else assertEquals(codeOf(read.reason), "EOWNERDEAD");
        }
        await mendPage(view);
      },
    };
  },
  "rwLock, reader": contendToWrite,
  "rwLock, async": contendToWrite,
  "semaphore, free": (view) => ({ after: () => allPermitsAreThere(view) }),
  "semaphore, permits": contendForPermit,
  "semaphore, async": contendForPermit,
  "semaphore, items": (view) => {
    while (view.items.tryWait());
    let waiting: Promise<void> | undefined;
    return {
      async meanwhile(living) {
        await asleep(living);
        view.items.post();
        await untilStep(view, living, 1);
        waiting = view.items.wait();
        await ownSleep(living);
        view.told.store(1);
      },
      async after() {
        view.items.post();
        await waiting;
        // One was posted in the beginning, one just now; it has waited for one, and passed one on, or neither, or only the first.
        assert(view.items.value <= 1, `${view.items.value}`);
      },
    };
  },
  condition: (view) => {
    let waiting: Promise<void> | undefined;
    const wait = async () => {
      const guard = await view.lock.lock();
      await view.changed.wait(guard, { until: () => view.told.load() === 3 || view.step.load() === 2 });
      mend(view, guard);
    };
    return {
      async meanwhile(living) {
        await asleep(living);
        notify(view, 1);
        await untilStep(view, living, 1);
        waiting = wait();
        await ownSleep(living);
        view.told.store(2);
      },
      async after() {
        notify(view, 3);
        await waiting;
      },
    };
  },
  barrier: (view) => {
    const meetings: Promise<PromiseSettledResult<unknown>[]>[] = [];
    return {
      async meanwhile(living) {
        await asleep(living);
        if (living.isOver && view.step.load() === 0) return;
        meetings.push(Promise.allSettled([view.meeting.wait()]));
        await untilStep(view, living, 2);
        if (view.step.load() < 2) return;
        meetings.push(Promise.allSettled([view.meeting.wait()]));
        await ownSleep(living);
        view.told.store(1);
      },
      async after() {
        // A member's death ends them; and a life that went well has ended them.
        for (const met of (await Promise.all(meetings)).flat()) {
          if (met.status === "rejected") assertEquals(codeOf(met.reason), "EOWNERDEAD");
        }
        view.meeting.reset();
        await Promise.all([view.meeting.wait(), view.meeting.wait()]);
        view.meeting.leave();
      },
    };
  },
  event: (view) => {
    view.start.reset();
    view.bell.tryWait();
    let waiting: Promise<void> | undefined;
    return {
      async meanwhile(living) {
        await asleep(living);
        view.start.set();
        await untilStep(view, living, 1);
        waiting = view.bell.wait();
        await ownSleep(living);
        view.told.store(1);
      },
      async after() {
        // Also when it is set already: who set it may have died before it woke anybody.
        view.bell.set();
        await waiting;
      },
    };
  },
  "once, runner": (view) => {
    let running: Promise<boolean> | undefined;
    const finish = () => {
      view.a = view.b = 1n;
    };
    return {
      async meanwhile(living) {
        await untilStep(view, living, 1);
        running = view.first.run(finish);
        await ownSleep(living);
        view.told.store(1);
      },
      async after() {
        await running;
        await view.first.run(finish);
        assertEquals([view.first.done, view.a, view.b], [true, 1n, 1n]);
      },
    };
  },
  "once, waiter": (view) => {
    let over = () => {};
    const running = view.first.run(async () => {
      await new Promise<void>((resolve) => over = resolve);
      view.a = view.b = 1n;
    });
    return {
      async meanwhile(living) {
        await asleep(living);
        over();
      },
      async after() {
        assertEquals(await running, true);
        assertEquals([view.first.done, view.a, view.b], [true, 1n, 1n]);
      },
    };
  },
};

/** What can be done with the primitives: by both forms of waiting, alone and against another. */
export const KINDS: readonly string[] = Object.keys(SURVIVORS);

/**
 * Kills at one system call after another, each time in the same memory.
 *
 * @param choose Of all calls that a whole life makes, those to kill at.
 * @returns How many were killed, of those that came to the call.
 */
export async function killWhileLocking(kind: string, choose: (calls: Call[]) => Call[]): Promise<number> {
  using stage = new Stage(kind);
  const whole = await stage.live();
  assert(whole.done);
  let killed = 0;
  for (const call of choose(whole.calls)) {
    // A machine that is busy elsewhere can take its time, too, but hardly each time.
    await promptly(async () => {
      const { done, waitedMs } = await stage.live(call);
      if (!done) killed++;
      return waitedMs;
    });
  }
  stage.close();
  return killed;
}

/** One struct, for one life after the other. What is done once needs a new one each time. */
class Stage implements Disposable {
  readonly #kind: string;
  #memory = createSharedMemory(uniqueName(), { size: Life.byteLength });
  #view = Life.create(this.#memory);

  constructor(kind: string) {
    this.#kind = kind;
  }

  async live(fatal?: Call): Promise<{ calls: Call[]; done: boolean; waitedMs: number }> {
    if (this.#kind.startsWith("once")) {
      this.close();
      this.#memory = createSharedMemory(uniqueName(), { size: Life.byteLength });
      this.#view = Life.create(this.#memory);
    }
    const view = this.#view;
    view.step.store(0);
    view.told.store(0);
    const survivor = SURVIVORS[this.#kind]?.(view);
    assert(survivor !== undefined, this.#kind);
    let pid = 0;
    // V8's own threads and its cache would put calls that come and go between those that matter.
    const [program = "", verb = "", ...rest] = denoCommand("sync_life.ts");
    const { calls, done } = await trace({
      command: [
        program,
        verb,
        "--v8-flags=--single-threaded",
        "--no-code-cache",
        ...rest,
        this.#kind,
        this.#memory.name,
      ],
      fatal,
      meanwhile: async (living) => {
        pid = living.pid;
        await survivor.meanwhile?.(living);
      },
    });
    const from = performance.now();
    const at = fatal === undefined ? "" : `killed at ${fatal.name} ${fatal.when}`;
    await watchdog(LIMIT_MS, survivor.after()).catch((cause) => {
      throw new Error(`${this.#kind}, ${at}`, { cause });
    });
    const waitedMs = performance.now() - from;
    assertEquals([view.a, view.lock.tryLock()?.unlock()], [view.b, undefined], at);
    // Robust words are at multiples of 8; the other half of a pointer could look like a pid.
    const words = Array.from(new Int32Array(this.#memory.bytes.buffer)).filter((_, index) => index % 2 === 0);
    assert(!words.some((word) => (word & 0x3fff_ffff) === pid), `${at}: a word is still the dead one's`);
    return { calls, done, waitedMs };
  }

  /** Throws when something in it is still held or waited for. */
  close(): void {
    this.#memory.unlink();
    this.#memory.close();
  }

  [Symbol.dispose](): void {
    if (!this.#memory.closed) this.#memory.unlink();
  }
}

function contendForMutex(view: View): ReturnType<Survivor> {
  const held = view.lock.lockSync();
  let waiting: Promise<MutexGuard> | undefined;
  return {
    async meanwhile(living) {
      await asleep(living);
      held.unlock();
      await untilStep(view, living, 1);
      waiting = view.lock.lock();
      await ownSleep(living);
      view.told.store(1);
    },
    async after() {
      mend(view, await (waiting ?? view.lock.lock()));
    },
  };
}

function contendToWrite(view: View): ReturnType<Survivor> {
  const held = view.page.writeSync();
  let written: Promise<void> | undefined;
  return {
    async meanwhile(living) {
      await asleep(living);
      held.unlock();
      await untilStep(view, living, 1);
      written = view.page.write().then((guard) => guard.unlock());
      await ownSleep(living);
      view.told.store(1);
    },
    async after() {
      await written;
      await mendPage(view);
    },
  };
}

function contendForPermit(view: View): ReturnType<Survivor> {
  const held = view.permits.acquireSync();
  let waiting: Promise<Disposable> | undefined;
  return {
    async meanwhile(living) {
      await asleep(living);
      held.release();
      await untilStep(view, living, 1);
      waiting = view.permits.acquire();
      await ownSleep(living);
      view.told.store(1);
    },
    async after() {
      (await waiting)?.[Symbol.dispose]();
      await allPermitsAreThere(view);
    },
  };
}

/** Tells who waits for the condition how far the test is. */
function notify(view: View, told: number): void {
  const guard = view.lock.lockSync();
  view.told.store(told);
  view.changed.notifyAll();
  mend(view, guard);
}

/** What the mutex guards is whole, or half of it was done by who died. */
function mend(view: View, guard: MutexGuard): void {
  if (guard.previousOwnerDied) {
    mendValues(view);
    guard.markConsistent();
  }
  assertEquals(view.a, view.b);
  guard.unlock();
}

async function mendPage(view: View): Promise<void> {
  {
    using write = await view.page.write();
    if (write.previousOwnerDied) mendValues(view);
    write.markConsistent();
    assertEquals(view.a, view.b);
  }
  using _read = await view.page.read();
  assertEquals(view.page.tryRead()?.unlock(), undefined);
}

function mendValues(view: View): void {
  assert(view.a === view.b || view.a === view.b + 1n, `${view.a} and ${view.b}`);
  view.b = view.a;
}

async function allPermitsAreThere(view: View): Promise<void> {
  {
    using _permit = await view.permits.acquire();
    assertEquals(view.permits.tryAcquire(), undefined);
  }
  assertEquals(view.permits.value, 1);
}

/** Waits until the other sleeps for a word, or is no more. */
async function asleep(living: Living): Promise<void> {
  while (!living.isOver && !sleepsOnWord(living.pid)) await new Promise((resolve) => setTimeout(resolve, 1));
}

/** Waits until a wait of this process's own sleeps, too, so that there is somebody to wake. */
async function ownSleep(living: Living): Promise<void> {
  await asleep({
    pid: Deno.pid,
    get isOver() {
      return living.isOver;
    },
  });
}

/** Waits until the other is so far, or is no more. */
async function untilStep(view: View, living: Living, step: number): Promise<void> {
  while (!living.isOver && view.step.load() < step) await new Promise((resolve) => setTimeout(resolve, 1));
}

function codeOf(error: unknown): string {
  if (error instanceof PosixError) return error.code;
  throw error;
}
