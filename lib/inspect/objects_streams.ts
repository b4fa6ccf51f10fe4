/**
 * Pipes, FIFOs and Unix sockets.
 *
 * @module
 */

import { basename, dirname } from "../std/path.ts";
import { unixAddress } from "../socket/address.ts";
import { check, ERRNO, errno } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { SOCK, STATX } from "../sys/linux.ts";
import { requireRead } from "../sys/permission.ts";
import type { Listing } from "./listing.ts";
import type { FifoObject, ObjectFacts, PipeObject, UnixSocketObject } from "./object.ts";
import { type FileStatus, readNames, status } from "./proc.ts";
import { STALE_SOCKET } from "./stale.ts";
import type { UnixSocket } from "./unix_sockets.ts";

/** What the directories that are looked at hold, and which of them is ours. */
export interface FoundNames {
  /** FIFOs and sockets, by `MAJOR:MINOR:INODE`. */
  readonly files: ReadonlyMap<string, { readonly path: string; readonly facts: FileStatus }>;
  /** The runtime directory. */
  readonly runtimeDirectory: string | undefined;
}

/** The names of FIFOs and sockets in some directories; those that are missing hold none. */
export function findNames(directories: readonly string[], runtimeDirectory: string | undefined): FoundNames {
  const files = new Map<string, { path: string; facts: FileStatus }>();
  for (const directory of new Set([...directories, ...(runtimeDirectory === undefined ? [] : [runtimeDirectory])])) {
    requireRead(directory);
    const names = readNames(directory);
    if (typeof names === "number") continue;
    for (const name of names) {
      const path = `${directory.replace(/\/$/, "")}/${name}`;
      const facts = status(path, false);
      if (typeof facts === "number" || (facts.type !== STATX.S_IFIFO && facts.type !== STATX.S_IFSOCK)) continue;
      files.set(facts.identity, { path, facts });
    }
  }
  return { files, runtimeDirectory };
}

/** Pipes that somebody has open. */
export function pipes(listing: Listing): PipeObject[] {
  const found: PipeObject[] = [];
  for (const [object, descriptors] of listing.holders.open()) {
    const [first] = descriptors;
    if (first?.kind !== "pipe") continue;
    const facts = status(`/proc/${first.pid}/fd/${first.number}`, true);
    const fill = listing.pipes.look(descriptors);
    found.push({
      kind: "pipe",
      ...factsOf(listing, object, typeof facts === "number" ? undefined : facts),
      createdAt: undefined,
      byteLength: fill?.capacity,
      holders: listing.holders.of(object),
      queued: fill?.queued,
    });
  }
  return found;
}

/** FIFOs that somebody has open, and those that were found by name. */
export function fifos(listing: Listing, names: FoundNames): FifoObject[] {
  const found: FifoObject[] = [];
  const one = (object: string, path: string, facts: FileStatus | undefined): FifoObject => {
    const descriptors = listing.holders.descriptors(object);
    const fill = listing.pipes.look(descriptors);
    return {
      kind: "fifo",
      ...factsOf(listing, object, facts),
      name: path,
      byteLength: fill?.capacity,
      holders: listing.holders.of(object),
      ours: isOurs(path, names),
      queued: fill?.queued,
    };
  };
  for (const [object, [first]] of listing.holders.open()) {
    if (first?.kind !== "fifo") continue;
    const facts = status(`/proc/${first.pid}/fd/${first.number}`, true);
    found.push(one(object, first.target, typeof facts === "number" ? undefined : facts));
  }
  for (const [object, { path, facts }] of names.files) {
    if (facts.type === STATX.S_IFIFO && listing.holders.descriptors(object).length === 0) {
      found.push(one(object, path, facts));
    }
  }
  return found;
}

/** Sockets of this network namespace, whoever has them open, and names that were found and belong to none. */
export function unixSockets(listing: Listing, names: FoundNames): UnixSocketObject[] {
  const bound = new Set<string>();
  const found: UnixSocketObject[] = [];
  for (const socket of listing.snapshot.unixSockets.values()) {
    if (socket.file !== undefined) bound.add(socket.file);
    found.push(socketObject(listing, socket, names));
  }
  for (const [object, { path, facts }] of names.files) {
    if (facts.type !== STATX.S_IFSOCK || bound.has(lower32(object))) continue;
    found.push({
      kind: "unix-socket",
      ...factsOf(listing, object, facts),
      name: path,
      ours: isOurs(path, names),
      stale: isNobodys(path) ? STALE_SOCKET : undefined,
      type: undefined,
      state: "unbound",
      abstract: false,
      peer: undefined,
      queued: undefined,
      backlog: undefined,
      address: addressOf(path, names),
    });
  }
  return found;
}

function socketObject(listing: Listing, socket: UnixSocket, names: FoundNames): UnixSocketObject {
  const { inode, type, state, name, abstract, peer, queued, backlog, uid } = socket;
  const id = `socket:${inode}`;
  const isPath = name !== undefined && !abstract;
  // A relative path says nothing: whose directory it begins in is not known.
  const facts = isPath && name.startsWith("/") && state === "listening" ? status(name, false) : undefined;
  const isStillThere = typeof facts === "object" && lower32(facts.identity) === socket.file;
  return {
    kind: "unix-socket",
    id,
    name,
    mode: isStillThere ? facts.mode : undefined,
    uid,
    owner: listing.owner(uid),
    byteLength: undefined,
    createdAt: isStillThere ? facts.bornAt : undefined,
    holders: listing.holders.of(id),
    ours: isPath && isOurs(name, names),
    stale: undefined,
    type,
    state,
    abstract,
    peer: peer === undefined ? undefined : `socket:${peer}`,
    queued,
    backlog,
    address: isPath ? addressOf(name, names) : undefined,
  };
}

/** What the listener of a channel is called in the runtime directory. */
const CHANNEL_PREFIX = "shm-";

function addressOf(path: string, names: FoundNames): string | undefined {
  const name = basename(path);
  if (!isOurs(path, names) || !name.startsWith(CHANNEL_PREFIX)) return undefined;
  return `shm:${name.slice(CHANNEL_PREFIX.length)}`;
}

/**
 * Whether no socket has a path, in any network namespace: connecting a datagram socket is refused then. It disturbs nobody: a stream socket that listens
 * there answers that it is of another type, and never learns of it.
 */
export function isNobodys(path: string): boolean {
  const address = shortAddress(path);
  if (address === undefined) return false;
  const type = SOCK.DGRAM | SOCK.CLOEXEC | SOCK.NONBLOCK;
  using probe = Fd.own(check(libc().socket(SOCK.AF_UNIX, type, 0), "socket"), "Unix datagram socket");
  const result = libc().connect(probe.raw, address, address.byteLength);
  return result === -1 && errno() === ERRNO.ECONNREFUSED;
}

/** A path that is too long for an address cannot be asked about. */
function shortAddress(path: string): Uint8Array<ArrayBuffer> | undefined {
  try {
    return unixAddress(path).bytes;
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function isOurs(path: string, { runtimeDirectory }: FoundNames): boolean {
  return runtimeDirectory !== undefined && dirname(path) === runtimeDirectory;
}

/** As `sock_diag` tells an identity. */
function lower32(identity: string): string {
  const [major, minor, inode = "0"] = identity.split(":");
  return `${major}:${minor}:${BigInt.asUintN(32, BigInt(inode))}`;
}

function factsOf(listing: Listing, id: string, facts: FileStatus | undefined): ObjectFacts {
  return {
    id,
    name: undefined,
    mode: facts?.mode,
    uid: facts?.uid,
    owner: listing.owner(facts?.uid),
    byteLength: undefined,
    createdAt: facts?.bornAt,
    holders: [],
    ours: false,
    stale: undefined,
  };
}
