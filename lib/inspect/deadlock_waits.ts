/**
 * Who waits for whom: the call in which each thread sleeps, and the processes that could end it.
 *
 * @module
 */

import { FUTEX } from "../sys/linux.ts";
import { type BlockedCall, blockedCall, type FutexWord } from "./deadlock_calls.ts";
import { type FileLock, readFileLocks } from "./deadlock_locks.ts";
import type { Descriptor } from "./descriptors.ts";
import type { SharedMapping } from "./mappings.ts";
import { readAt } from "./proc.ts";
import { threadsOf } from "./processes.ts";
import type { Snapshot } from "./snapshot.ts";

/** What a thread does while it sleeps. */
export type WaitKind = "read" | "write" | "lock" | "mutex" | "memory" | "child" | "message" | "semaphore";

/** A thread, and whose it is. */
export interface ThreadOf {
  /** The process. */
  readonly pid: number;
  /** What the kernel calls it. Any process may call itself anything: escape it. */
  readonly program: string;
  /** The thread; the first one of a process has its pid. */
  readonly tid: number;
}

/** A thread that sleeps until another process does something. Of a wait on an event loop, it is the thread that runs the loop. */
export interface Wait extends ThreadOf {
  /** What it does. */
  readonly kind: WaitKind;
  /** On what: a path, `pipe 4711`, `child 4712`. Any process may name it: escape it. */
  readonly what: string;
  /** Equal for waits that are for the same thing. */
  readonly object: string;
  /** Who can end it; the first thread of a process stands for the process. */
  readonly wakers: readonly ThreadOf[];
  /** Whether one of them is enough, or all must do their part (as when several have a shared lock). */
  readonly needs: "any" | "all";
  /** Whether it is a task on an event loop that waits: others of the same thread run on. */
  readonly asynchronous: boolean;
}

/** What was found out about all threads. */
export interface Waits {
  /** Every wait for another process that was recognised. */
  readonly waits: readonly Wait[];
  /** Threads that run, or do something that is not known; by process. */
  readonly awake: ReadonlyMap<number, readonly number[]>;
  /** Threads that wait for events or for the clock; by process. */
  readonly listening: ReadonlyMap<number, readonly number[]>;
  /** Processes whose calls this user may not see. */
  readonly hidden: readonly number[];
}

/**
 * `readWaits(snapshot)`: what each thread of a snapshot's processes waits for now. Recognised are blocking reads and writes of pipes, FIFOs, Unix sockets
 * and message queues, file locks, children, System V queues and semaphores, the locks of this library and of pthreads in shared memory. Who waits in
 * `epoll` or `poll` is not seen to wait for anybody.
 *
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for /proc.
 * @tags allow-ffi
 */
export function readWaits(snapshot: Snapshot): Waits {
  return new Reader(snapshot).read();
}

interface Found extends Pick<Wait, "kind" | "what" | "object" | "needs"> {
  readonly wakers: readonly number[];
}

/** Words for what a lock word holds when it names no owner. */
const OWNER = FUTEX.TID_MASK;
/** glibc's mutex: the word is 2 while somebody waits, and the owner's thread id is 8 bytes further. */
const PTHREAD_CONTENDED = 2;
const PTHREAD_OWNER_OFFSET = 8n;

class Reader {
  readonly #snapshot: Snapshot;
  readonly #processOf = new Map<number, number>();
  readonly #descriptors = new Map<string, Descriptor>();
  readonly #byObject: Map<string, Descriptor[]>;
  readonly #mappings: Map<number, SharedMapping[]>;
  #locks: readonly FileLock[] | undefined;

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    for (const each of snapshot.descriptors) this.#descriptors.set(`${each.pid}/${each.number}`, each);
    this.#byObject = Map.groupBy(snapshot.descriptors, ({ object }) => object);
    this.#mappings = Map.groupBy(snapshot.mappings, ({ pid }) => pid);
  }

  read(): Waits {
    const waits: Wait[] = [];
    const awake = new Map<number, number[]>();
    const listening = new Map<number, number[]>();
    const hidden: number[] = [];
    for (const { pid, state } of this.#snapshot.processes.values()) {
      if (state !== "Z") { for (const tid of threadsOf(pid)) this.#processOf.set(tid, pid); }
    }
    for (const [tid, pid] of this.#processOf) {
      const call = blockedCall(pid, tid);
      if (call === "hidden") hidden.push(pid);
      if (call === "hidden" || call === undefined) continue;
      const found = call === "running" ? [] : this.#meaning(pid, call);
      // The futex thread of an event loop waits for the tasks of the loop.
      const asynchronous = found.length > 0 && call !== "running" && call.kind === "futex" && call.words.length > 1;
      for (const each of found) {
        const wakers = each.wakers.map((waker) => this.#thread(waker));
        waits.push({ ...this.#thread(asynchronous ? pid : tid), ...each, wakers, asynchronous });
      }
      if (found.length > 0) continue;
      if (call === "running" || (call.kind !== "idle" && call.kind !== "futex")) add(awake, pid, tid);
      else if (call.kind === "idle") add(listening, pid, tid);
    }
    return { waits, awake, listening, hidden: [...new Set(hidden)] };
  }

  #thread(tid: number): ThreadOf {
    const pid = this.#processOf.get(tid) ?? tid;
    return { pid, program: this.#snapshot.processes.get(pid)?.name ?? "", tid };
  }

  #meaning(pid: number, call: BlockedCall): Found[] {
    switch (call.kind) {
      case "read":
      case "write":
        return this.#transfer(pid, call.kind, call.descriptor);
      case "lock":
        return this.#lock(pid, call.descriptor);
      case "futex":
        return call.words.flatMap((word) => this.#word(pid, word));
      case "child":
        return this.#child(pid, call.pid);
      case "sysv-receive":
      case "sysv-send":
      case "sysv-semaphore":
        return this.#sysv(call.kind, call.id);
      case "idle":
        return [];
    }
  }

  /** The bytes come from whoever has the other end open; room is made by whoever reads. */
  #transfer(pid: number, kind: "read" | "write", number: number): Found[] {
    const descriptor = this.#descriptors.get(`${pid}/${number}`);
    if (descriptor === undefined) return [];
    const { object, target, inode = 0 } = descriptor;
    const ends = (of: string, direction: "read" | "write") =>
      (this.#byObject.get(of) ?? []).filter((each) => each.direction === direction || each.direction === "both");
    const wakers = (all: readonly Descriptor[]) => [...new Set(all.map((each) => each.pid))];
    const other = kind === "read" ? "write" : "read";
    switch (descriptor.kind) {
      case "pipe":
        return [{ kind, what: `pipe ${inode}`, object, wakers: wakers(ends(object, other)), needs: "any" }];
      case "fifo":
      case "eventfd":
        return [{ kind, what: target, object, wakers: wakers(ends(object, other)), needs: "any" }];
      case "message-queue":
        return [{ kind: "message", what: target, object, wakers: wakers(ends(object, other)), needs: "any" }];
      case "unix-socket": {
        const { peer, name } = this.#snapshot.unixSockets.get(inode) ?? {};
        if (peer === undefined) return [];
        const what = name ?? this.#snapshot.unixSockets.get(peer)?.name ?? `socket ${inode}`;
        return [{ kind, what, object, wakers: wakers(ends(`socket:${peer}`, other)), needs: "any" }];
      }
      default:
        return [];
    }
  }

  #lock(pid: number, number: number): Found[] {
    const object = this.#descriptors.get(`${pid}/${number}`)?.object;
    this.#locks ??= readFileLocks(this.#snapshot.descriptors);
    const lock = this.#locks.find((each) => each.object === object);
    if (lock === undefined || object === undefined) return [];
    // A lock of an open file that a fork inherited has several holders, and each can close it.
    const holders = [...new Set(lock.holders.map((each) => each.pid))];
    const shared = lock.holders.some(({ exclusive }) => !exclusive);
    return [{ kind: "lock", what: lock.path, object, wakers: holders, needs: shared ? "all" : "any" }];
  }

  /** A robust lock has its owner's thread id in the word that was slept on; a mutex of pthreads has it near. */
  #word(pid: number, { address, expected }: FutexWord): Found[] {
    const mapping = this.#mappings.get(pid)?.find(({ start, end }) => start <= address && address < end);
    if (mapping === undefined) return [];
    const place = mapping.offset + (address - mapping.start);
    const what = `${mapping.target || "shared memory"} at byte ${place}`;
    const object = `${mapping.object}+${place}`;
    const mappers = this.#snapshot.mappings.filter((each) => each.object === mapping.object);
    const processes = new Set(mappers.map((each) => each.pid));
    const owner = expected === PTHREAD_CONTENDED ? this.#pthreadOwner(pid, address) : expected & OWNER;
    const ownerProcess = this.#processOf.get(owner);
    if (ownerProcess !== undefined && processes.has(ownerProcess)) {
      return [{ kind: "mutex", what, object, wakers: [owner], needs: "all" }];
    }
    return [{ kind: "memory", what, object, wakers: [...processes], needs: "any" }];
  }

  #pthreadOwner(pid: number, address: bigint): number {
    const bytes = readAt(`/proc/${pid}/mem`, address + PTHREAD_OWNER_OFFSET, 4);
    if (typeof bytes === "number" || bytes.byteLength < 4) return 0;
    return new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0, true);
  }

  #child(pid: number, child: number | undefined): Found[] {
    const children = [...this.#snapshot.processes.values()].filter((each) => each.parent === pid && each.state !== "Z");
    const wakers = child === undefined ? children.map((each) => each.pid) : [child];
    if (wakers.length === 0) return [];
    const what = child === undefined ? "any child" : `child ${child}`;
    return [{ kind: "child", what, object: `child:${pid}:${child ?? "any"}`, wakers, needs: "any" }];
  }

  /** Anybody may send to a queue, or post to a semaphore: that nobody will cannot be known. */
  #sysv(kind: "sysv-receive" | "sysv-send" | "sysv-semaphore", id: number): Found[] {
    const what = `System V ${kind === "sysv-semaphore" ? "semaphores" : "queue"} ${id}`;
    const object = `${kind === "sysv-semaphore" ? "sem" : "msg"}:${id}`;
    return [{ kind: kind === "sysv-semaphore" ? "semaphore" : "message", what, object, wakers: [], needs: "any" }];
  }
}

function add(threads: Map<number, number[]>, pid: number, tid: number): void {
  threads.set(pid, [...threads.get(pid) ?? [], tid]);
}
