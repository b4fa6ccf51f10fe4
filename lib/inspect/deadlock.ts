/**
 * Deadlocks: processes that wait for each other in a circle.
 *
 * @module
 */

import { readWaits, type ThreadOf, type Wait, type Waits } from "./deadlock_waits.ts";
import type { Snapshot } from "./snapshot.ts";

/** A circle of waits. */
export interface Deadlock {
  /** Each waits for the process of the next one, and the last for that of the first. One alone waits for itself. */
  readonly circle: readonly Wait[];
  /** Waits of other processes that can only end when the circle does. */
  readonly victims: readonly Wait[];
  /**
   * `"likely"` when another thread of one of them waits for events, and might then do what the others wait for, or when it is a task on an event loop
   * that waits.
   */
  readonly certainty: "certain" | "likely";
}

/**
 * `findDeadlocks(snapshot)`: the circles in which processes wait for each other: for locks, for bytes of a pipe or room in it, for the end of a child.
 *
 * A process is taken for stuck when nobody who could wake it is anything but stuck. What a look at a moment cannot know: that a wait has a time limit, or
 * that a signal will interrupt it. A thread that waits for its own process is expected not to help; one that waits for events might.
 *
 * @param snapshot Of all processes that may take part: who was not looked at can wake nobody.
 * @param waits What threads wait for, if that was read already.
 * @returns Each circle once.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for /proc.
 *
 * @example This process is in none
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { findDeadlocks, readSnapshot } from "@causeway/causeway/inspect";
 *
 * const found = findDeadlocks(readSnapshot({ pids: [Deno.pid] }));
 * assertEquals(found, []);
 * ```
 *
 * @tags allow-ffi
 */
export function findDeadlocks(snapshot: Snapshot, waits: Waits = readWaits(snapshot)): Deadlock[] {
  const stuck = stuckWaits(waits);
  const byThread = Map.groupBy(stuck, ({ tid }) => tid);
  const circles = new Map<string, Wait[]>();
  for (const wait of stuck) {
    const circle = circleFrom(wait, byThread);
    circles.set(circle.map(({ tid, object }) => `${tid} ${object}`).sort().join(", "), circle);
  }
  return Array.from(circles.values(), (circle) => {
    const inCircle = new Set(circle);
    const members = new Set(circle.map(({ pid }) => pid));
    const victims = stuck.filter((wait) => !members.has(wait.pid) && reaches(wait, inCircle, byThread));
    return { circle, victims, certainty: certaintyOf(circle, waits) };
  });
}

/** A mutex can be unlocked by nobody but the thread that owns it. Everything else, any thread of a process can do. */
function certaintyOf(circle: readonly Wait[], { listening }: Waits): Deadlock["certainty"] {
  const sure = circle.every(({ kind, asynchronous }, index) => {
    const next = circle[(index + 1) % circle.length];
    return !asynchronous && (kind === "mutex" || next === undefined || !listening.has(next.pid));
  });
  return sure ? "certain" : "likely";
}

/**
 * The waits that cannot end: from all of them, those are struck out, again and again, that somebody who is not stuck can end. Of those who are needed
 * all, one who is stuck is enough.
 */
function stuckWaits({ waits, awake }: Waits): Wait[] {
  let left = waits.filter(({ wakers }) => wakers.length > 0);
  while (true) {
    const threads = new Set(left.map(({ tid }) => tid));
    // A thread is itself; the first thread of a process stands for all that are awake.
    const isStuck = ({ tid }: ThreadOf) => threads.has(tid) && (awake.get(tid) ?? []).length === 0;
    const next = left.filter(({ wakers, needs }) => needs === "all" ? wakers.some(isStuck) : wakers.every(isStuck));
    if (next.length === left.length) return next;
    left = next;
  }
}

/** Follows the waits until one comes again: from there on it is a circle. It begins with its lowest thread. */
function circleFrom(start: Wait, byThread: ReadonlyMap<number, readonly Wait[]>): Wait[] {
  const path: Wait[] = [];
  let wait: Wait | undefined = start;
  while (wait !== undefined && !path.includes(wait)) {
    path.push(wait);
    wait = nextOf(wait, byThread);
  }
  const circle = wait === undefined ? path : path.slice(path.indexOf(wait));
  const lowest = circle.reduce((at, { tid }, index) => tid < (circle[at]?.tid ?? Infinity) ? index : at, 0);
  return [...circle.slice(lowest), ...circle.slice(0, lowest)];
}

function nextOf({ wakers }: Wait, byThread: ReadonlyMap<number, readonly Wait[]>): Wait | undefined {
  return wakers.flatMap(({ tid }) => byThread.get(tid) ?? [])[0];
}

function reaches(from: Wait, circle: ReadonlySet<Wait>, byThread: ReadonlyMap<number, readonly Wait[]>): boolean {
  const seen = new Set<Wait>();
  for (let wait: Wait | undefined = from; wait !== undefined && !seen.has(wait); wait = nextOf(wait, byThread)) {
    if (circle.has(wait)) return true;
    seen.add(wait);
  }
  return false;
}
