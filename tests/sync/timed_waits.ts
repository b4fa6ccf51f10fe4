/** Waits for what does not come, by every primitive and in both forms, and measures how long they take on the clock of the machine. */
import { assertEquals, fail } from "@std/assert";
import { monotonicNanoseconds, type SyncWaitOptions } from "../../lib/sys/clock.ts";
import { Life } from "../fixtures/sync_life_struct.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer } from "./peer.ts";
import { sharedStruct } from "./shared_struct.ts";

const LIMIT_MS = 60_000;

type View = ReturnType<typeof Life.create>;

const WAITS: Record<string, (view: View, options: SyncWaitOptions) => unknown> = {
  "Mutex.lock": (view, options) => view.lock.lock(options),
  "Mutex.lockSync": (view, options) => view.lock.lockSync(options),
  "RwLock.read": (view, options) => view.page.read(options),
  "RwLock.readSync": (view, options) => view.page.readSync(options),
  "RwLock.write": (view, options) => view.page.write(options),
  "RwLock.writeSync": (view, options) => view.page.writeSync(options),
  "Semaphore.acquire": (view, options) => view.permits.acquire(options),
  "Semaphore.acquireSync": (view, options) => view.permits.acquireSync(options),
  "Semaphore.wait": (view, options) => view.items.wait(options),
  "Semaphore.waitSync": (view, options) => view.items.waitSync(options),
  "Condition.wait": async (view, options) => {
    using guard = view.other.lockSync();
    await view.changed.wait(guard, { ...options, until: () => false });
  },
  "Condition.waitSync": (view, options) => {
    using guard = view.other.lockSync();
    view.changed.waitSync(guard, { ...options, until: () => false });
  },
  "Barrier.wait": (view, options) => view.meeting.wait(options),
  "Barrier.waitSync": (view, options) => view.meeting.waitSync(options),
  "Event.wait": (view, options) => view.start.wait(options),
  "Event.waitSync": (view, options) => view.start.waitSync(options),
  "Once.run": (view, options) => view.first.run(() => {}, options),
  "Once.runSync": (view, options) => view.first.runSync(() => {}, options),
};

/** By how many milliseconds each of some waits was late, for every way to wait. */
export async function lateness(timeoutMs: number, times: number): Promise<Map<string, number[]>> {
  using shared = sharedStruct(Life);
  const { memory, view } = shared;
  await using holder = Peer.deno("hold_everything.ts", { args: [memory.name] });
  assertEquals(await holder.says(), "held");
  const all = new Map<string, number[]>();
  for (const [what, wait] of Object.entries(WAITS)) {
    const late: number[] = [];
    for (let time = 0; time < times; time++) {
      const from = monotonicNanoseconds();
      const end = await watchdog(LIMIT_MS, async () => await wait(view, { timeoutMs })).then(() => "no end", String);
      late.push(Number(monotonicNanoseconds() - from) / 1e6 - timeoutMs);
      if (!end.startsWith("TimeoutError")) fail(`${what}: ${end}`);
    }
    all.set(what, late);
  }
  return all;
}
