/**
 * The kernel's list of the locks that this thread holds. When the thread ends, however it ends, the kernel walks the list, sets
 * `FUTEX_OWNER_DIED` in every word that has the thread's id, and wakes one waiter of each.
 *
 * One list a thread, and Deno gives every isolate (the main program, each Worker) a thread of its own: the list is a property of its global object. Its
 * head is in private memory that is never unmapped, because the kernel reads it after the last line of JavaScript has run. Registering it
 * replaces glibc's own list of that thread.
 *
 * The entries are beside the words in shared memory, and a peer may scribble there. So the order of the list is kept here, in JavaScript; pointers are
 * only ever written to shared memory, never read back. A peer that overwrites one can keep the kernel from releasing this thread's other
 * locks at its death, and no more: the kernel touches only words that have this thread's id, checks every address, and stops after 2048.
 *
 * @see {@link https://docs.kernel.org/locking/robust-futex-ABI.html The robust futex ABI}
 * @module
 */

import { check } from "../sys/errno.ts";
import { threadId } from "../sys/identity.ts";
import { libc } from "../sys/libc.ts";
import { MAP } from "../sys/linux.ts";
import { Mapping } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { HEAD_BYTES, MARKED_HEAD_BYTES, markHead, releaseOldList } from "./robust_heir.ts";

/** From a list entry to its futex word, in bytes: the word is the first of the 40 bytes, the entry the last 8. As in glibc's pthread_mutex_t. */
export const ENTRY_OFFSET = 32;

/** The kernel gives up after so many entries (`ROBUST_LIST_LIMIT`); one is left for the pending operation. */
const MAX_HELD = 2047;

/** `struct robust_list_head { struct robust_list *list; long futex_offset; struct robust_list *list_op_pending; }` */
const FIRST = 0;
const PENDING = 2;

/** Something that can be in the list. */
export interface RobustEntry {
  /** The entry's address, as {@linkcode pointerBits} of it. */
  readonly bits: number;
  /** The entry itself: the `next` pointer in shared memory. */
  readonly next: Float64Array<ArrayBuffer>;
  /** Neighbours, nearer to the head and farther; for {@linkcode RobustList} only. */
  above: RobustEntry | undefined;
  below: RobustEntry | undefined;
}

/**
 * A pointer as a double with the same 64 bits.
 *
 * A pointer must be stored by one instruction, because the kernel may read it at any moment. A Float64Array does that without making a bigint, which
 * would cost more than the lock. Addresses of processes are below 2^52 here, so these doubles are subnormal numbers: never NaN, whose bits a
 * store might change.
 */
export function pointerBits(address: bigint): number {
  if (address < 0n || address >= 1n << 52n) throw new RangeError(`Address 0x${address.toString(16)} is out of range`);
  converter.setBigUint64(0, address);
  return converter.getFloat64(0);
}
const converter = new DataView(new ArrayBuffer(8));

/**
 * This thread's list.
 *
 * The stores to the head and to the entries are plain. The compiler keeps stores to typed arrays in order and drops none that an atomic operation
 * (on the futex word) comes after; the kernel's walk at death runs on the same thread, which sees its own stores in program order on every
 * CPU. `tests/sync/mutex_rounds.ts` kills owners at random instants.
 */
export class RobustList {
  readonly version: number = VERSION;
  /** The kernel's id of this thread, as it appears in futex words. */
  readonly tid: number = threadId();
  readonly #head: Float64Array<ArrayBuffer>;
  readonly #headBits: number;
  #top: RobustEntry | undefined;
  #count = 0;
  /** The one lock that is held and not in the list: the pending operation tells the kernel of it. */
  #alone: RobustEntry | undefined;

  constructor() {
    const page = Mapping.map({
      byteLength: MARKED_HEAD_BYTES,
      protection: MAP.PROT_READ | MAP.PROT_WRITE,
      flags: MAP.PRIVATE,
      target: "robust list",
    });
    this.#head = new Float64Array(page.buffer);
    this.#headBits = pointerBits(page.address);
    this.#head[FIRST] = this.#headBits;
    new BigInt64Array(page.buffer)[1] = BigInt(-ENTRY_OFFSET);
    markHead(page.buffer);
    releaseOldList(this.tid, ENTRY_OFFSET);
    const result = libc().syscall_set_robust_list(platform().SYS.set_robust_list, page.pointer, BigInt(HEAD_BYTES));
    check(result, "set_robust_list");
  }

  /** Whether one more lock would be out of the kernel's sight. */
  get full(): boolean {
    return this.#count + (this.#alone === undefined ? 0 : 1) >= MAX_HELD;
  }

  /** `list_op_pending`: until `end()`, the kernel looks at this entry too, whether it is in the list or not. */
  begin(entry: Pick<RobustEntry, "bits">): void {
    if (this.#alone !== undefined) this.#settle(this.#alone);
    this.#head[PENDING] = entry.bits;
  }

  /** The operation is over: the entry is in the list, or it is not this thread's. */
  end(): void {
    this.#head[PENDING] = this.#alone === undefined ? 0 : this.#alone.bits;
  }

  /**
   * `begin`, for an entry that may stay pending as long as it is held: the kernel knows of it as well as if it were in the list, and four stores are
   * saved. One entry can.
   *
   * @returns Whether this can be the one.
   */
  beginAlone(entry: RobustEntry): boolean {
    if (this.#alone !== undefined || this.#count >= MAX_HELD) return false;
    this.#head[PENDING] = entry.bits;
    return true;
  }

  /** What was begun by `beginAlone` has come to a lock that is held. */
  holdAlone(entry: RobustEntry): void {
    this.#alone = entry;
  }

  /** Whether an entry is the one that is held alone. */
  holdsAlone(entry: RobustEntry): boolean {
    return this.#alone === entry;
  }

  /** What was held alone has been released. */
  endAlone(): void {
    this.#alone = undefined;
    this.#head[PENDING] = 0;
  }

  /** Begins the release of an entry: it is not in the list any more, and pending. */
  beginRelease(entry: RobustEntry): void {
    if (this.#alone === entry) {
      this.#alone = undefined;
      return;
    }
    this.begin(entry);
    this.unlink(entry);
  }

  /** Puts what is held alone into the list: the pending operation is needed for another. Until then it is both. */
  #settle(entry: RobustEntry): void {
    this.link(entry);
    this.#alone = undefined;
  }

  /** Puts an entry at the front. */
  link(entry: RobustEntry): void {
    const below = this.#top;
    entry.next[0] = below === undefined ? this.#headBits : below.bits;
    this.#head[FIRST] = entry.bits;
    entry.above = undefined;
    entry.below = below;
    if (below !== undefined) below.above = entry;
    this.#top = entry;
    this.#count++;
  }

  /** Takes an entry out. One store does it: at every moment the list is whole. */
  unlink(entry: RobustEntry): void {
    const { above, below } = entry;
    const next = below === undefined ? this.#headBits : below.bits;
    if (above === undefined) {
      this.#head[FIRST] = next;
      this.#top = below;
    } else {
      above.next[0] = next;
      above.below = below;
    }
    if (below !== undefined) below.above = above;
    entry.above = entry.below = undefined;
    this.#count--;
  }

  /**
   * Whether an entry that is not in the list is, by what its memory says, one that is: the same lock, mapped here a second time. Compares, and
   * follows nothing.
   */
  hasTwin(entry: RobustEntry): boolean {
    if (this.#alone !== undefined) {
      this.#settle(this.#alone);
      this.end();
    }
    const next = entry.next[0];
    for (let held = this.#top; held !== undefined; held = held.below) {
      const expected = held.below === undefined ? this.#headBits : held.below.bits;
      if (held !== entry && expected === next) return true;
    }
    return false;
  }
}

/**
 * Where the copies of this library that one thread has loaded (two versions of it, two addresses) find the list: the kernel knows one, and the locks of
 * all must be in it.
 */
const SHARED = Symbol.for("causeway.robustList");

/** Changes with what the copies ask of {@linkcode RobustList} and {@linkcode RobustEntry}. */
const VERSION = 1;

let list: RobustList | undefined;

/** The list of this thread, registered on first use. */
export function robustList(): RobustList {
  return list ??= sharedList();
}

function sharedList(): RobustList {
  const found: RobustList | undefined = Reflect.get(globalThis, SHARED);
  if (found === undefined) {
    const made = new RobustList();
    Reflect.defineProperty(globalThis, SHARED, { value: made });
    return made;
  }
  if (found.version === VERSION) return found;
  throw new Error("Two versions of Causeway that this thread has loaded cannot both hold locks: use one of them");
}
