/**
 * Words in shared memory that say whether the thread that wrote them still lives. The kernel itself corrects them when the thread ends, however it
 * ends: SIGKILL, a crash, `worker.terminate()`. No message and no descriptor is needed for that, and looking costs one load.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { ALL, futexWake, type FutexWord, futexWord } from "../sync/futex.ts";
import { robustList } from "../sync/robust_list.ts";
import { takeIfFree } from "../sync/robust_wait.ts";
import { OWNER, OWNER_DIED, RobustWord, WAITERS } from "../sync/robust_word.ts";
import type { Mapping } from "../sys/memory.ts";

/** What a word says of a thread. It says `"ended"` of one that never began, too. */
export type Life = "alive" | "ended" | "died";

/** This thread's own word: alive from construction to `end()`. */
export class OwnLife {
  readonly #word: RobustWord;

  /** @throws {ProtocolError} When the word is somebody's already. */
  constructor(mapping: Mapping, offset: number, what: string) {
    this.#word = new RobustWord(mapping, offset);
    // WAITERS from the start: the kernel then wakes a sleeper at the death, and who sleeps need not be able to write.
    if (!takeIfFree(this.#word, WAITERS, "set_robust_list", what)) {
      throw new ProtocolError(`${what} has an owner already`);
    }
  }

  /** A clean end, told to all who sleep. Once. */
  end(): void {
    this.#word.release(robustList());
  }
}

/** Another thread's word. */
export class PeerLife {
  readonly #word: FutexWord;

  /** The mapping may be read-only. */
  constructor(mapping: Mapping, offset: number) {
    this.#word = futexWord(mapping, offset);
  }

  /** What the word says now. */
  get state(): Life {
    return lifeIn(Atomics.load(this.#word.words, 0));
  }

  /** The word as it is now, to sleep on while its thread lives; `undefined` when it does not. */
  get asleep(): FutexWord & { readonly expected: number } | undefined {
    const expected = Atomics.load(this.#word.words, 0);
    return lifeIn(expected) === "alive" ? { ...this.#word, expected } : undefined;
  }

  /** The kernel wakes one of those who sleep at a death. He wakes the others. */
  passOn(): void {
    if (this.state === "died") futexWake(this.#word.pointer, ALL);
  }
}

function lifeIn(word: number): Life {
  if ((word & OWNER) !== 0) return "alive";
  return (word & OWNER_DIED) !== 0 ? "died" : "ended";
}
