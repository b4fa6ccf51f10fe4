/**
 * Waiting for futex words on the event loop: one `futex_waitv` call, on one thread of the pool, sleeps on the words of up to 127 waits together.
 *
 * The 128th word is a bell in memory of its own. It rings when the set of words changes while the thread sleeps, and when the last wait is over: then
 * the thread comes back, nothing is pending any more, and the process may end. More than 127 words make a second batch, with a second thread.
 *
 * errno of the call is lost (it ran on another thread), so its result is not believed: after every return each word is looked at.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { monotonicNanoseconds } from "../sys/clock.ts";
import { check, ERRNO, errno } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { CLOCK_MONOTONIC, FUTEX, MAP } from "../sys/linux.ts";
import { Mapping } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { ALL, futexWake, LOOK_AGAIN_MS } from "./futex.ts";

/** One word that somebody waits for. */
export interface Sleep {
  /** The word is its first element. */
  readonly words: Int32Array<ArrayBuffer>;
  /** The word's address. */
  readonly address: bigint;
  /** The value that it has as long as nothing has happened. */
  readonly expected: number;
  /** Called once, on the event loop, when the word has another value. The sleep is over then. */
  wake(): void;
  /** Called instead when the kernel refuses to wait. */
  fail(reason: unknown): void;
}

/** One place is the bell's. */
const BATCH_WORDS = FUTEX.WAITV_MAX - 1;

/** `struct futex_waitv { u64 val; u64 uaddr; u32 flags; u32 reserved; }` */
const ENTRY = { byteLength: 24, value: 0, address: 8, flags: 16 } as const;

/** So many returns in a row without any news mean that the kernel does not wait, whatever its reason is. */
const FRUITLESS_LIMIT = 1000;

const batches: Batch[] = [];

/**
 * Sleeps until a word has another value than the expected one. At least one wait keeps the process alive, none does not.
 *
 * @returns How to end the sleep before.
 * @throws {PosixError} ENOSYS before Linux 5.16.
 */
export function sleepOn(sleep: Sleep): () => void {
  let batch = batches.find((candidate) => candidate.size < BATCH_WORDS);
  if (batch === undefined) {
    requireFutexWaitv();
    batch = new Batch();
    batches.push(batch);
  }
  batch.add(sleep);
  return () => batch.remove(sleep);
}

/** Resolves when no call is pending that nobody waits for. */
export async function sleepersSettled(): Promise<void> {
  for (const batch of batches) await batch.settled();
}

class Batch {
  readonly #sleeps = new Set<Sleep>();
  /** Neither may move while the kernel reads it from another thread: `new ArrayBuffer` does not, a small typed array might. */
  readonly #vector = new DataView(new ArrayBuffer(ENTRY.byteLength * FUTEX.WAITV_MAX));
  readonly #deadline = new BigInt64Array(new ArrayBuffer(16));
  /** Never unmapped: it belongs to the batch, which is kept for the next waits. */
  readonly #bellPage = Mapping.map({
    byteLength: 4,
    protection: MAP.PROT_READ | MAP.PROT_WRITE,
    flags: MAP.PRIVATE,
    target: "futex bell",
  });
  readonly #bell = new Int32Array(this.#bellPage.buffer);
  /** Whether the thread sleeps, and the bell has not rung. */
  #asleep = false;
  #running: Promise<void> | undefined;

  get size(): number {
    return this.#sleeps.size;
  }

  add(sleep: Sleep): void {
    this.#sleeps.add(sleep);
    this.#ring();
    this.#running ??= this.#run();
  }

  /** The kernel may wake for the word once more; nobody is told. */
  remove(sleep: Sleep): void {
    this.#sleeps.delete(sleep);
    if (this.#sleeps.size === 0) this.#ring();
  }

  async settled(): Promise<void> {
    if (this.#sleeps.size === 0) await this.#running;
  }

  #ring(): void {
    if (!this.#asleep) return;
    this.#asleep = false;
    Atomics.add(this.#bell, 0, 1);
    futexWake(this.#bellPage.pointer, ALL);
  }

  async #run(): Promise<void> {
    let fruitless = 0;
    try {
      while (this.#sleeps.size > 0) {
        const count = this.#fill();
        this.#asleep = true;
        const { SYS } = platform();
        await libc().syscall_futex_waitv(SYS.futex_waitv, this.#vector, count, 0, this.#deadline, CLOCK_MONOTONIC);
        const quiet = this.#asleep && monotonicNanoseconds() < this.#nanoseconds;
        this.#asleep = false;
        fruitless = this.#deliver() || !quiet ? 0 : fruitless + 1;
        if (fruitless > FRUITLESS_LIMIT) {
          throw new PosixError({ code: "EIO", syscall: "futex_waitv", hint: "it does not wait" });
        }
      }
    } catch (error) {
      const sleeps = [...this.#sleeps];
      this.#sleeps.clear();
      for (const sleep of sleeps) sleep.fail(error);
    } finally {
      this.#running = undefined;
    }
  }

  /** Wakes whose words have changed. Returns whether there was one. */
  #deliver(): boolean {
    let news = false;
    for (const sleep of [...this.#sleeps]) {
      if (!this.#sleeps.has(sleep) || Atomics.load(sleep.words, 0) === sleep.expected) continue;
      this.#sleeps.delete(sleep);
      news = true;
      sleep.wake();
    }
    return news;
  }

  /** Writes the vector: the bell, and every word. Returns how many entries it has. */
  #fill(): number {
    let at = 0;
    const entry = (address: bigint, expected: number) => {
      this.#vector.setBigUint64(at + ENTRY.value, BigInt(expected >>> 0), true);
      this.#vector.setBigUint64(at + ENTRY.address, address, true);
      this.#vector.setUint32(at + ENTRY.flags, FUTEX.WAITV_U32, true);
      at += ENTRY.byteLength;
    };
    entry(this.#bellPage.address, Atomics.load(this.#bell, 0));
    for (const { address, expected } of this.#sleeps) entry(address, expected);
    const nanoseconds = monotonicNanoseconds() + BigInt(LOOK_AGAIN_MS) * 1_000_000n;
    this.#deadline[0] = nanoseconds / 1_000_000_000n;
    this.#deadline[1] = nanoseconds % 1_000_000_000n;
    return at / ENTRY.byteLength;
  }

  get #nanoseconds(): bigint {
    return this.#deadline[0]! * 1_000_000_000n + this.#deadline[1]!;
  }
}

/** Asks for no words at all: a kernel that knows the call says EINVAL. */
function requireFutexWaitv(): void {
  const result = libc().syscall_futex_waitv_now(platform().SYS.futex_waitv, null, 0, 0, null, CLOCK_MONOTONIC);
  if (result === -1 && errno() === ERRNO.EINVAL) return;
  check(result, "futex_waitv", undefined, {
    ENOSYS: "asynchronous waiting needs Linux 5.16; the Sync and try forms work",
  });
}
