/**
 * The `barrier` field: so many go on together, or nobody does.
 *
 * @module
 */

import { PosixError, ProtocolError } from "../errors.ts";
import { type ObjectField, PARTICIPANTS, type Place, requireCount } from "../memory/field.ts";
import { closedError, type Memory, nameOf } from "../memory/memory.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import type { Mapping } from "../sys/memory.ts";
import { isProbed, publish } from "../sys/probe.ts";
import { BARRIER_IN_C, BARRIER_RECORD_IN_C } from "./barrier_in_c.ts";
import { BarrierSteps, DIED, type Ended, PASSED, RECORD_BYTES, RECORDS_OFFSET, RESET } from "./barrier_steps.ts";
import { Gate } from "./gate.ts";
import { type Participant, type Participants, participantsAt, participantTable, passOn } from "./participants.ts";
import { oncePerPlace } from "./placed.ts";
import { tellSync, tellWait } from "./tell.ts";
import { waitForChange, waitForChangeSync, type WatchList } from "./word_wait.ts";

/** What a wait at a barrier came to. */
export interface BarrierPass {
  /** Whether this is the one of all who passed together that came last. Exactly one is. */
  readonly leader: boolean;
}

/**
 * A barrier at which so many wait for each other: processes, Workers or tasks. When the last has come, all go on, and the barrier is ready for the next time.
 *
 * A thread that has come once, or joined, is a member until it leaves or closes the memory. When a member's thread ends in whatever way, the others
 * would wait for it for ever: so the barrier is broken then, and every wait throws, those that have begun too, until somebody resets it.
 *
 * `join`, `leave` and `reset` block this thread while another is at it, for microseconds.
 */
export interface Barrier {
  /** How many go on together. */
  readonly size: number;
  /** Whether somebody has found a dead member since the last `reset()`. */
  readonly broken: boolean;
  /**
   * Comes to the barrier, and waits on the event loop until all have. Several tasks of one thread may, each counts.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`. An abort rejects with `signal.reason`. Then this one has not come; the others go on waiting.
   * @throws {PosixError} EOWNERDEAD when a member died; ECANCELED when somebody reset the barrier meanwhile; ENOSPC when it has as many members as
   * go on together, or the struct's participant table is full of living threads; ENOSYS before Linux 5.16.
   * @throws {ClosedError} When the memory is closed.
   */
  wait(options?: WaitOptions): Promise<BarrierPass>;
  /** `wait`, blocking this thread. Throws the same, but for ENOSYS. */
  waitSync(options?: SyncWaitOptions): BarrierPass;
  /**
   * Goes on, with all others, if they are all there already; else it has not come.
   *
   * @returns `undefined` when somebody else is missing.
   * @throws {PosixError} EOWNERDEAD, ENOSPC as `wait()`.
   * @throws {ClosedError} When the memory is closed.
   */
  tryWait(): BarrierPass | undefined;
  /**
   * Makes this thread a member before it comes for the first time: from now on its death breaks the barrier. Does nothing for a member.
   *
   * @throws {PosixError} EOWNERDEAD, ENOSPC as `wait()`.
   * @throws {ClosedError} When the memory is closed.
   */
  join(): void;
  /**
   * Ends this thread's membership: from now on its death is nobody's matter. Does nothing for who is no member.
   *
   * @throws {PosixError} EBUSY while a task of this thread waits.
   * @throws {ClosedError} When the memory is closed.
   */
  leave(): void;
  /**
   * Makes the barrier like new: the dead are members no longer, the living stay, and who waits throws.
   *
   * @throws {ClosedError} When the memory is closed.
   */
  reset(): void;
}

/**
 * `barrier(4)`: a struct field, a barrier at which so many wait for each other. All-zero memory is one to which nobody has come. The struct gets a
 * participant table, in which every member has a slot: `struct(fields, { participants })` says how many.
 *
 * @param size How many go on together, at least 1.
 * @throws {RangeError} When that is no number of members.
 *
 * @example Two tasks, step by step
 * ```ts
 * import { barrier, createAnonymousMemory, struct } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Team = struct({ step: barrier(2) });
 * using memory = createAnonymousMemory({ size: Team.byteLength });
 * const { step } = Team.create(memory);
 * const done: string[] = [];
 *
 * async function work(name: string): Promise<number> {
 *   let led = 0;
 *   for (let round = 1; round <= 2; round++) {
 *     done.push(`${name}${round}`);
 *     if ((await step.wait({ timeoutMs: 1000 })).leader) led++;
 *   }
 *   return led;
 * }
 *
 * const [a = 0, b = 0] = await Promise.all([work("a"), work("b")]);
 * assertEquals(done.slice(0, 2).sort(), ["a1", "b1"]);
 * assertEquals(a + b, 2);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/pthread_barrier_wait.3p.html pthread_barrier_wait(3p)}
 * @tags allow-ffi
 */
export function barrier(size: number): ObjectField<Barrier> {
  requireCount(size, "size");
  if (size > MOST) throw new RangeError(`size must be at most ${MOST}, got ${size}`);
  return field(size, PARTICIPANTS);
}

const MOST = 0x3fff_ffff;

function field(size: number, slots: number): ObjectField<Barrier> {
  const records = {
    size: RECORD_BYTES * slots,
    alignment: 4,
    layout: "",
    c: { ...BARRIER_RECORD_IN_C, dimensions: [slots] },
  };
  const fixed = { size: RECORDS_OFFSET, alignment: 8, layout: "", c: BARRIER_IN_C };
  const bytes = RECORDS_OFFSET + records.size;
  return {
    kind: "object",
    size: bytes,
    alignment: 8,
    layout: `barrier(${size})`,
    c: {
      members: [
        { name: "barrier", offset: 0, field: fixed },
        { name: "records", offset: RECORDS_OFFSET, field: records },
      ],
      size: bytes,
    },
    participants: { table: participantTable, field: (others) => field(size, others) },
    place: oncePerPlace((place, mapping) =>
      new SharedBarrier(place, mapping, size, participantsAt(place, mapping, slots))
    ),
  };
}

const WHAT = "Waiting at a barrier";
const NEVER = new Deadline(WHAT);

/** One who has come and waits. */
interface Arrival {
  readonly phase: number;
  /** How the phase ended, when it has. */
  ended?: Ended;
}

class SharedBarrier implements Barrier {
  readonly size: number;
  readonly #memory: Memory;
  readonly #offset: number;
  readonly #steps: BarrierSteps;
  readonly #gate: Gate;
  readonly #participants: Participants;
  /** Who waits of this thread, all in one phase. */
  readonly #arrivals = new Set<Arrival>();
  /** How many tasks wait: for all the others, or only for the gate. */
  #tasks = 0;

  constructor({ memory, offset }: Place, mapping: Mapping, size: number, participants: Participants) {
    this.size = size;
    this.#memory = memory;
    this.#offset = offset;
    this.#participants = participants;
    this.#steps = new BarrierSteps(mapping, offset, participants, size);
    this.#gate = new Gate(this.#steps.gate, WHAT, nameOf(memory));
    mapping.askBeforeClose(() =>
      this.#arrivals.size > 0 || this.#tasks > 0 ? "a barrier in it is waited at" : undefined
    );
    // Before the participant table gives up the slot: closing is no death.
    mapping.beforeClose(() => this.#leave());
  }

  get broken(): boolean {
    this.#requireOpen();
    return this.#steps.isBroken;
  }

  join(): void {
    this.#requireOpen();
    this.#gate.passSync(NEVER, () => this.#enter());
  }

  leave(): void {
    this.#requireOpen();
    this.#settle();
    if (this.#arrivals.size > 0) {
      const target = nameOf(this.#memory);
      throw new PosixError({ code: "EBUSY", syscall: "leave", target, hint: "a task of this thread waits" });
    }
    this.#leave();
  }

  reset(): void {
    this.#requireOpen();
    this.#gate.passSync(NEVER, () => this.#steps.reset());
    this.#steps.wakeAll();
  }

  tryWait(): BarrierPass | undefined {
    this.#requireOpen();
    const passed = this.#gate.tryPass(() => {
      this.#requireNobodyDied();
      if (this.#steps.missing !== 1) return false;
      this.#steps.arrive(this.#enter());
      this.#tellArrived();
      this.#steps.complete();
      return true;
    });
    return passed ? this.#lead() : undefined;
  }

  waitSync(options: SyncWaitOptions = {}): BarrierPass {
    this.#requireOpen();
    const deadline = new Deadline(WHAT, options.timeoutMs);
    const arrival = this.#gate.passSync(deadline, () => this.#arrive());
    if (arrival === undefined) return this.#lead();
    const ended = tellWait("barrier", this.#memory, this.#offset);
    try {
      return this.#block(arrival, deadline);
    } finally {
      ended?.();
    }
  }

  #block(arrival: Arrival, deadline: Deadline): BarrierPass {
    this.#steps.spin(arrival.phase);
    while (true) {
      const watched = this.#look(arrival) ?? this.#gate.passSync(NEVER, () => this.#watch(arrival));
      if (watched === "over") return this.#pass(arrival);
      const changed = waitForChangeSync(watched, deadline);
      passOn(watched.slice(2));
      if (!changed && this.#gate.passSync(NEVER, () => this.#withdraw(arrival))) throw deadline.timeoutError();
    }
  }

  async wait(options: WaitOptions = {}): Promise<BarrierPass> {
    this.#requireOpen();
    const deadline = new Deadline(WHAT, options.timeoutMs);
    options.signal?.throwIfAborted();
    this.#tasks++;
    let ended: ReturnType<typeof tellWait>;
    try {
      const arrival = await this.#gate.pass(options, deadline, () => this.#arrive());
      if (arrival === undefined) return this.#lead();
      ended = tellWait("barrier", this.#memory, this.#offset);
      return await this.#sleep(arrival, options, deadline);
    } finally {
      ended?.();
      this.#tasks--;
    }
  }

  async #sleep(arrival: Arrival, options: WaitOptions, deadline: Deadline): Promise<BarrierPass> {
    while (true) {
      const watched = this.#look(arrival) ?? await this.#gate.pass({}, NEVER, () => this.#watch(arrival));
      if (watched === "over") return this.#pass(arrival);
      try {
        await waitForChange(WHAT, watched, options, deadline);
      } catch (reason) {
        if (await this.#gate.pass({}, NEVER, () => this.#withdraw(arrival))) throw reason;
      } finally {
        passOn(watched.slice(2));
      }
    }
  }

  /** B1 to B3, M1 to M4, with the gate. */
  #enter(): Participant {
    this.#settle();
    const me = this.#participants.join("join");
    this.#requireNobodyDied();
    this.#steps.join(me, nameOf(this.#memory));
    return me;
  }

  /** B3, with the gate. */
  #requireNobodyDied(): void {
    if (this.#steps.isBroken) throw this.#failure(DIED);
    if (!this.#steps.hasDeadMember()) return;
    this.#break();
    throw this.#failure(DIED);
  }

  /** B1 to B5, L1 and L2, with the gate. `undefined` when this is the last one. */
  #arrive(): Arrival | undefined {
    const me = this.#enter();
    const arrival = { phase: this.#steps.phase };
    const isLast = this.#steps.arrive(me);
    this.#tellArrived();
    if (isLast) {
      this.#steps.complete();
      return undefined;
    }
    this.#arrivals.add(arrival);
    return arrival;
  }

  /** Before anybody can pass because of it. */
  #tellArrived(): void {
    if (!isProbed()) return;
    const missing = Math.max(0, this.#steps.missing);
    tellSync("barrier.arrive", this.#memory, this.#offset, { missing, size: this.size });
  }

  /** L3. */
  #lead(): BarrierPass {
    if (this.size > 1) this.#steps.wakeAll();
    if (isProbed()) tellSync("barrier.pass", this.#memory, this.#offset, { leader: true });
    return { leader: true };
  }

  /** Whether the phase is over, as far as can be said without the gate. */
  #look(arrival: Arrival): "over" | undefined {
    if (this.#steps.phase !== arrival.phase) this.#settle();
    return arrival.ended === undefined ? undefined : "over";
  }

  /** B6, with the gate. */
  #watch(arrival: Arrival): WatchList | "over" {
    const me = this.#participants.join("wait");
    const watched = this.#look(arrival) ?? this.#steps.watchList(me);
    if (watched !== undefined) return watched;
    this.#break();
    this.#settle();
    return "over";
  }

  /** X1 to X4, with the gate. */
  #break(): void {
    this.#steps.breakUp();
    this.#steps.wakeAll();
    publish(() => ({ kind: "barrier.broken", memory: nameOf(this.#memory) }));
  }

  /** Takes the arrival back, with the gate. Returns whether it could: the phase was not over. */
  #withdraw(arrival: Arrival): boolean {
    if (this.#look(arrival) === "over") return false;
    this.#steps.withdraw(this.#participants.join("wait"));
    this.#arrivals.delete(arrival);
    return true;
  }

  #pass(arrival: Arrival): BarrierPass {
    if (isProbed()) tellSync("barrier.pass", this.#memory, this.#offset, { leader: false, ended: arrival.ended });
    if (arrival.ended === PASSED) return { leader: false };
    throw this.#failure(arrival.ended);
  }

  /** Tells those of this thread whose phase is over how it ended, before the record is needed for another. */
  #settle(): void {
    const { phase } = this.#steps;
    const { own } = this.#participants;
    for (const arrival of this.#arrivals) {
      if (arrival.phase === phase) continue;
      arrival.ended = own === undefined ? DIED : this.#steps.ended(own, arrival.phase);
      this.#arrivals.delete(arrival);
    }
  }

  #leave(): void {
    const { own } = this.#participants;
    if (own !== undefined) this.#steps.leave(own);
  }

  #failure(ended: Ended | undefined): Error {
    const target = nameOf(this.#memory);
    if (ended === DIED) {
      return new PosixError({
        code: "EOWNERDEAD",
        syscall: "wait",
        target,
        hint: "a member died; reset() makes it like new",
      });
    }
    if (ended === RESET) {
      return new PosixError({ code: "ECANCELED", syscall: "wait", target, hint: "somebody reset the barrier" });
    }
    return new ProtocolError(`${target}: a peer overwrote a barrier that is waited at here`);
  }

  #requireOpen(): void {
    if (this.#memory.closed) throw closedError(this.#memory);
  }
}
