/**
 * The `once` field: something that is done once, by one of all who share it.
 *
 * It is a mutex and a state behind it. Only the owner of the mutex writes the state; 2 is never followed by anything else.
 *
 * | step | does | died right after it |
 * |---|---|---|
 * | O0 | state = 2: it is done, and no more is asked | nothing |
 * | O1 | takes the mutex (T0 to T5), and looks again | the mutex comes back, state 0: nothing has begun |
 * | O2 | state: 0 → 1 | state 1: the next runner is told that one died |
 * | O3 | runs the function | the same |
 * | O4 | state: 1 → 2; or, when the function threw, 1 → 0 | it is done; or nothing has begun |
 * | O5 | releases the mutex (R1 to R4) | the same |
 *
 * What the mutex itself says of a death is not needed, the state is exact: so it is marked consistent at O1. All operations on the state are
 * sequentially consistent: who finds it done sees what the function wrote.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import type { ObjectField, Place } from "../memory/field.ts";
import { closedError, type Memory, nameOf } from "../memory/memory.ts";
import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { Mapping } from "../sys/memory.ts";
import { type Mutex, mutex, mutexAt } from "./mutex.ts";
import type { MutexGuard } from "./mutex_guard.ts";
import { ONCE_IN_C } from "./once_in_c.ts";
import { oncePerPlace } from "./placed.ts";

/** What a runner is told. */
export interface OnceRun {
  /** Whether a runner before died halfway, so that what it was doing may be half done. */
  readonly previousRunnerDied: boolean;
}

/**
 * Something that all processes, Workers and tasks that share it do once. Whoever comes while one is at it waits for it to be done. When the runner's
 * thread ends in whatever way, the next one runs it, and is told; when the function throws, the next one runs it too.
 *
 * Once it is done, asking is one load: no lock, no system call.
 */
export interface Once {
  /** Whether it is done. */
  readonly done: boolean;
  /**
   * Runs the function, unless it is done; waits on the event loop while somebody else runs it. A function that asks for itself waits for itself.
   *
   * @param action What to do; it may take its time. What it throws is thrown here, and it is not done.
   * @returns Whether this call has done it.
   * @throws {DOMException} `TimeoutError` when it does not get to run within `timeoutMs`. An abort rejects with `signal.reason`. Neither stops the
   * function once it runs.
   * @throws {PosixError} ENOSYS when it would have to wait before Linux 5.16.
   * @throws {ProtocolError} When a peer wrote a state that there is not.
   * @throws {ClosedError} When the memory is closed.
   */
  run(action: (run: OnceRun) => void | Promise<void>, options?: WaitOptions): Promise<boolean>;
  /**
   * `run`, blocking this thread while somebody else runs it.
   *
   * @throws {PosixError} EDEADLK when this thread itself is at it.
   */
  runSync(action: (run: OnceRun) => void, options?: SyncWaitOptions): boolean;
  /**
   * Runs the function, unless it is done, or somebody is at it.
   *
   * @returns Whether this call has done it; `undefined` when somebody is at it.
   */
  tryRun(action: (run: OnceRun) => void): boolean | undefined;
}

/**
 * A struct field: something that is done once. All-zero memory is something that is still to be done.
 *
 * @example Fill a table once
 * ```ts
 * import { array, createAnonymousMemory, i32, once, struct } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Squares = struct({ filled: once, table: array(i32, 100) });
 * using memory = createAnonymousMemory({ size: Squares.byteLength });
 * const squares = Squares.create(memory);
 * const fill = () => squares.table.forEach((_, index, table) => table[index] = index * index);
 *
 * assertEquals([squares.filled.runSync(fill), squares.filled.runSync(fill)], [true, false]);
 * assertEquals([squares.filled.done, squares.table[9]], [true, 81]);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/pthread_once.3p.html pthread_once(3p)}
 * @tags allow-ffi
 */
export const once: ObjectField<Once> = {
  kind: "object",
  size: mutex.size + 8,
  alignment: mutex.alignment,
  layout: "once",
  c: { type: "struct causeway_once", definitions: ONCE_IN_C },
  place: oncePerPlace((place, mapping) => new RobustOnce(place, mapping)),
};

/** To be done; somebody is at it, or died at it; done. */
const OPEN = 0;
const RUNNING = 1;
const DONE = 2;

class RobustOnce implements Once {
  readonly #memory: Memory;
  readonly #mutex: Mutex;
  readonly #state: Int32Array<ArrayBuffer>;

  constructor(place: Place, mapping: Mapping) {
    this.#memory = place.memory;
    this.#mutex = mutexAt(place, mapping, "Running a once");
    this.#state = new Int32Array(mapping.buffer, place.offset + mutex.size, 1);
  }

  get done(): boolean {
    if (this.#memory.closed) throw closedError(this.#memory);
    return Atomics.load(this.#state, 0) === DONE;
  }

  async run(action: (run: OnceRun) => void | Promise<void>, options: WaitOptions = {}): Promise<boolean> {
    if (this.done) return false;
    using turn = new Turn(this.#state, await this.#mutex.lock(options), nameOf(this.#memory));
    if (turn.run === undefined) return false;
    await action(turn.run);
    return turn.finish();
  }

  runSync(action: (run: OnceRun) => void, options?: SyncWaitOptions): boolean {
    if (this.done) return false;
    return this.#runNow(action, this.#mutex.lockSync(options));
  }

  tryRun(action: (run: OnceRun) => void): boolean | undefined {
    if (this.done) return false;
    const guard = this.#mutex.tryLock();
    if (guard !== undefined) return this.#runNow(action, guard);
    return this.done ? false : undefined;
  }

  #runNow(action: (run: OnceRun) => void, guard: MutexGuard): boolean {
    using turn = new Turn(this.#state, guard, nameOf(this.#memory));
    if (turn.run === undefined) return false;
    action(turn.run);
    return turn.finish();
  }
}

/** O1 to O5: the mutex held, and what came of it. */
class Turn implements Disposable {
  /** `undefined` when there is nothing to run. */
  readonly run: OnceRun | undefined;
  readonly #state: Int32Array<ArrayBuffer>;
  readonly #guard: MutexGuard;

  constructor(state: Int32Array<ArrayBuffer>, guard: MutexGuard, name: string) {
    this.#state = state;
    this.#guard = guard;
    guard.markConsistent();
    const found = Atomics.load(state, 0);
    if (found === DONE) return;
    if (found !== OPEN && found !== RUNNING) {
      guard.unlock();
      throw new ProtocolError(`${name}: a peer overwrote the state of a once with ${found}`);
    }
    Atomics.store(state, 0, RUNNING);
    this.run = { previousRunnerDied: found === RUNNING };
  }

  /** The function is through. */
  finish(): true {
    Atomics.store(this.#state, 0, DONE);
    return true;
  }

  [Symbol.dispose](): void {
    if (this.run !== undefined) Atomics.compareExchange(this.#state, 0, RUNNING, OPEN);
    this.#guard.unlock();
  }
}
