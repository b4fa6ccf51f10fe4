/**
 * `futex(2)`: sleeping on a word in shared memory, and waking who sleeps there. Never with the PRIVATE flag: the other side is another process.
 *
 * @module
 */

import { check, ERRNO, errno } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { FUTEX } from "../sys/linux.ts";
import type { Mapping } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { isProbed, publish, publishWait, startedNs } from "../sys/probe.ts";

/** Wakes all sleepers. */
export const ALL = 0x7fff_ffff;

/**
 * Nobody sleeps longer than this without a look at the word. Every wake-up has a waker, except when two processes die within microseconds
 * of each other (the one that woke, and the one that was woken): this is what brings their word back.
 */
export const LOOK_AGAIN_MS = 1000;

type Pointer = NonNullable<Deno.PointerValue>;

/** `struct timespec`. */
const timeout = new BigInt64Array(2);

/**
 * `FUTEX_WAIT`: blocks this thread while the word has a value; the check and the falling asleep are one step.
 *
 * It may return for no reason (a signal, the time, a value that changed already): whoever waits looks at the word again.
 *
 * @param expected The value, as 32 bits of either sign.
 * @param forMs At most so long.
 */
export function futexWait(word: Pointer, expected: number, forMs: number): void {
  const ended = isProbed() ? publishWait({ for: "futex" }) : undefined;
  try {
    sleep(word, expected, forMs);
  } finally {
    ended?.();
  }
}

function sleep(word: Pointer, expected: number, forMs: number): void {
  const nanoseconds = BigInt(Math.ceil(forMs * 1e6));
  timeout[0] = nanoseconds / 1_000_000_000n;
  timeout[1] = nanoseconds % 1_000_000_000n;
  const result = libc().syscall_futex(platform().SYS.futex, word, FUTEX.WAIT, expected >>> 0, timeout, null, 0);
  if (result !== -1) return;
  const number = errno();
  if (number === ERRNO.EAGAIN || number === ERRNO.EINTR || number === ERRNO.ETIMEDOUT) return;
  check(result, "futex");
}

/** `FUTEX_WAKE`: wakes sleepers of every process, and returns how many. */
export function futexWake(word: Pointer, most: number): number {
  const started = startedNs();
  const woken = futexWakeUntold(word, most);
  if (started !== undefined) publish(() => ({ kind: "futex.wake", woken, startedNs: started }));
  return woken;
}

/**
 * `FUTEX_WAKE_OP`: the word becomes 0 and all its sleepers are woken, in one step: no death of this thread comes in between.
 *
 * @returns How many were woken.
 */
export function futexZero(word: Pointer): number {
  const started = startedNs();
  // The last argument says: store 0; and wake once more if the word was 0, which it was not.
  const woken = check(libc().syscall_futex(platform().SYS.futex, word, FUTEX.WAKE_OP, ALL, null, word, 0), "futex");
  if (started !== undefined) publish(() => ({ kind: "futex.wake", woken, startedNs: started }));
  return woken;
}

/** `FUTEX_WAKE`, for a word of this process's own: nobody else's business. */
export function futexWakeUntold(word: Pointer, most: number): number {
  return check(libc().syscall_futex(platform().SYS.futex, word, FUTEX.WAKE, most, null, null, 0), "futex");
}

/** A word in shared memory that somebody may sleep on. */
export interface FutexWord {
  /** The word is its first element. */
  readonly words: Int32Array<ArrayBuffer>;
  /** Its address. */
  readonly address: bigint;
  /** The same, as FFI calls take it. */
  readonly pointer: Pointer;
}

/** A word, and the value that it has as long as nothing has happened there. */
export interface Watched extends FutexWord {
  /** As an Int32Array reads it. */
  readonly expected: number;
  /**
   * Whether it is a robust word, of which the kernel wakes one sleeper when its owner dies: whoever wakes then wakes the others.
   * @default {false}
   */
  readonly relay?: boolean;
}

/** The futex word at an offset of a mapping. */
export function futexWord(mapping: Mapping, offset: number): FutexWord {
  return {
    words: new Int32Array(mapping.buffer, offset, 1),
    address: mapping.address + BigInt(offset),
    pointer: mapping.pointerAt(offset),
  };
}

/** Whether something has happened to one of the words. */
export function anyChanged(watched: readonly Watched[]): boolean {
  return watched.some(({ words, expected }) => Atomics.load(words, 0) !== expected);
}

/**
 * What somebody who is about to sleep writes beside the word that he has read: never 0, and another value whenever the word is another. Whoever changes
 * the word and wakes the sleepers takes the announcement away only if it is still the one that he saw before: later ones are not his to take.
 */
export function announcement(seen: number): number {
  return (seen + 1) | 0 || 1;
}
