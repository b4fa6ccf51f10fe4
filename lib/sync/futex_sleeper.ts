/**
 * Waiting for futex words on the event loop: one `futex_waitv` call, on one thread of the pool, sleeps on up to 127 words together, those of all waits.
 * A word that several waits look at (the slot of a participant) counts once.
 *
 * The 128th word is a bell in memory of its own. It rings when the set of words changes while the thread sleeps, and when the last wait is over: then
 * the thread comes back, nothing is pending any more, and the process may end. More than 127 words make a second batch, with a second thread.
 *
 * errno of the call is lost (it ran on another thread), so its result is not believed: after every return each word is looked at.
 *
 * @module
 */

import { ClosedError, PosixError } from "../errors.ts";
import { monotonicNanoseconds } from "../sys/clock.ts";
import { check, ERRNO, errno } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { CLOCK_MONOTONIC, MAP } from "../sys/linux.ts";
import { Mapping } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { isProbed, publishWait } from "../sys/probe.ts";
import { ALL, anyChanged, futexWakeUntold, LOOK_AGAIN_MS, type Watched } from "./futex.ts";
import { FutexVector, MOST_WORDS } from "./futex_vector.ts";

/** A word that somebody waits for, or several: any of them ends the wait. */
export interface Sleep {
  /** The word is its first element. */
  readonly words: Int32Array<ArrayBuffer>;
  /** The word's address. */
  readonly address: bigint;
  /** The value that it has as long as nothing has happened. */
  readonly expected: number;
  /** More words, where one does not tell all: those of the holders that may die. At most 120. */
  readonly also?: readonly Watched[];
  /** Called once, on the event loop, when a word has another value, or may have had one. The sleep is over then. */
  wake(): void;
  /** Called instead when the kernel refuses to wait. */
  fail(reason: unknown): void;
}

/** One place is the bell's. */
const BATCH_WORDS = MOST_WORDS - 1;

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
  return isProbed() ? sleepTold(sleep) : begin(sleep);
}

/** Tells the probe of it. */
function sleepTold(sleep: Sleep): () => void {
  const ended = publishWait({ for: "futex" });
  const stop = begin({
    ...sleep,
    wake: () => {
      ended();
      sleep.wake();
    },
    fail: (reason) => {
      ended();
      sleep.fail(reason);
    },
  });
  return () => {
    stop();
    ended();
  };
}

function begin(sleep: Sleep): () => void {
  let batch = batches.find((candidate) => candidate.hasRoomFor(sleep));
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
  /** The words of all sleeps, and how many sleeps look at each. */
  readonly #watchers = new Map<bigint, number>();
  /** Neither may move while the kernel reads it from another thread: `new ArrayBuffer` does not, a small typed array might. */
  readonly #vector = new FutexVector();
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

  hasRoomFor(sleep: Sleep): boolean {
    let size = this.#watchers.size;
    for (const { address } of wordsOf(sleep)) if (!this.#watchers.has(address)) size++;
    return size <= BATCH_WORDS;
  }

  add(sleep: Sleep): void {
    this.#sleeps.add(sleep);
    for (const { address } of wordsOf(sleep)) this.#watchers.set(address, (this.#watchers.get(address) ?? 0) + 1);
    this.#ring();
    this.#running ??= this.#run();
  }

  /** The kernel may wake for its words once more; nobody is told. */
  remove(sleep: Sleep): void {
    if (!this.#sleeps.delete(sleep)) return;
    for (const { address } of wordsOf(sleep)) {
      const left = (this.#watchers.get(address) ?? 0) - 1;
      if (left > 0) this.#watchers.set(address, left);
      else this.#watchers.delete(address);
    }
    if (this.#sleeps.size === 0) this.#ring();
  }

  async settled(): Promise<void> {
    if (this.#sleeps.size === 0) await this.#running;
  }

  #ring(): void {
    if (!this.#asleep) return;
    this.#asleep = false;
    Atomics.add(this.#bell, 0, 1);
    futexWakeUntold(this.#bellPage.pointer, ALL);
  }

  async #run(): Promise<void> {
    let fruitless = 0;
    try {
      while (this.#sleeps.size > 0) {
        // Of two sleeps that expect different values of one word, one is late.
        if (!this.#fill()) {
          this.#deliver();
          continue;
        }
        this.#asleep = true;
        const { SYS } = platform();
        const { data, count } = this.#vector;
        await libc().syscall_futex_waitv(SYS.futex_waitv, data, count, 0, this.#deadline, CLOCK_MONOTONIC);
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
      this.#watchers.clear();
      for (const sleep of sleeps) sleep.fail(error);
    } finally {
      this.#running = undefined;
    }
  }

  /** Wakes whose words have changed. Returns whether there was one. */
  #deliver(): boolean {
    let news = false;
    for (const sleep of [...this.#sleeps]) {
      if (!this.#sleeps.has(sleep)) continue;
      if (sleep.words.length === 0) {
        this.remove(sleep);
        news = true;
        sleep.fail(new ClosedError("Memory in which somebody waits", "was transferred away"));
        continue;
      }
      if (Atomics.load(sleep.words, 0) === sleep.expected && !(sleep.also && anyChanged(sleep.also))) continue;
      this.remove(sleep);
      news = true;
      sleep.wake();
    }
    return news;
  }

  /** Writes the vector: the bell, and every word once. Returns whether all sleeps agree on what they expect. */
  #fill(): boolean {
    this.#vector.clear();
    this.#vector.add(this.#bellPage.address, Atomics.load(this.#bell, 0));
    const all = new Map<bigint, number>();
    for (const sleep of this.#sleeps) {
      for (const { address, expected } of wordsOf(sleep)) {
        const known = all.get(address);
        if (known === undefined) this.#vector.add(address, expected);
        else if (known !== expected) return false;
        all.set(address, expected);
      }
    }
    const nanoseconds = monotonicNanoseconds() + BigInt(LOOK_AGAIN_MS) * 1_000_000n;
    this.#deadline[0] = nanoseconds / 1_000_000_000n;
    this.#deadline[1] = nanoseconds % 1_000_000_000n;
    return true;
  }

  get #nanoseconds(): bigint {
    return this.#deadline[0]! * 1_000_000_000n + this.#deadline[1]!;
  }
}

function wordsOf(sleep: Sleep): readonly Pick<Watched, "address" | "expected">[] {
  return sleep.also === undefined ? [sleep] : [sleep, ...sleep.also];
}

/** Asks for no words at all: a kernel that knows the call says EINVAL. */
function requireFutexWaitv(): void {
  const result = libc().syscall_futex_waitv_now(platform().SYS.futex_waitv, null, 0, 0, null, CLOCK_MONOTONIC);
  if (result === -1 && errno() === ERRNO.EINVAL) return;
  check(result, "futex_waitv", undefined, {
    ENOSYS: "asynchronous waiting needs Linux 5.16; the Sync and try forms work",
  });
}
