/**
 * A reader-writer lock as one thread sees it: its guards, its waiting tasks, and how it blocks.
 *
 * @module
 */

import { PosixError, ProtocolError } from "../errors.ts";
import type { Place } from "../memory/field.ts";
import { closedError, type Memory, nameOf } from "../memory/memory.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import type { Mapping } from "../sys/memory.ts";
import { isProbed, publish } from "../sys/probe.ts";
import { Courtesy } from "./courtesy.ts";
import { LOOK_AGAIN_MS } from "./futex.ts";
import { futexWaitAny } from "./futex_vector.ts";
import { type Participant, type Participants, passOn } from "./participants.ts";
import { blockUntilFree } from "./robust_wait.ts";
import { WAITERS } from "./robust_word.ts";
import type { RwLock } from "./rw_lock.ts";
import { type GuardedRwLock, type ReadGuard, Reading, type WriteGuard, Writing } from "./rw_lock_guard.ts";
import { RwLockSteps, TURNS } from "./rw_lock_steps.ts";
import { type Attempt, TaskQueue } from "./task_queue.ts";
import { tellSync, tellWait } from "./tell.ts";

type Wish = "read" | "write";

const READING = "Waiting to read";
const WRITING = "Waiting to write";

/** One object for one lock: every view of it in this thread must know what the others hold. */
export class SharedRwLock implements RwLock, GuardedRwLock {
  readonly #memory: Memory;
  readonly #offset: number;
  readonly #steps: RwLockSteps;
  readonly #participants: Participants;
  readonly #courtesy: Courtesy;
  readonly #queue: TaskQueue<Wish, ReadGuard | WriteGuard>;
  /** How many guards of this thread read, and what its record says. Ownership is what is known here, never what is read from memory. */
  #readers = 0;
  #reader: Participant | undefined;
  /** Whether a guard of this thread writes. */
  #writing = false;
  /** Whether this thread has the word for its first task, which waits until the readers have left. */
  #claimed = false;
  /** WAITERS once a task of this thread has slept for the word: others may still do. */
  #slept = 0;

  constructor({ memory, offset }: Place, mapping: Mapping, participants: Participants) {
    this.#memory = memory;
    this.#offset = offset;
    this.#participants = participants;
    this.#steps = new RwLockSteps(memory, mapping, offset, participants);
    this.#courtesy = new Courtesy(this.#steps.word.words, TURNS, mapping.pointerAt(offset + 4 * TURNS));
    this.#queue = new TaskQueue({
      attempt: (wish) => wish === "read" ? this.#attemptRead() : this.#attemptWrite(),
      abandon: () => this.#giveUpClaim(),
    });
    mapping.askBeforeClose(() => {
      if (this.#writing || this.#readers > 0) return "a lock in it is held";
      return this.#queue.length > 0 ? "a lock in it is waited for" : undefined;
    });
  }

  tryRead(): ReadGuard | undefined {
    this.#requireOpen();
    return this.#steps.word.owner === 0 ? this.#read("tryRead") : undefined;
  }

  readSync(options?: SyncWaitOptions): ReadGuard {
    this.#requireOpen();
    const deadline = options?.timeoutMs === undefined ? undefined : new Deadline(READING, options.timeoutMs);
    if (this.#writing) throw this.#deadlock("readSync", "writes");
    if (this.#claimed && this.#readers === 0) {
      this.#steps.requireNobodyDied("readSync");
      this.#reader = this.#participants.join("readSync");
      this.#steps.enterBesideOwnWord(this.#reader);
      return this.#readOnceMore();
    }
    if (this.#readers > 0) return this.#readOnceMore();
    if (this.#steps.word.owner === 0) {
      const guard = this.#read("readSync");
      if (guard !== undefined) return guard;
    }
    return this.#blockUntilReading(deadline ?? new Deadline(READING));
  }

  async read(options: WaitOptions = {}): Promise<ReadGuard> {
    this.#requireOpen();
    new Deadline(READING, options.timeoutMs);
    options.signal?.throwIfAborted();
    if (this.#queue.length === 0 && this.#steps.word.owner === 0) {
      const guard = this.#read("read");
      if (guard !== undefined) return guard;
    }
    const guard = await this.#queueUp(READING, "read", options);
    if (guard instanceof Reading) return guard;
    throw new TypeError("A reader was given another guard");
  }

  tryWrite(): WriteGuard | undefined {
    this.#requireOpen();
    if (this.#isBusyHere) return undefined;
    if (this.#steps.writeAlone()) return this.#write(false);
    if (!this.#steps.take(0, "tryWrite")) return undefined;
    if (this.#steps.readers(false) === undefined) return this.#beginWriting();
    this.#steps.giveUp();
    return undefined;
  }

  writeSync(options?: SyncWaitOptions): WriteGuard {
    this.#requireOpen();
    const deadline = options?.timeoutMs === undefined ? undefined : new Deadline(WRITING, options.timeoutMs);
    if (this.#writing) throw this.#deadlock("writeSync", "writes");
    if (this.#readers > 0) throw this.#deadlock("writeSync", "reads");
    if (!this.#claimed && !this.#courtesy.isPromised && this.#steps.writeAlone()) return this.#write(false);
    return this.#blocked("write", () => this.#blockUntilWriting(deadline ?? new Deadline(WRITING)));
  }

  async write(options: WaitOptions = {}): Promise<WriteGuard> {
    this.#requireOpen();
    new Deadline(WRITING, options.timeoutMs);
    options.signal?.throwIfAborted();
    if (!this.#isBusyHere && this.#queue.length === 0 && !this.#courtesy.owed && this.#steps.writeAlone()) {
      return this.#write(false);
    }
    const guard = await this.#queueUp(WRITING, "write", options);
    if (guard instanceof Writing) return guard;
    throw new TypeError("A writer was given another guard");
  }

  leaveRead(): void {
    if (isProbed()) tellSync("unlock", this.#memory, this.#offset, { mode: "read" });
    if (--this.#readers > 0) return;
    const sound = this.#reader !== undefined && this.#steps.leave(this.#reader);
    this.#reader = undefined;
    if (this.#queue.length > 0) this.#queue.advance();
    if (!sound) throw new ProtocolError(`${nameOf(this.#memory)}: a peer overwrote a lock that was held here`);
  }

  leaveWrite(sound: boolean): void {
    if (isProbed()) tellSync("unlock", this.#memory, this.#offset, { mode: "write" });
    this.#steps.end(sound);
    this.#writing = false;
    try {
      if (this.#steps.release() > 0) this.#courtesy.woke();
    } finally {
      if (this.#queue.length > 0) this.#queue.advance();
    }
  }

  join(call: string): void {
    this.#participants.join(call);
  }

  downgrade(): ReadGuard {
    this.#reader = this.#participants.join("downgrade");
    this.#steps.enterBesideOwnWord(this.#reader);
    const guard = this.#readOnceMore();
    try {
      this.leaveWrite(true);
    } catch (error) {
      this.leaveRead();
      throw error;
    }
    return guard;
  }

  get #isBusyHere(): boolean {
    return this.#writing || this.#readers > 0 || this.#claimed;
  }

  #requireOpen(): void {
    if (this.#memory.closed) throw closedError(this.#memory);
  }

  async #queueUp(what: string, mode: Wish, options: WaitOptions): Promise<ReadGuard | WriteGuard> {
    const ended = tellWait("lock", this.#memory, this.#offset, { mode });
    try {
      return await this.#queue.wait(what, mode, options);
    } finally {
      ended?.();
    }
  }

  /** E1 to E3; `undefined` when a writer has the word. */
  #read(call: string): ReadGuard | undefined {
    if (this.#readers > 0) return this.#readOnceMore();
    const reader = this.#participants.join(call);
    if (!this.#steps.enter(reader, call)) return undefined;
    this.#reader = reader;
    return this.#readOnceMore();
  }

  #readOnceMore(): ReadGuard {
    this.#readers++;
    if (isProbed()) tellSync("lock", this.#memory, this.#offset, { mode: "read" });
    return new Reading(this);
  }

  #blockUntilReading(deadline: Deadline): ReadGuard {
    return this.#blocked("read", () =>
      blockUntilFree(this.#steps.word, deadline, (waiters) => {
        // It does not take the word, and so will not wake the others when it releases it.
        if (waiters !== 0) this.#steps.passOn();
        const guard = this.#read("readSync");
        if (guard !== undefined && waiters !== 0) this.#steps.countTurn();
        return guard;
      }, () => this.#deadlock("readSync", "writes")));
  }

  /** Tells that this thread is blocked meanwhile. */
  #blocked<Result>(mode: Wish, wait: () => Result): Result {
    const ended = tellWait("lock", this.#memory, this.#offset, { mode });
    try {
      return wait();
    } finally {
      ended?.();
    }
  }

  #blockUntilWriting(deadline: Deadline): WriteGuard {
    if (!this.#claimed) {
      this.#courtesy.wait();
      const take = (waiters: number) => this.#steps.take(waiters, "writeSync") || undefined;
      blockUntilFree(this.#steps.word, deadline, take, () => this.#deadlock("writeSync", "writes"));
    }
    // What a task waits for is this thread's already, and the thread goes first.
    this.#claimed = false;
    try {
      this.#blockUntilUnread(deadline);
    } catch (error) {
      this.#steps.giveUp();
      this.#queue.advance();
      throw error;
    }
    return this.#beginWriting();
  }

  /** W2 and W3. */
  #blockUntilUnread(deadline: Deadline): void {
    for (let readers = this.#steps.readers(false); readers !== undefined; readers = this.#steps.readers(false)) {
      if (this.#steps.isReadByTwin()) throw this.#deadlock("writeSync", "reads");
      const remainingMs = deadline.remainingMs;
      if (remainingMs === 0) throw deadline.timeoutError();
      futexWaitAny(readers, Math.min(remainingMs, LOOK_AGAIN_MS));
      passOn(readers);
    }
  }

  #beginWriting(): WriteGuard {
    const died = this.#steps.begin();
    if (died) publish(() => ({ kind: "lock.ownerDied", memory: nameOf(this.#memory) }));
    return this.#write(died);
  }

  #write(previousOwnerDied: boolean): WriteGuard {
    this.#courtesy.taken();
    this.#writing = true;
    if (isProbed()) tellSync("lock", this.#memory, this.#offset, { mode: "write", previousOwnerDied });
    return new Writing(this, previousOwnerDied);
  }

  #attemptRead(): Attempt<ReadGuard> {
    while (!this.#writing) {
      const expected = this.#steps.word.announce();
      if (expected !== undefined) return this.#sleepForWord(expected);
      const guard = this.#read("read");
      if (guard === undefined) continue;
      if (this.#slept !== 0) {
        this.#slept = 0;
        this.#steps.countTurn();
      }
      return { grant: guard };
    }
    return "later";
  }

  #attemptWrite(): Attempt<WriteGuard> {
    while (!this.#writing && this.#readers === 0) {
      if (!this.#claimed) {
        if (this.#courtesy.owed) return "next turn";
        if (!this.#steps.take(this.#slept, "write")) {
          const expected = this.#steps.word.announce();
          if (expected === undefined) continue;
          return this.#sleepForWord(expected);
        }
        this.#claimed = true;
        this.#slept = 0;
      }
      const readers = this.#steps.readers(false);
      if (readers !== undefined) return { sleepOn: readers };
      this.#claimed = false;
      return { grant: this.#beginWriting() };
    }
    return "later";
  }

  #sleepForWord(expected: number): Attempt<never> {
    const { words, address, pointer } = this.#steps.word;
    this.#slept = WAITERS;
    return { sleepOn: [{ words, address, pointer, expected, relay: true }] };
  }

  #giveUpClaim(): void {
    if (!this.#claimed) return;
    this.#claimed = false;
    this.#steps.giveUp();
  }

  #deadlock(call: string, does: string): PosixError {
    const target = nameOf(this.#memory);
    return new PosixError({ code: "EDEADLK", syscall: call, target, hint: `this thread ${does} under the lock` });
  }
}
