/**
 * Every object by which processes of this machine talk, in one listing.
 *
 * @module
 */

import { libc } from "../sys/libc.ts";
import { isGranted } from "../sys/permission.ts";
import { runtimeDirectory } from "../sys/runtime_directory.ts";
import { Listing } from "./listing.ts";
import { type IpcObject, OBJECT_KINDS, type ObjectKind } from "./object.ts";
import { futexes } from "./objects_futexes.ts";
import { fileLocks } from "./objects_locks.ts";
import { mappedMemory, memfds, posixShared } from "./objects_memory.ts";
import { messageQueues } from "./objects_queues.ts";
import { fifos, findNames, pipes, unixSockets } from "./objects_streams.ts";
import { sysvMemory, sysvQueues, sysvSemaphores } from "./objects_sysv.ts";
import { readSnapshot, type Snapshot } from "./snapshot.ts";

/** What {@linkcode listObjects} lists. */
export interface ListObjectsOptions {
  /**
   * Kinds to list.
   * @default {every kind}
   */
  readonly kinds?: readonly ObjectKind[] | undefined;
  /**
   * Directories in which FIFOs and sockets are looked for by name, besides the runtime directory: the others are listed while somebody has them open.
   * @default {[]}
   */
  readonly directories?: readonly string[] | undefined;
  /**
   * Who holds what, when it is known already.
   * @default {readSnapshot()}
   */
  readonly snapshot?: Snapshot | undefined;
}

/** What {@linkcode listObjects} found. */
export interface ObjectListing {
  /** When it was looked, in milliseconds since 1970. */
  readonly takenAt: number;
  /** What there is, by kind in the order of `OBJECT_KINDS`. */
  readonly objects: readonly IpcObject[];
  /** Pids of processes whose descriptors and mappings this user may not see: they may hold more than what is said. */
  readonly hidden: readonly number[];
  /** What could not be seen, and what would help, in sentences. */
  readonly notes: readonly string[];
}

/**
 * `listObjects(options)`: everything by which processes talk: System V and POSIX shared memory, semaphores and queues; memfds, mapped files and
 * shared anonymous memory; pipes, FIFOs and Unix sockets; file locks; and words in shared memory for which threads wait. With fill, holders, and what is
 * stale.
 *
 * It is synchronous because nothing in it waits, and it takes some ten milliseconds, 10,000 objects less than a second. It is no atomic picture: what is
 * made, moved or removed meanwhile may be missing or twice. Nothing is changed or taken: no message is received, no segment attached, no
 * FIFO given a reader that it has not.
 *
 * What this user may not see is missing, and `hidden` and `notes` say so.
 *
 * @throws {TypeError} For a kind that does not exist.
 * @throws {PosixError} ENOENT where /proc is not mounted.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for /proc, /dev/shm, the mqueue file system, and the directories.
 *
 * @example A shared struct, and who has it
 * ```ts
 * import { i64, openShared, struct } from "@causeway/causeway";
 * import { listObjects } from "@causeway/causeway/inspect";
 * import { assertEquals } from "@std/assert";
 *
 * using counter = await openShared(`/hits-${Deno.pid}`, struct({ hits: i64 }));
 * const { objects } = listObjects({ kinds: ["shared-memory"] });
 * const found = objects.find(({ name }) => name === counter.name);
 * assertEquals(found?.holders.map(({ pid }) => pid), [Deno.pid]);
 * assertEquals([found?.ours, found?.stale], [true, undefined]);
 * counter.unlink();
 * ```
 *
 * @tags allow-ffi
 */
export function listObjects(options: ListObjectsOptions = {}): ObjectListing {
  const { kinds = OBJECT_KINDS, directories = [], snapshot = readSnapshot() } = options;
  const unknown = kinds.find((kind) => !OBJECT_KINDS.includes(kind));
  if (unknown !== undefined) throw new TypeError(`There is no kind ${JSON.stringify(unknown)} of objects`);
  const takenAt = Date.now();
  using listing = new Listing(snapshot);
  const objects = collect(listing, new Set(kinds), directories);
  return {
    takenAt,
    objects,
    hidden: snapshot.hidden.map(({ pid }) => pid),
    notes: [...notesOf(snapshot), ...listing.notes],
  };
}

function collect(listing: Listing, kinds: ReadonlySet<ObjectKind>, directories: readonly string[]): IpcObject[] {
  const wants = (...some: ObjectKind[]) => some.some((kind) => kinds.has(kind));
  const named = wants("fifo", "unix-socket") ? findNames(directories, runtimeDirectory()) : undefined;
  if (named !== undefined && !isGranted({ name: "env", variable: "XDG_RUNTIME_DIR" })) {
    listing.notes.push(
      "names in $XDG_RUNTIME_DIR are not looked for: --allow-env=XDG_RUNTIME_DIR would tell where it is",
    );
  }
  const all: IpcObject[] = [
    ...(wants("shared-memory", "semaphore") ? posixShared(listing) : []),
    ...(wants("memfd") ? memfds(listing) : []),
    ...(wants("mapped-file", "anonymous-memory") ? mappedMemory(listing) : []),
    ...(wants("sysv-memory") ? sysvMemory(listing) : []),
    ...(wants("sysv-semaphores") ? sysvSemaphores(listing) : []),
    ...(wants("message-queue") ? messageQueues(listing) : []),
    ...(wants("sysv-queue") ? sysvQueues(listing) : []),
    ...(named !== undefined && wants("fifo") ? fifos(listing, named) : []),
    ...(wants("pipe") ? pipes(listing) : []),
    ...(named !== undefined && wants("unix-socket") ? unixSockets(listing, named) : []),
    ...(wants("file-lock") ? fileLocks(listing) : []),
    ...(wants("futex") ? futexes(listing) : []),
  ];
  const order = new Map(OBJECT_KINDS.map((kind, index) => [kind, index]));
  // The same file may be seen under a name of another mount namespace, too.
  const ids = new Set<string>();
  return all.filter(({ kind, id }) => kinds.has(kind) && !ids.has(id) && ids.add(id))
    .sort((left, right) => (order.get(left.kind) ?? 0) - (order.get(right.kind) ?? 0));
}

function notesOf({ hidden, unixSocketsError }: Snapshot): string[] {
  const notes: string[] = [];
  if (hidden.length > 0) {
    const own = libc().geteuid();
    const processes = hidden.length === 1 ? "1 process" : `${hidden.length} processes`;
    const whose = hidden.every(({ uid }) => uid !== own) ? " of other users" : "";
    const remedy = own === 0 ? "CAP_SYS_PTRACE is missing" : "run as root";
    notes.push(`what ${processes}${whose} hold${hidden.length === 1 ? "s" : ""} is hidden: ${remedy}`);
  }
  if (unixSocketsError !== undefined) {
    notes.push(`Unix sockets are not listed: the kernel refuses sock_diag (${unixSocketsError.code})`);
  }
  return notes;
}
