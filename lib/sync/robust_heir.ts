/**
 * What becomes of the locks of JavaScript that has ended while its thread goes on: `deno run --watch` starts the program again on the same thread, in
 * a new realm. The kernel sees no death, and the list that it knows is no longer ours. So whoever makes the next list does first what
 * the kernel does when a thread ends.
 *
 * The addresses in the old list have been in shared memory, where a peer may have overwritten them. The kernel is asked whether something is there before
 * it is looked at; and only words that have this thread's id are changed, as the kernel would.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { libc } from "../sys/libc.ts";
import { FUTEX } from "../sys/linux.ts";
import { Mapping } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { ALL, futexWakeUntold } from "./futex.ts";

/** `struct robust_list_head`, and behind it what tells a list of this library from glibc's: "causeway", and the version. */
export const HEAD_BYTES = 24;
export const MARKED_HEAD_BYTES: number = HEAD_BYTES + 16;
const MARK: readonly bigint[] = [0x6361_7573_6577_6179n, 1n];
const MARK_AT = 3;
const FIRST = 0;
const PENDING = 2;

/** `ROBUST_LIST_LIMIT`. */
const MOST = 2048;
const ALIGNMENT = 8n;

/** Marks a list as one of this library. */
export function markHead(head: ArrayBuffer): void {
  new BigUint64Array(head).set(MARK, MARK_AT);
}

/**
 * Lets go of all locks that this thread still has by a list of this library that the kernel knows.
 *
 * @param entryOffset From a word to its entry, in bytes.
 */
export function releaseOldList(tid: number, entryOffset: number): void {
  const found = new BigUint64Array(2);
  const { SYS } = platform();
  const result = libc().syscall_get_robust_list(SYS.get_robust_list, 0, found.subarray(0, 1), found.subarray(1));
  const [address = 0n] = found;
  // Where a sandbox forbids to ask, nothing is known.
  if (result === -1 || address === 0n) return;
  using head = Mapping.over(address, MARKED_HEAD_BYTES, "robust list");
  const words = new BigUint64Array(head.buffer);
  if (MARK.some((part, index) => words[MARK_AT + index] !== part)) return;
  const { [FIRST]: first = address, [PENDING]: pending = 0n } = words;
  let entry: bigint | undefined = first;
  for (let count = 0; count < MOST && entry !== undefined && entry !== address; count++) {
    entry = release(entry, tid, entryOffset);
  }
  if (pending !== 0n) release(pending, tid, entryOffset);
}

/** `handle_futex_death()` of the kernel. Returns the next entry; `undefined` when there is none at this address. */
function release(entry: bigint, tid: number, entryOffset: number): bigint | undefined {
  const address = entry - BigInt(entryOffset);
  if (address <= 0n || address % ALIGNMENT !== 0n) return undefined;
  using place = Mapping.over(address, entryOffset + 8, "robust word");
  if (!isThere(place.pointerAt(0)) || !isThere(place.pointerAt(entryOffset))) return undefined;
  const words = new Int32Array(place.buffer);
  const [next] = new BigUint64Array(place.buffer, entryOffset, 1);
  for (let seen = Atomics.load(words, 0); (seen & FUTEX.TID_MASK) === tid;) {
    const changed = Atomics.compareExchange(words, 0, seen, (seen & FUTEX.WAITERS) | FUTEX.OWNER_DIED);
    if (changed === seen) break;
    seen = changed;
  }
  // Who sleeps looks again; also for a word that was free already, as the kernel does for the pending one.
  futexWakeUntold(place.pointer, ALL);
  return next;
}

/** Whether memory is there that may be written. A wake-up for no reason does nobody harm. */
function isThere(pointer: NonNullable<Deno.PointerValue>): boolean {
  try {
    futexWakeUntold(pointer, 1);
    return true;
  } catch (error) {
    if (error instanceof PosixError && error.code === "EFAULT") return false;
    throw error;
  }
}
