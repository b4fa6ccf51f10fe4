/**
 * What a listing says of each object by which processes talk.
 *
 * @module
 */

import type { Direction } from "./descriptors.ts";

/** The kinds of objects. */
export type ObjectKind = IpcObject["kind"];

/** Every kind, in the order of a listing. */
export const OBJECT_KINDS: readonly ObjectKind[] = [
  "shared-memory",
  "memfd",
  "mapped-file",
  "anonymous-memory",
  "sysv-memory",
  "semaphore",
  "sysv-semaphores",
  "message-queue",
  "sysv-queue",
  "fifo",
  "pipe",
  "unix-socket",
  "file-lock",
  "futex",
];

/** A process that has an object. */
export interface Holder {
  /** The process. */
  readonly pid: number;
  /** Its program's name, as the kernel knows it. Any process may call itself anything. */
  readonly program: string;
  /** Its effective user. */
  readonly uid: number;
  /** What it can do with the object, by all its descriptors and mappings together. */
  readonly direction: Direction;
  /** The descriptors by which it has it. */
  readonly descriptors: readonly number[];
  /** Whether it has it in its address space. */
  readonly mapped: boolean;
  /** Whether it does not have it but waits for it: a file lock that another has, a futex. */
  readonly waiting: boolean;
}

/** Who made a struct of this library, as its header claims. */
export interface StructCreator {
  /** Its pid, in its own pid namespace. */
  readonly pid: number;
  /** When it started, in clock ticks since the machine did. */
  readonly startTime: bigint;
  /** `"gone"`: it has ended for certain. `"unknown"`: it belongs to another pid namespace, or did not say who it is. */
  readonly state: "alive" | "gone" | "unknown";
}

/** The struct of this library that some memory holds. */
export interface StructFacts {
  /** `"unfinished"`: its creation was begun. */
  readonly state: "whole" | "unfinished";
  /** Of its type, in hexadecimal. */
  readonly fingerprint: string;
  /** Bytes, without the header. */
  readonly byteLength: number;
  /** Who made it. */
  readonly creator: StructCreator;
}

/** What is said of every object. */
export interface ObjectFacts {
  /** Unique in a listing, and the same as long as the object exists: `pipe:INODE`, `MAJOR:MINOR:INODE`, `sysv-queue:ID`. */
  readonly id: string;
  /** Its name, path, or key in hexadecimal; `undefined` when it has none. */
  readonly name: string | undefined;
  /** Permission bits; `undefined` where the kernel keeps none. */
  readonly mode: number | undefined;
  /** The owning user; `undefined` where the kernel does not tell. */
  readonly uid: number | undefined;
  /** The owner's name; `undefined` when nobody has that uid, or /etc/passwd may not be read. */
  readonly owner: string | undefined;
  /** Bytes that it takes or was made for; `undefined` where that means nothing. */
  readonly byteLength: number | undefined;
  /** When it was made, in milliseconds since 1970; of System V objects, when its facts were last changed. `undefined` where the kernel does not tell. */
  readonly createdAt: number | undefined;
  /** Who has it. Processes that are hidden from this user are missing. */
  readonly holders: readonly Holder[];
  /** Whether this library made it, as far as it shows: by the header of a struct, or by the runtime directory. */
  readonly ours: boolean;
  /** Why it is stale: who made it has ended for certain, and nobody has it. `undefined` in any doubt. */
  readonly stale: string | undefined;
}

/** Memory that holds bytes. */
export interface MemoryFacts extends ObjectFacts {
  /** How many. */
  readonly byteLength: number;
  /** What of this library it begins with; `undefined` when it is something else, or this user may not look. */
  readonly holds: "struct" | "ring" | "lanes" | "latest" | undefined;
  /** The struct of this library in it. */
  readonly struct: StructFacts | undefined;
}

/** POSIX shared memory: a file in /dev/shm. */
export interface SharedMemoryObject extends MemoryFacts {
  /** Always `"shared-memory"`. */
  readonly kind: "shared-memory";
  /** Where it is; `undefined` when it has no name here: it was unlinked, or is in another mount namespace. */
  readonly path: string | undefined;
  /** Whether it has no name anywhere, and only its holders keep it. */
  readonly unlinked: boolean;
}

/** Memory without a name in the file system: `memfd_create(2)`. It is gone with its last holder. */
export interface MemfdObject extends MemoryFacts {
  /** Always `"memfd"`. */
  readonly kind: "memfd";
}

/** A file that somebody has mapped for sharing, and writes to. */
export interface MappedFileObject extends MemoryFacts {
  /** Always `"mapped-file"`. */
  readonly kind: "mapped-file";
}

/** Memory without a file, that processes share with their forks. Listed when two or more have it. */
export interface AnonymousMemoryObject extends ObjectFacts {
  /** Always `"anonymous-memory"`. */
  readonly kind: "anonymous-memory";
}

/** What every System V object has. */
export interface SysvFacts extends ObjectFacts {
  /** The key, as C's `key_t`; 0 for a private object. */
  readonly key: number;
  /** The kernel's id. */
  readonly sysvId: number;
}

/** A System V shared memory segment. */
export interface SysvMemoryObject extends SysvFacts {
  /** Always `"sysv-memory"`. */
  readonly kind: "sysv-memory";
  /** How many times it is attached, by whomever. */
  readonly attached: number;
  /** Pid of the creator, and of the last that attached or detached; 0 when they are in another pid namespace. */
  readonly creatorPid: number;
  /** Pid of the last process that attached or detached it; 0 for none. */
  readonly lastPid: number;
  /** Whether it is removed already, and goes with the last detach. */
  readonly removed: boolean;
}

/** A System V semaphore set. */
export interface SysvSemaphoresObject extends SysvFacts {
  /** Always `"sysv-semaphores"`. */
  readonly kind: "sysv-semaphores";
  /** The values; `undefined` when this user may not read them. */
  readonly values: readonly number[] | undefined;
  /** How many semaphores it has. */
  readonly length: number;
}

/** A System V message queue. */
export interface SysvQueueObject extends SysvFacts {
  /** Always `"sysv-queue"`. */
  readonly kind: "sysv-queue";
  /** How many messages wait. */
  readonly messages: number;
  /** Their bytes. */
  readonly queued: number;
  /** Pid of the last sender; 0 for none. */
  readonly lastSender: number;
  /** Pid of the last receiver; 0 for none. */
  readonly lastReceiver: number;
}

/** A named POSIX semaphore: a file `sem.NAME` in /dev/shm, as glibc makes it. */
export interface SemaphoreObject extends ObjectFacts {
  /** Always `"semaphore"`. */
  readonly kind: "semaphore";
  /** Where it is; `undefined` when it has no name here: it was unlinked, or is in another mount namespace. */
  readonly path: string | undefined;
  /** Its value; `undefined` when this user may not read it. */
  readonly value: number | undefined;
  /** How many wait for it; `undefined` when this user may not read it. */
  readonly waiters: number | undefined;
  /** Whether it has no name anywhere, and only its holders keep it. */
  readonly unlinked: boolean;
}

/** A POSIX message queue. */
export interface MessageQueueObject extends ObjectFacts {
  /** Always `"message-queue"`. */
  readonly kind: "message-queue";
  /** How many messages wait; this and the next three are `undefined` when this user may not read it. */
  readonly messages: number | undefined;
  /** How many may wait. */
  readonly maxMessages: number | undefined;
  /** How long one may be. */
  readonly messageSize: number | undefined;
  /** Bytes of all that wait. */
  readonly queued: number | undefined;
}

/** A FIFO that somebody has open, or that is in a directory that was looked at. */
export interface FifoObject extends ObjectFacts {
  /** Always `"fifo"`. */
  readonly kind: "fifo";
  /** Bytes that wait to be read; `undefined` when nobody has it open, or this user may not ask. */
  readonly queued: number | undefined;
}

/** A pipe. Its `byteLength` is how much fits. */
export interface PipeObject extends ObjectFacts {
  /** Always `"pipe"`. */
  readonly kind: "pipe";
  /** Bytes that wait to be read; `undefined` when this user may not ask. */
  readonly queued: number | undefined;
}

/** A Unix socket, or a name that one has left. */
export interface UnixSocketObject extends ObjectFacts {
  /** Always `"unix-socket"`. */
  readonly kind: "unix-socket";
  /** `undefined` for a name that no socket of this network namespace has. */
  readonly type: "stream" | "datagram" | "seqpacket" | undefined;
  /** `"unbound"`: only the name is there. */
  readonly state: "listening" | "connected" | "unconnected" | "unbound";
  /** Whether `name` is an abstract name of the kernel rather than a path. */
  readonly abstract: boolean;
  /** The `id` of the other end. */
  readonly peer: string | undefined;
  /** Bytes that wait to be read; of a listening socket, connections that wait to be accepted. */
  readonly queued: number | undefined;
  /** Of a listening socket: how many connections may wait. */
  readonly backlog: number | undefined;
  /** The address of the channel of this library whose listener has the name; `undefined` when it is none. */
  readonly address: string | undefined;
}

/** A lock of a file, as `/proc/locks` lists it. Holders that wait for it are marked. */
export interface FileLockObject extends ObjectFacts {
  /** Always `"file-lock"`. */
  readonly kind: "file-lock";
  /** Who owns it: an open file (`flock`, `ofd`), a process (`posix`), or it is a lease or delegation. */
  readonly type: "flock" | "posix" | "ofd" | "lease" | "other";
  /** Whether others may have it too. */
  readonly access: "read" | "write" | "none";
  /** First byte, and the last; `undefined` for the end of the file, wherever it is. */
  readonly range: { readonly first: number; readonly last: number | undefined };
  /** `MAJOR:MINOR:INODE` of the file. */
  readonly file: string;
}

/** A word in shared memory for which threads wait. Its holders are who waits. */
export interface FutexObject extends ObjectFacts {
  /** Always `"futex"`. */
  readonly kind: "futex";
  /** The `id` of the memory. */
  readonly memory: string;
  /** Where in the memory it is, in bytes. */
  readonly offset: number;
  /** How many threads wait. */
  readonly waiters: number;
}

/** Something by which processes talk. `kind` tells which. */
export type IpcObject =
  | SharedMemoryObject
  | MemfdObject
  | MappedFileObject
  | AnonymousMemoryObject
  | SysvMemoryObject
  | SysvSemaphoresObject
  | SysvQueueObject
  | SemaphoreObject
  | MessageQueueObject
  | FifoObject
  | PipeObject
  | UnixSocketObject
  | FileLockObject
  | FutexObject;
