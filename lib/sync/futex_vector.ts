/**
 * `futex_waitv(2)`: sleeping on several words at once. Any of them ends the sleep.
 *
 * @module
 */

import { monotonicNanoseconds } from "../sys/clock.ts";
import { check, ERRNO, errno } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { CLOCK_MONOTONIC, FUTEX } from "../sys/linux.ts";
import { platform } from "../sys/platform.ts";
import { isProbed, publishWait } from "../sys/probe.ts";
import { futexWait, type Watched } from "./futex.ts";

/** So many words fit into one call. */
export const MOST_WORDS: number = FUTEX.WAITV_MAX;

/** `struct futex_waitv { u64 val; u64 uaddr; u32 flags; u32 reserved; }` */
const ENTRY = { byteLength: 24, value: 0, address: 8, flags: 16 } as const;

/** What `futex_waitv` is given: words, each with the value at which to sleep. */
export class FutexVector {
  /** The array of `struct futex_waitv`. */
  readonly data: DataView<ArrayBuffer> = new DataView(new ArrayBuffer(ENTRY.byteLength * MOST_WORDS));
  #count = 0;

  /** How many words it has. */
  get count(): number {
    return this.#count;
  }

  /** Leaves out all words. */
  clear(): void {
    this.#count = 0;
  }

  /** Adds a word. */
  add(address: bigint, expected: number): void {
    const at = this.#count++ * ENTRY.byteLength;
    this.data.setBigUint64(at + ENTRY.value, BigInt(expected >>> 0), true);
    this.data.setBigUint64(at + ENTRY.address, address, true);
    this.data.setUint32(at + ENTRY.flags, FUTEX.WAITV_U32, true);
  }
}

/** Before Linux 5.16 only the first word can be slept on. The others are looked at so often. */
const SLICE_MS = 10;

const vector = new FutexVector();
const until = new BigInt64Array(2);
let missing = false;

/**
 * Blocks this thread while all words have their values; the check and the falling asleep are one step.
 *
 * It may return for no reason, as {@linkcode futexWait}. Before Linux 5.16 it does so often.
 *
 * @param watched The words, at least one and at most {@linkcode MOST_WORDS}.
 * @param forMs At most so long.
 */
export function futexWaitAny(watched: readonly Watched[], forMs: number): void {
  const [first] = watched;
  if (first === undefined) throw new RangeError("futexWaitAny needs a word to wait for");
  if (watched.length === 1) return futexWait(first.pointer, first.expected, forMs);
  if (missing) return futexWait(first.pointer, first.expected, Math.min(forMs, SLICE_MS));
  vector.clear();
  for (const { address, expected } of watched) vector.add(address, expected);
  const nanoseconds = monotonicNanoseconds() + BigInt(Math.ceil(forMs * 1e6));
  until[0] = nanoseconds / 1_000_000_000n;
  until[1] = nanoseconds % 1_000_000_000n;
  const ended = isProbed() ? publishWait({ for: "futex" }) : undefined;
  try {
    sleep();
  } finally {
    ended?.();
  }
}

/** One call, for what `vector` and `until` say. */
function sleep(): void {
  const { SYS } = platform();
  const { data, count } = vector;
  const result = libc().syscall_futex_waitv_now(SYS.futex_waitv, data, count, 0, until, CLOCK_MONOTONIC);
  if (result !== -1) return;
  const number = errno();
  if (number === ERRNO.ENOSYS) missing = true;
  else if (number !== ERRNO.EAGAIN && number !== ERRNO.EINTR && number !== ERRNO.ETIMEDOUT) {
    check(result, "futex_waitv");
  }
}
