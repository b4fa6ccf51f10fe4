/**
 * The `semaphore(n)` field: permits in shared memory, which come back when their holder dies.
 *
 * @module
 */

import type { ObjectField } from "../memory/field.ts";
import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import { participantsAt, participantTable } from "./participants.ts";
import { oncePerPlace } from "./placed.ts";
import { PERMITS_IN_C, SEMAPHORE_IN_C } from "./semaphore_in_c.ts";
import { SharedSemaphore } from "./semaphore_object.ts";
import { MOST_PERMITS, RECORD_BYTES, RECORDS_OFFSET } from "./semaphore_steps.ts";

/**
 * A number of permits that processes, Workers and tasks share, in two ways that may be mixed. `acquire` takes a permit that its thread owns: it
 * comes back when it is released, and when the thread ends in whatever way. `wait` and `post` move ownerless permits, as semaphores do that count
 * items in a queue: who dies after `wait` has used its permit up, and what was posted stays.
 *
 * While permits are there and nobody sleeps, nothing here makes a system call. Giving never waits. Asynchronous waits take no thread each: all of a
 * program wait in one call. Waiting tasks of one thread get permits in the order in which they asked; between threads the order is open, but who
 * gives a permit back lets who sleeps for it go first.
 */
export interface Semaphore {
  /**
   * How many permits are there at this moment. (In Worker and process alike it is out of date at once.)
   *
   * @throws {ClosedError} When the memory is closed.
   */
  readonly value: number;
  /**
   * Waits on the event loop for a permit, and owns it.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`. An abort rejects with `signal.reason`. Neither leaves a later grant behind.
   * @throws {PosixError} ENOSPC when the struct's participant table is full of living threads; ENOSYS when it would have to wait before Linux 5.16.
   * @throws {ProtocolError} When a peer overwrote the semaphore.
   * @throws {ClosedError} When the memory is closed.
   */
  acquire(options?: WaitOptions): Promise<Permit>;
  /**
   * Blocks this thread until it has a permit. Goes before tasks of this thread that wait. Who holds all permits himself waits until somebody posts.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`.
   * @throws {PosixError} ENOSPC as `acquire()`.
   * @throws {ClosedError} When the memory is closed.
   */
  acquireSync(options?: SyncWaitOptions): Permit;
  /**
   * Takes a permit if there is one; `undefined` at once if not (or, once in a long while, if somebody is taking one at this instant).
   *
   * @throws {PosixError} ENOSPC as `acquire()`.
   * @throws {ClosedError} When the memory is closed.
   */
  tryAcquire(): Permit | undefined;
  /**
   * Waits on the event loop for a permit, and uses it up: nobody owns it, and it does not come back when this thread ends.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`. An abort rejects with `signal.reason`. Neither uses up a permit.
   * @throws {PosixError} ENOSYS when it would have to wait before Linux 5.16.
   * @throws {ClosedError} When the memory is closed.
   */
  wait(options?: WaitOptions): Promise<void>;
  /**
   * Blocks this thread until it has used up a permit.
   *
   * @throws {DOMException} `TimeoutError` after `timeoutMs`.
   * @throws {ClosedError} When the memory is closed.
   */
  waitSync(options?: SyncWaitOptions): void;
  /**
   * Uses up a permit if there is one.
   *
   * @returns Whether it did; `false` also, once in a long while, when somebody is taking one at this instant.
   * @throws {ClosedError} When the memory is closed.
   */
  tryWait(): boolean;
  /**
   * Adds permits that nobody owns, and wakes who sleeps. It never waits.
   *
   * @param count How many. @default {1}
   * @throws {PosixError} EOVERFLOW when there would be more than 2147483647; none is added then.
   * @throws {RangeError} When `count` is no integer of at least 1.
   * @throws {ClosedError} When the memory is closed.
   */
  post(count?: number): void;
}

/** A permit that this thread owns, until `release()` or the end of its `using` scope, or until the thread ends in whatever way. */
export interface Permit extends Disposable {
  /**
   * Gives it back, and wakes who sleeps for it. It never waits. May be called twice.
   *
   * @throws {ProtocolError} When a peer overwrote the semaphore meanwhile.
   */
  release(): void;
}

/**
 * `semaphore(n)`: a struct field with n permits, which come back when their holder dies. All-zero memory is a semaphore of which all permits are there.
 * The struct gets a participant table, in which every thread that acquires has a slot: `struct(fields, { participants })` says how many.
 *
 * @param permits How many at the start, 0..2147483647. For a count of items, 0.
 * @throws {RangeError} For a number of permits that cannot be.
 *
 * @example At most two at a time; and items that are counted
 * ```ts
 * import { createAnonymousMemory, semaphore, struct } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Shop = struct({ counters: semaphore(2), parcels: semaphore(0) });
 * using memory = createAnonymousMemory({ size: Shop.byteLength });
 * const { counters, parcels } = Shop.create(memory);
 * {
 *   using _one = await counters.acquire({ timeoutMs: 1000 });
 *   using _two = counters.acquireSync();
 *   assertEquals([counters.value, counters.tryAcquire()], [0, undefined]);
 * }
 * assertEquals(counters.value, 2);
 *
 * const next = parcels.wait();
 * parcels.post(3);
 * await next;
 * assertEquals([parcels.value, parcels.tryWait(), parcels.value], [2, true, 1]);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/sem_overview.7.html sem_overview(7)}
 * @tags allow-ffi
 */
export function semaphore(permits: number): ObjectField<Semaphore> {
  if (!Number.isInteger(permits) || permits < 0 || permits > MOST_PERMITS) {
    throw new RangeError(`permits must be an integer in 0..${MOST_PERMITS}, got ${Deno.inspect(permits)}`);
  }
  return field(permits, 64);
}

function field(permits: number, slots: number): ObjectField<Semaphore> {
  const records = { size: RECORD_BYTES * slots, alignment: 4, layout: "", c: { ...PERMITS_IN_C, dimensions: [slots] } };
  const gate = { size: RECORDS_OFFSET, alignment: 8, layout: "", c: SEMAPHORE_IN_C };
  const size = RECORDS_OFFSET + records.size;
  return {
    kind: "object",
    size,
    alignment: 8,
    layout: `semaphore(${permits})`,
    c: {
      members: [
        { name: "semaphore", offset: 0, field: gate },
        { name: "records", offset: RECORDS_OFFSET, field: records },
      ],
      size,
    },
    participants: { table: participantTable, field: (count) => field(permits, count) },
    place: oncePerPlace((place, mapping) =>
      new SharedSemaphore(place, mapping, participantsAt(place, mapping, slots), permits)
    ),
  };
}
