/**
 * One typed, named, shared thing: how strangers meet in memory.
 *
 * @module
 */

import { PosixError, ProtocolError } from "../errors.ts";
import { backOff, backOffSync } from "../sys/back_off.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import { libc } from "../sys/libc.ts";
import { LOCK } from "../sys/linux.ts";
import { requireMode } from "./arguments.ts";
import { creationState } from "./header.ts";
import { mappingOf } from "./memory.ts";
import { createShared, openSharedMemory, type SharedMemory, sharedName } from "./shared_memory.ts";
import type { Struct } from "./struct.ts";

/** Milliseconds that an unfinished object is waited for. */
const DEFAULT_TIMEOUT_MS = 1000;

/** Races that one attempt may lose to creators and to `unlink()`. */
const MOST_RACES = 100;

/** A struct in named shared memory, opened or created. */
export interface SharedStruct<View> extends Disposable {
  /** The struct. */
  readonly view: View;
  /** The memory that it is in. */
  readonly memory: SharedMemory;
  /** The name, with its slash. */
  readonly name: string;
  /** Whether this call created it. */
  readonly created: boolean;
  /** Whether `close()` has been called. */
  readonly closed: boolean;
  /**
   * `shm_unlink(3)`: removes the name at once, whoever created it. Who has it open keeps it; the next `openShared` creates another.
   *
   * @throws {PosixError} ENOENT when the name is gone or names another object by now; EACCES.
   * @throws {ClosedError} After `close()`.
   */
  unlink(): void;
  /**
   * Gives up this process's mapping. The name stays. May be called twice.
   *
   * @throws {Error} While a lock in it is held or waited for.
   */
  close(): void;
}

/** How {@linkcode openSharedSync} opens or creates, and how long it waits. */
export interface OpenSharedSyncOptions<View> extends SyncWaitOptions {
  /**
   * Permission bits of what is created, whatever the umask.
   * @default {0o600}
   */
  mode?: number | undefined;
  /** Whose object is accepted: a user id, or `"any"`. When left out: this user's or root's. */
  owner?: number | "any" | undefined;
  /**
   * Sets first values, if this call creates. Nobody else can see the object yet; if it throws, there is none. Where /dev/shm is no tmpfs it may be
   * called twice, for different memory.
   */
  initialise?: ((view: View) => void) | undefined;
  /**
   * Milliseconds until an object that somebody has begun and not finished is an error.
   * @default {1000}
   */
  timeoutMs?: number | undefined;
}

/** How {@linkcode openShared} opens or creates, and how long it waits. */
export interface OpenSharedOptions<View> extends OpenSharedSyncOptions<View>, WaitOptions {
  /**
   * Milliseconds until an object that somebody has begun and not finished is an error.
   * @default {1000}
   */
  timeoutMs?: number | undefined;
}

/**
 * `openShared("name", Shared)`: the struct of that name, for every process that asks: the first creates it, the others open it.
 *
 * It is POSIX shared memory `/name` with Causeway's header, private to this user. It gets its name when it is complete, `initialise` included, so nobody
 * ever sees half of one, and a creator that is killed leaves nothing. What somebody made in another way and has not finished is waited for until the
 * deadline; where the header tells that its creator is gone, it is replaced. The memory outlives its processes until somebody calls `unlink()`.
 *
 * For a watcher that must not write: `openSharedMemory("/name", { readOnly: true })` and `Shared.open` of it.
 *
 * @param name As for `createSharedMemory`; the slash may be left out.
 * @param layout The struct. Processes must agree on it.
 * @param options What to do when it is not there, and how long to wait when it is not finished.
 * @throws {ProtocolError} When the name has another struct (the message has both fingerprints), or something else; when it is not finished at
 * the deadline.
 * @throws {PosixError} ENOSPC, EACCES (also for another user's object), EMFILE, ENFILE, ENOMEM, ELOOP for a symbolic link.
 * @throws {TypeError} For a name of another form.
 * @throws {RangeError} For a mode that cannot be.
 *
 * @example Who comes first sets the table
 * ```ts
 * import { atomic, openShared, struct, u32 } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const Counter = struct({ next: atomic(u32) });
 * const name = `causeway-doc-${crypto.randomUUID()}`;
 *
 * using first = await openShared(name, Counter, { initialise: ({ next }) => next.store(100) });
 * using second = await openShared(name, Counter);
 * assertEquals([first.created, second.created], [true, false]);
 * assertEquals(second.view.next.add(1), 100);
 * assertEquals(first.view.next.load(), 101);
 * first.unlink();
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/shm_overview.7.html shm_overview(7)}
 * @tags allow-ffi
 */
export async function openShared<View>(
  name: string,
  layout: Struct<View>,
  options: OpenSharedOptions<View> = {},
): Promise<SharedStruct<View>> {
  const meeting = new Meeting(name, layout, options);
  try {
    return await backOff(meeting.what, options, meeting.deadline, () => meeting.attempt());
  } catch (error) {
    throw meeting.explain(error);
  }
}

/** `openSharedSync("name", Shared)`: the same, and blocks this thread while it waits. */
export function openSharedSync<View>(
  name: string,
  layout: Struct<View>,
  options: OpenSharedSyncOptions<View> = {},
): SharedStruct<View> {
  const meeting = new Meeting(name, layout, options);
  try {
    return backOffSync(meeting.deadline, () => meeting.attempt());
  } catch (error) {
    throw meeting.explain(error);
  }
}

/** One call: as many attempts as it takes. */
class Meeting<View> {
  readonly what: string;
  readonly deadline: Deadline;
  readonly #name: string;
  readonly #layout: Struct<View>;
  readonly #options: OpenSharedSyncOptions<View>;
  /** Why the last attempt has to be repeated. */
  #unfinished: ProtocolError | undefined;

  constructor(name: string, layout: Struct<View>, options: OpenSharedSyncOptions<View>) {
    const { timeoutMs = DEFAULT_TIMEOUT_MS, mode = 0o600 } = options;
    this.#name = sharedName(name);
    requireMode(mode);
    this.what = `Opening shared struct ${this.#name}`;
    this.deadline = new Deadline(this.what, timeoutMs);
    this.#layout = layout;
    this.#options = options;
  }

  /**
   * Who loses a race looks again at once, whatever time it is: what the winner made is whole. Only what is not finished is waited for.
   *
   * @returns `undefined` to be tried again later.
   */
  attempt(): SharedStruct<View> | undefined {
    for (let race = 0; race < MOST_RACES; race++) {
      const memory = this.#open();
      const found = memory === "missing" ? this.#create() : memory && this.#examine(memory);
      if (found !== "again") return found;
    }
    return undefined;
  }

  #examine(memory: SharedMemory): SharedStruct<View> | "again" | undefined {
    try {
      switch (creationState(mappingOf(memory).buffer)) {
        case "abandoned":
          removeAbandoned(memory);
          memory.close();
          return "again";
        case "unfinished":
          this.#unfinished = new ProtocolError(`${this.what}: its creator has not finished, or died`);
          memory.close();
          return undefined;
      }
      return new SharedStructObject(this.#layout.open(memory), memory, false);
    } catch (error) {
      memory.close();
      throw error;
    }
  }

  /** At the deadline: what was wrong with the object, rather than that time has passed. */
  explain(error: unknown): unknown {
    const late = error instanceof DOMException && error.name === "TimeoutError" && this.deadline.remainingMs === 0;
    if (!late || this.#unfinished === undefined) return error;
    const remedy = `unlinkSharedMemory(${JSON.stringify(this.#name)}) frees the name`;
    return new ProtocolError(`${this.#unfinished.message}; ${remedy}`, { cause: error });
  }

  #open(): SharedMemory | "missing" | undefined {
    try {
      return openSharedMemory(this.#name, { owner: this.#options.owner });
    } catch (error) {
      if (error instanceof PosixError && error.code === "ENOENT") return "missing";
      if (!(error instanceof ProtocolError)) throw error;
      // It is empty: a program in another language is about to give it its size.
      this.#unfinished = error;
      return undefined;
    }
  }

  #create(): SharedStruct<View> | "again" {
    const { mode = 0o600, initialise } = this.#options;
    const prepare = (memory: SharedMemory) => {
      const view = this.#layout.create(memory);
      const result: unknown = initialise?.(view);
      // The types let an async function pass. It would set its values when others look already.
      if (result instanceof Promise) throw new TypeError("initialise must not be asynchronous, it returned a promise");
    };
    try {
      const memory = createShared(this.#name, { size: this.#layout.byteLength, mode, prepare });
      return new SharedStructObject(this.#layout.open(memory), memory, true);
    } catch (error) {
      // Somebody else was first.
      if (error instanceof PosixError && error.code === "EEXIST" && error.target === this.#name) return "again";
      throw error;
    }
  }
}

/**
 * Removes the name of an object whose creator is gone. Whoever holds the object's lock does it: without it, of two that have judged the same
 * object, the slower could remove what the faster has created.
 */
function removeAbandoned(memory: SharedMemory): void {
  if (libc().flock(memory.fd.raw, LOCK.EX | LOCK.NB) === -1) return;
  try {
    memory.unlink();
  } catch (error) {
    if (!(error instanceof PosixError && error.code === "ENOENT")) throw error;
  }
}

class SharedStructObject<View> implements SharedStruct<View> {
  readonly view: View;
  readonly memory: SharedMemory;
  readonly created: boolean;

  constructor(view: View, memory: SharedMemory, created: boolean) {
    this.view = view;
    this.memory = memory;
    this.created = created;
  }

  get name(): string {
    return this.memory.name;
  }

  get closed(): boolean {
    return this.memory.closed;
  }

  unlink(): void {
    this.memory.unlink();
  }

  close(): void {
    this.memory.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
