/**
 * System V semaphores: sets of counters with a number for a key, and operations on several of them at once. For programs that speak
 * them already, and for what no other semaphore can: all or nothing over several counters, and giving back what a process died with.
 *
 * Model: synchronous, through the kernel: every operation is one system call. A set outlives everybody until it is removed.
 *
 * @module
 */

import { requireId, requireKey, requireMode, requireOwner } from "../memory/arguments.ts";
import { backOff, backOffSync } from "../sys/back_off.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import { check, errno, fail } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { IPC } from "../sys/linux.ts";
import { publish } from "../sys/probe.ts";
import { initialise, isInitialised, setFacts } from "./sysv_initialise.ts";
import { requireValue, sysvSemaphoreHints } from "./sysv_operations.ts";
import { type SysvSemaphores, SysvSemaphoreSet } from "./sysv_semaphore_set.ts";

/** What {@linkcode createSysvSemaphores} creates. */
export interface CreateSysvSemaphoresOptions {
  /** The first value of each semaphore, 0..32767. The set has as many as there are values, at least 1. */
  values: readonly number[];
  /**
   * Permission bits, whatever the umask. Changing needs writing, looking needs reading.
   * @default {0o600}
   */
  mode?: number | undefined;
}

/** How {@linkcode openSysvSemaphores} opens. */
export interface OpenSysvSemaphoresOptions {
  /** Whose set is accepted: a user id, or `"any"`. Keys are guessed easily. When left out: this user's or root's. */
  owner?: number | "any" | undefined;
  /**
   * What to do with a set on which nobody has operated yet: wait, because its creator may be about to give it its values; or accept it as it is. A C
   * program that only ever said SETVAL leaves such a set, `ipcmk -S` does, and so does a creator that was killed.
   * @default {"wait"}
   */
  uninitialized?: "wait" | "accept" | undefined;
  /**
   * Milliseconds until waiting for the creator ends with a `TimeoutError`.
   * @default {1000}
   */
  timeoutMs?: number | undefined;
}

/**
 * `createSysvSemaphores(key, { values })`: creates a set of semaphores, private to this user.
 *
 * Of many creators of one key exactly one wins. All values appear at once: {@linkcode openSysvSemaphores} (and every program that waits for
 * `sem_otime`) sees all of them or waits. The set outlives its creator until it is removed.
 *
 * @param key An integer other than 0, or `"private"` for a set that only its id leads to.
 * @param options Its values, and its mode.
 * @returns The set. `close()` gives it up, `remove()` removes it.
 * @throws {PosixError} EEXIST, EINVAL, ENOMEM, ENOSPC; the message names the limit to raise.
 * @throws {TypeError} For a key that cannot be.
 * @throws {RangeError} For values or a mode that cannot be.
 *
 * @example From one account to the other, both or neither
 * ```ts
 * import { createSysvSemaphores } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using accounts = createSysvSemaphores("private", { values: [5, 0] });
 * const transfer = [{ index: 0, change: -3 }, { index: 1, change: 3 }];
 * assertEquals(accounts.tryOperate(transfer), true);
 * assertEquals(accounts.tryOperate(transfer), false);
 * assertEquals(accounts.values, [2, 3]);
 * accounts.remove();
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/semget.2.html semget(2)}
 * @tags allow-ffi
 */
export function createSysvSemaphores(key: number | "private", options: CreateSysvSemaphoresOptions): SysvSemaphores {
  const number = key === "private" ? IPC.PRIVATE : requireKey(key);
  const { values, mode = 0o600 } = options;
  if (values.length === 0) throw new RangeError("values must have at least 1 element, got 0");
  values.forEach(requireValue);
  requireMode(mode);
  const target = describe(key);
  const id = libc().semget(number, values.length, IPC.CREAT | IPC.EXCL | mode);
  if (id === -1) fail(errno(), "semget", target, sysvSemaphoreHints());
  initialise(id, values, target);
  publish(() => ({ kind: "semaphore.create", semaphore: "sysv", name: String(key), values }));
  return new SysvSemaphoreSet(key, id, values.length, target);
}

/**
 * `openSysvSemaphores(key)`: opens an existing set, when its creator has given it its values. As a rule that is at once; while it is not, it
 * polls.
 *
 * @param key The key, or `{ id }`.
 * @param options Whose set, and what to do with one without values.
 * @throws {PosixError} ENOENT, EACCES (also for another user's set), EINVAL for an id that is none.
 * @throws {TypeError} For a key that cannot be.
 * @throws {DOMException} `TimeoutError` when nobody has operated on the set: its creator died, or never does; see `uninitialized`.
 *
 * @example Two handles on one set
 * ```ts
 * import { createSysvSemaphores, openSysvSemaphores } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using mine = createSysvSemaphores("private", { values: [1] });
 * using theirs = await openSysvSemaphores({ id: mine.id });
 * {
 *   using _permit = await mine.acquire(0);
 *   assertEquals(theirs.tryAcquire(0), undefined);
 * }
 * assertEquals(theirs.values, [1]);
 * mine.remove();
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/semop.2.html semop(2)}
 * @tags allow-ffi
 */
export async function openSysvSemaphores(
  key: number | { id: number },
  options: OpenSysvSemaphoresOptions & WaitOptions = {},
): Promise<SysvSemaphores> {
  const { what, deadline, set, ready } = opening(key, options);
  await backOff(what, options, deadline, ready);
  return set;
}

/**
 * `openSysvSemaphoresSync(key)`: opens an existing set like {@linkcode openSysvSemaphores}, blocking this thread while its creator has not given
 * it its values.
 *
 * @param key The key, or `{ id }`.
 * @param options Whose set, and what to do with one without values.
 * @throws {PosixError} ENOENT, EACCES (also for another user's set), EINVAL for an id that is none.
 * @throws {TypeError} For a key that cannot be.
 * @throws {DOMException} `TimeoutError` when nobody has operated on the set: its creator died, or never does; see `uninitialized`.
 *
 * @example Nothing is there
 * ```ts
 * import { openSysvSemaphoresSync, PosixError } from "@causeway/causeway";
 * import { assertThrows } from "@std/assert";
 *
 * assertThrows(() => openSysvSemaphoresSync(0x0ca5e0a1), PosixError, "ENOENT");
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/semop.2.html semop(2)}
 * @tags allow-ffi
 */
export function openSysvSemaphoresSync(
  key: number | { id: number },
  options: OpenSysvSemaphoresOptions & SyncWaitOptions = {},
): SysvSemaphores {
  const { deadline, set, ready } = opening(key, options);
  backOffSync(deadline, ready);
  return set;
}

interface Opening {
  readonly what: string;
  readonly deadline: Deadline;
  readonly set: SysvSemaphores;
  readonly ready: () => true | undefined;
}

function opening(key: number | { id: number }, options: OpenSysvSemaphoresOptions): Opening {
  const { owner, uninitialized = "wait", timeoutMs = 1000 } = options;
  if (uninitialized !== "wait" && uninitialized !== "accept") {
    throw new TypeError(`uninitialized must be "wait" or "accept", got ${Deno.inspect(uninitialized)}`);
  }
  const target = describe(key);
  const what = `Waiting until somebody operates on ${target} (uninitialized: "accept" takes it as it is)`;
  const deadline = new Deadline(what, timeoutMs);
  const id = typeof key === "object"
    ? requireId(key.id)
    : check(libc().semget(requireKey(key), 0, 0), "semget", target);
  const { length, uid, creator } = setFacts(id, target);
  requireOwner(uid, owner, "semget", target);
  // A creator keeps its rights over a set that it gave away.
  if (creator !== owner) requireOwner(creator, owner === "any" ? owner : undefined, "semget", target);
  publish(() => ({ kind: "semaphore.open", semaphore: "sysv", name: target }));
  return {
    what,
    deadline,
    set: new SysvSemaphoreSet(typeof key === "number" ? key : "private", id, length, target),
    ready: () => uninitialized === "accept" ? true : isInitialised(id, target),
  };
}

function describe(key: number | "private" | { id: number }): string {
  if (typeof key === "object") return `Semaphore set ${key.id}`;
  if (key === "private") return "Private semaphore set";
  return `Semaphore set with key 0x${(key >>> 0).toString(16).padStart(8, "0")}`;
}
