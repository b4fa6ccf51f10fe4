/**
 * Everything that /proc tells about who holds what, of one moment: processes, their descriptors and shared mappings, and the Unix sockets.
 *
 * It is no atomic picture: processes are looked at one after the other, so something that moves meanwhile can be seen twice or not at all.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { type Descriptor, readDescriptors } from "./descriptors.ts";
import { readSharedMappings, type SharedMapping } from "./mappings.ts";
import { isGranted } from "../sys/permission.ts";
import { type DirectoryEntry, readEntries, status } from "./proc.ts";
import { type ProcessInfo, readProcesses } from "./processes.ts";
import { readUnixSockets, type UnixSocket } from "./unix_sockets.ts";

/** Who holds what. */
export interface Snapshot {
  /** Every process that was looked for, by pid. */
  readonly processes: ReadonlyMap<number, ProcessInfo>;
  /** Open descriptors of all these processes, by process and number. */
  readonly descriptors: readonly Descriptor[];
  /** Shared mappings of all these processes, by process and address. */
  readonly mappings: readonly SharedMapping[];
  /** The Unix sockets of this network namespace, by inode number: all, whoever has them open. */
  readonly unixSockets: ReadonlyMap<number, UnixSocket>;
  /** Why there are no Unix sockets; `undefined` when there could be. */
  readonly unixSocketsError: PosixError | undefined;
  /** Processes whose descriptors and mappings this user may not see. */
  readonly hidden: readonly ProcessInfo[];
}

/** What {@linkcode readSnapshot} looks at. */
export interface SnapshotOptions {
  /**
   * Pids to look at.
   * @default {every process of this pid namespace}
   */
  readonly pids?: Iterable<number> | undefined;
}

/**
 * `readSnapshot()`: looks at every process.
 *
 * A process that ends meanwhile is left out, or appears without descriptors. Descriptors and mappings of other users' processes, and of programs
 * that have raised their privileges, are seen by root only: such processes are listed in `hidden`.
 *
 * @throws {PosixError} ENOENT where /proc is not mounted.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for /proc.
 *
 * @example Who has a file open
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { openShared, i64, struct } from "@causeway/causeway";
 * import { readSnapshot } from "@causeway/causeway/inspect";
 *
 * using counter = await openShared(`/hits-${Deno.pid}`, struct({ hits: i64 }));
 * const { descriptors, mappings } = readSnapshot({ pids: [Deno.pid] });
 * const open = descriptors.find(({ target }) => target === `/dev/shm${counter.name}`);
 * assertEquals([open?.kind, open?.direction], ["shared-memory", "both"]);
 * assertEquals(mappings.filter(({ object }) => object === open?.object).length, 1);
 * counter.unlink();
 * ```
 *
 * @tags allow-ffi
 */
export function readSnapshot(options: SnapshotOptions = {}): Snapshot {
  const processes = readProcesses(options.pids);
  const found: Descriptor[] = [];
  const mappings: SharedMapping[] = [];
  const hidden: ProcessInfo[] = [];
  for (const [pid, process] of processes) {
    const descriptors = readDescriptors(pid);
    const shared = readSharedMappings(pid);
    const holdsNothing = process.isKernel || process.state === "Z";
    if ((descriptors === "hidden" || shared === "hidden") && !holdsNothing) hidden.push(process);
    if (descriptors !== "hidden") { for (const descriptor of descriptors) found.push(descriptor); }
    if (shared !== "hidden") { for (const mapping of shared) mappings.push(mapping); }
  }
  // After the descriptors: a socket that was made meanwhile is in the table.
  const { sockets: unixSockets, error: unixSocketsError } = unixSocketsIfPossible();
  const rename = sharedMemoryNames();
  const descriptors = found.map((each) =>
    each.kind === "socket" && unixSockets.has(each.inode ?? 0)
      ? { ...each, kind: "unix-socket" as const }
      : rename(each)
  );
  return { processes, descriptors, mappings: mappings.map(rename), unixSockets, unixSocketsError, hidden };
}

const SHARED_MEMORY = "/dev/shm";

/**
 * What was made without a name (`O_TMPFILE`) and given one later is shown by the kernel as `/dev/shm/#123 (deleted)` for ever, also to who made it. Its name is
 * found by its identity.
 */
function sharedMemoryNames(): <T extends { readonly target: string; readonly object: string }>(one: T) => T {
  const names = new Map<string, string | undefined>();
  let entries: ReadonlyMap<string, readonly DirectoryEntry[]> | undefined;
  return (one) => {
    if (!one.target.startsWith(`${SHARED_MEMORY}/#`)) return one;
    if (!names.has(one.object)) names.set(one.object, nameOf(one.object, entries ??= sharedMemoryEntries()));
    const target = names.get(one.object);
    return target === undefined ? one : { ...one, target };
  };
}

/** What is in /dev/shm, by inode number. */
function sharedMemoryEntries(): Map<string, DirectoryEntry[]> {
  const entries = isGranted({ name: "read", path: SHARED_MEMORY }) ? readEntries(SHARED_MEMORY) : [];
  return Map.groupBy(typeof entries === "number" ? [] : entries, ({ inode }) => inode);
}

/** The directory tells inode numbers, so only what has the right one is looked at. */
function nameOf(identity: string, entries: ReadonlyMap<string, readonly DirectoryEntry[]>): string | undefined {
  for (const { name } of entries.get(identity.slice(identity.lastIndexOf(":") + 1)) ?? []) {
    const facts = status(`${SHARED_MEMORY}/${name}`, false);
    if (typeof facts !== "number" && facts.identity === identity) return `${SHARED_MEMORY}/${name}`;
  }
  return undefined;
}

function unixSocketsIfPossible(): { sockets: Map<number, UnixSocket>; error: PosixError | undefined } {
  try {
    return { sockets: readUnixSockets(), error: undefined };
  } catch (error) {
    // A kernel without sock_diag, or a sandbox that forbids netlink.
    if (error instanceof PosixError) return { sockets: new Map(), error };
    throw error;
  }
}
