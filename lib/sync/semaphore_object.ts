/**
 * A semaphore as one thread sees it: its permits, its waiting tasks, and how it blocks.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import type { Place } from "../memory/field.ts";
import { closedError, type Memory, nameOf } from "../memory/memory.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import type { Mapping } from "../sys/memory.ts";
import { isProbed, startedNs } from "../sys/probe.ts";
import { Courtesy } from "./courtesy.ts";
import { LOOK_AGAIN_MS } from "./futex.ts";
import { futexWaitAny } from "./futex_vector.ts";
import { type Participant, type Participants, passOn } from "./participants.ts";
import { robustList } from "./robust_list.ts";
import { blockUntilFree, takeIfFree } from "./robust_wait.ts";
import { WAITERS } from "./robust_word.ts";
import type { Permit, Semaphore } from "./semaphore.ts";
import { SemaphoreSteps, TURNS } from "./semaphore_steps.ts";
import { spinWhileOwned } from "./spin.ts";
import { type Attempt, TaskQueue } from "./task_queue.ts";
import { tellSync, tellWait } from "./tell.ts";
import type { WatchList } from "./word_wait.ts";

type Wish = "acquire" | "wait";

/** What an ownerless taker gets. */
const USED_UP = undefined;

const WHAT = "Waiting for a semaphore";

/** One object for one semaphore: every view of it in this thread must know what the others hold. */
export class SharedSemaphore implements Semaphore {
  readonly #memory: Memory;
  readonly #offset: number;
  readonly #steps: SemaphoreSteps;
  readonly #participants: Participants;
  readonly #courtesy: Courtesy;
  readonly #queue: TaskQueue<Wish, OwnedPermit | undefined>;
  /** How many permits this thread owns, and as whom. Ownership is what is known here, never what is read from memory. */
  #held = 0;
  #holder: Participant | undefined;
  /** WAITERS once a task of this thread has slept for the gate: others may still do. */
  #slept = 0;

  constructor({ memory, offset }: Place, mapping: Mapping, participants: Participants, permits: number) {
    this.#memory = memory;
    this.#offset = offset;
    this.#participants = participants;
    this.#steps = new SemaphoreSteps(memory, mapping, offset, participants, permits);
    this.#courtesy = new Courtesy(this.#steps.gate.words, TURNS, mapping.pointerAt(offset + 4 * TURNS));
    this.#queue = new TaskQueue({
      attempt: (wish) => this.#attempt(wish),
      abandon: () => this.#steps.giveUp(),
    });
    mapping.askBeforeClose(() => {
      if (this.#held > 0) return "a permit of a semaphore in it is held";
      return this.#queue.length > 0 ? "a semaphore in it is waited for" : undefined;
    });
  }

  get value(): number {
    this.#requireOpen();
    return this.#steps.value;
  }

  tryAcquire(): Permit | undefined {
    this.#requireOpen();
    this.#join("tryAcquire");
    return this.#try("acquire", "tryAcquire") ? this.#permit() : undefined;
  }

  tryWait(): boolean {
    this.#requireOpen();
    return this.#try("wait", "tryWait");
  }

  acquireSync(options?: SyncWaitOptions): Permit {
    this.#requireOpen();
    this.#takeSync("acquire", "acquireSync", options?.timeoutMs);
    return this.#permit();
  }

  waitSync(options?: SyncWaitOptions): void {
    this.#requireOpen();
    this.#takeSync("wait", "waitSync", options?.timeoutMs);
  }

  async acquire(options: WaitOptions = {}): Promise<Permit> {
    this.#requireOpen();
    new Deadline(WHAT, options.timeoutMs);
    options.signal?.throwIfAborted();
    this.#join("acquire");
    if (this.#isFreeForTasks && this.#try("acquire", "acquire")) return this.#permit();
    const permit = await this.#queueUp("acquire", options);
    if (permit === undefined) throw new TypeError("An owner was given an ownerless permit");
    return permit;
  }

  async wait(options: WaitOptions = {}): Promise<void> {
    this.#requireOpen();
    new Deadline(WHAT, options.timeoutMs);
    options.signal?.throwIfAborted();
    if (this.#isFreeForTasks && this.#try("wait", "wait")) return;
    await this.#queueUp("wait", options);
  }

  post(count = 1): void {
    this.#requireOpen();
    if (!Number.isInteger(count) || count < 1) {
      throw new RangeError(`count must be an integer of at least 1, got ${count}`);
    }
    const started = startedNs();
    const woken = this.#steps.post(count);
    if (started !== undefined) this.#tellGiven(started, { count, owned: false });
    this.#gave(woken);
  }

  /** For a permit that is given back. */
  release(holder: Participant): void {
    const started = startedNs();
    // Somebody zeroed the memory since, and this thread has joined anew.
    const woken = holder === this.#holder ? this.#steps.giveBack(holder, this.#held - 1) : "overwritten";
    if (holder === this.#holder) this.#held--;
    if (woken === "overwritten") throw this.#overwritten();
    if (started !== undefined) this.#tellGiven(started, { count: 1, owned: true });
    this.#gave(woken);
  }

  #tellGiven(started: number, facts: Readonly<Record<string, unknown>>): void {
    tellSync("semaphore.give", this.#memory, this.#offset, { startedNs: started, ...facts });
  }

  async #queueUp(wish: Wish, options: WaitOptions): Promise<OwnedPermit | undefined> {
    const ended = tellWait("semaphore", this.#memory, this.#offset);
    try {
      return await this.#queue.wait(WHAT, wish, options);
    } finally {
      ended?.();
    }
  }

  get #isFreeForTasks(): boolean {
    return this.#queue.length === 0 && !this.#courtesy.owed;
  }

  #requireOpen(): void {
    if (this.#memory.closed) throw closedError(this.#memory);
  }

  #join(call: string): void {
    const holder = this.#participants.join(call);
    if (holder === this.#holder) return;
    this.#holder = holder;
    this.#held = 0;
  }

  #gave(woken: number): void {
    if (woken > 0) this.#courtesy.woke();
    if (this.#queue.length > 0) this.#queue.advance();
  }

  /** A3 has been done. */
  #permit(): OwnedPermit {
    if (this.#holder === undefined) throw new TypeError("A permit needs a holder");
    return new OwnedPermit(this, this.#holder);
  }

  /** One try. */
  #try(wish: Wish, call: string): boolean {
    const { gate } = this.#steps;
    if (!gate.takeAlone(robustList())) {
      spinWhileOwned(gate.words);
      if (!takeIfFree(gate, 0, call, nameOf(this.#memory))) return false;
    }
    if (this.#steps.available <= 0) this.#steps.reclaim(this.#held);
    const taken = this.#steps.available > 0;
    if (taken) this.#take(wish);
    this.#leaveGate();
    if (taken && isProbed()) this.#tellTaken(wish);
    return taken;
  }

  #takeSync(wish: Wish, call: string, timeoutMs: number | undefined): void {
    const { gate } = this.#steps;
    const deadline = timeoutMs === undefined ? undefined : new Deadline(WHAT, timeoutMs);
    if (wish === "acquire") this.#join(call);
    let decided: WatchList | boolean = false;
    if (!this.#courtesy.isPromised && gate.takeAlone(robustList())) decided = this.#decide(wish);
    else this.#courtesy.wait();
    if (decided !== true) this.#block(wish, call, deadline ?? new Deadline(WHAT), decided);
  }

  #block(wish: Wish, call: string, deadline: Deadline, before: WatchList | boolean): void {
    const { gate } = this.#steps;
    const attempt = (waiters: number) => takeIfFree(gate, waiters, call, nameOf(this.#memory)) || undefined;
    let ended: (() => void) | undefined;
    try {
      for (let decided = before; decided !== true;) {
        if (decided !== false) {
          ended ??= tellWait("semaphore", this.#memory, this.#offset);
          const remainingMs = deadline.remainingMs;
          if (remainingMs === 0) throw deadline.timeoutError();
          futexWaitAny(decided, Math.min(remainingMs, LOOK_AGAIN_MS));
          passOn(decided);
        }
        blockUntilFree(gate, deadline, attempt, () => this.#overwritten());
        decided = this.#decide(wish);
      }
    } finally {
      ended?.();
    }
  }

  #attempt(wish: Wish): Attempt<OwnedPermit | undefined> {
    const { gate } = this.#steps;
    if (wish === "acquire") this.#join("acquire");
    while (true) {
      if (this.#courtesy.owed) return "next turn";
      spinWhileOwned(gate.words);
      if (!takeIfFree(gate, this.#slept, wish, nameOf(this.#memory))) {
        const expected = gate.announce();
        if (expected === undefined) continue;
        const { words, address, pointer } = gate;
        this.#slept = WAITERS;
        return { sleepOn: [{ words, address, pointer, expected, relay: true }] };
      }
      this.#slept = 0;
      const decided = this.#decide(wish);
      if (decided !== true) return { sleepOn: decided };
      return { grant: wish === "acquire" ? this.#permit() : USED_UP };
    }
  }

  /** A1 to G2, with the gate: takes a permit, which is `true`, or finds out what to sleep on. */
  #decide(wish: Wish): WatchList | true {
    const sleepers = this.#steps.available > 0 ? undefined : this.#steps.sleepers(this.#held);
    if (sleepers === undefined) this.#take(wish);
    this.#leaveGate();
    if (sleepers === undefined && isProbed()) this.#tellTaken(wish);
    return sleepers ?? true;
  }

  #tellTaken(wish: Wish): void {
    tellSync("semaphore.take", this.#memory, this.#offset, { owned: wish === "acquire", left: this.#steps.value });
  }

  /** A2, A3 and Q. */
  #take(wish: Wish): void {
    if (wish === "wait") this.#steps.consume();
    else if (this.#holder !== undefined) this.#steps.hold(this.#holder, ++this.#held);
    this.#courtesy.taken();
    this.#steps.passOn();
  }

  #leaveGate(): void {
    // A peer that overwrites the gate harms whoever is let in beside us; what this thread took is its own all the same.
    this.#steps.gate.release(robustList());
  }

  #overwritten(): ProtocolError {
    return new ProtocolError(`${nameOf(this.#memory)}: a peer overwrote a semaphore that is used here`);
  }
}

/** {@linkcode Permit}. It forgets its semaphore as soon as it is given back. */
class OwnedPermit implements Permit {
  #semaphore: SharedSemaphore | undefined;
  readonly #holder: Participant;

  constructor(semaphore: SharedSemaphore, holder: Participant) {
    this.#semaphore = semaphore;
    this.#holder = holder;
  }

  release(): void {
    const semaphore = this.#semaphore;
    this.#semaphore = undefined;
    semaphore?.release(this.#holder);
  }

  [Symbol.dispose](): void {
    this.release();
  }
}
