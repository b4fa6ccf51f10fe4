/**
 * The channels between processes, from what each has open, mapped and locked.
 *
 * @module
 */

import { blockedCall } from "./deadlock_calls.ts";
import { readFileLocks } from "./deadlock_locks.ts";
import type { Descriptor, Direction } from "./descriptors.ts";
import type { ChannelKind, EndRole, GraphChannel, GraphEnd } from "./graph_model.ts";
import type { SysvEnd } from "./graph_sysv.ts";
import type { MappingKind } from "./mappings.ts";
import { readLink } from "./proc.ts";
import type { Snapshot } from "./snapshot.ts";
import type { UnixSocket } from "./unix_sockets.ts";

/**
 * Every channel by which one process can reach another.
 *
 * @param exclude Processes that are taken for not there.
 * @param alone Whether those are of interest by which nobody can.
 * @param sysv Who is at System V queues and semaphores.
 */
export function readChannels(
  snapshot: Snapshot,
  exclude: ReadonlySet<number>,
  alone: boolean,
  sysv: readonly SysvEnd[],
): GraphChannel[] {
  const collection = new Collection(exclude);
  for (const descriptor of snapshot.descriptors) addDescriptor(collection, descriptor, snapshot);
  for (const mapping of snapshot.mappings) {
    const { pid, kind, object, target, inode, direction } = mapping;
    const id = kind === "sysv-memory" ? `${object}:${ipcNamespace(pid)}` : object;
    const channel = collection.channel(id, memoryKind(kind), memoryName(kind, target, inode));
    channel.add(pid, roleOf(direction));
  }
  for (const descriptor of snapshot.descriptors) {
    // The descriptor of what is mapped is the same end; of a plain file that nobody has mapped there is no channel.
    if (descriptor.kind === "file") {
      collection.find(descriptor.object)?.addDescriptor(descriptor.pid, descriptor.number);
    }
  }
  addLocks(collection, snapshot);
  for (const { id, kind, name, pid, role } of sysv) collection.channel(id, kind, name).add(pid, role);
  return collection.channels().filter((channel) => channel.ends.length > 0 && (alone || joins(channel)));
}

/** Segments of two IPC namespaces can have the same id, and nothing else in a mapping tells them apart. */
function ipcNamespace(pid: number): string {
  const target = readLink(`/proc/${pid}/ns/ipc`);
  return typeof target === "number" ? "" : target;
}

/** A channel that is being put together. */
class Draft {
  readonly id: string;
  readonly kind: ChannelKind;
  readonly name: string;
  readonly #exclude: ReadonlySet<number>;
  readonly #ends = new Map<number, { role: EndRole; descriptors: Set<number> }>();

  constructor(id: string, kind: ChannelKind, name: string, exclude: ReadonlySet<number>) {
    this.id = id;
    this.kind = kind;
    this.name = name;
    this.#exclude = exclude;
  }

  add(pid: number, role: EndRole | undefined, descriptor?: number): void {
    if (role === undefined || this.#exclude.has(pid)) return;
    const end = this.#ends.get(pid) ?? { role, descriptors: new Set() };
    this.#ends.set(pid, end);
    if (end.role !== role) end.role = merged(end.role, role);
    if (descriptor !== undefined) end.descriptors.add(descriptor);
  }

  /** Another descriptor of an end that is there. */
  addDescriptor(pid: number, descriptor: number): void {
    this.#ends.get(pid)?.descriptors.add(descriptor);
  }

  finish(): GraphChannel {
    const ends = Array.from(this.#ends, ([pid, { role, descriptors }]): GraphEnd => {
      return { pid, role, descriptors: [...descriptors].sort((left, right) => left - right) };
    }).sort((left, right) => left.pid - right.pid);
    return { id: this.id, kind: this.kind, name: this.name, ends };
  }
}

class Collection {
  readonly #exclude: ReadonlySet<number>;
  readonly #drafts = new Map<string, Draft>();

  constructor(exclude: ReadonlySet<number>) {
    this.#exclude = exclude;
  }

  channel(id: string, kind: ChannelKind, name: string): Draft {
    const draft = this.#drafts.get(id) ?? new Draft(id, kind, name, this.#exclude);
    this.#drafts.set(id, draft);
    return draft;
  }

  find(id: string): Draft | undefined {
    return this.#drafts.get(id);
  }

  channels(): GraphChannel[] {
    const order = (left: string, right: string) => left < right ? -1 : left > right ? 1 : 0;
    return Array.from(this.#drafts.values(), (draft) => draft.finish())
      .sort((left, right) => order(left.kind, right.kind) || order(left.name, right.name) || order(left.id, right.id));
  }
}

/** Whether something can get from one process to another. */
function joins({ kind, ends }: GraphChannel): boolean {
  if (kind === "lock") return ends.length > 1 && ends.some(({ role }) => role === "waits");
  // Who operates on semaphores lets others go on, or waits until they do.
  if (kind === "sysv-semaphores") return ends.length > 1;
  const gives = ends.filter(({ role }) => ["writes", "both", "sent-last", "exchanged-last"].includes(role));
  const takes = ends.filter(({ role }) => ["reads", "both", "received-last", "exchanged-last"].includes(role));
  if (ends.some(({ role }) => role === "listens")) return ends.length > 1;
  return gives.some((from) => takes.some((to) => to.pid !== from.pid));
}

function merged(left: EndRole, right: EndRole): EndRole {
  const roles = [left, right];
  if (roles.every((role) => role === "sent-last" || role === "received-last")) return "exchanged-last";
  // Who holds a lock and waits to have more of it is waiting.
  for (const role of ["waits", "holds", "listens"] as const) if (roles.includes(role)) return role;
  // What somebody does now covers what the same did before.
  for (const [now, before] of [["reads", "received-last"], ["writes", "sent-last"]] as const) {
    if (roles.includes(now) && roles.includes(before)) return now;
  }
  return "both";
}

function roleOf(direction: Direction): EndRole | undefined {
  return ({ read: "reads", write: "writes", both: "both", none: undefined } as const)[direction];
}

function addDescriptor(collection: Collection, descriptor: Descriptor, { unixSockets }: Snapshot): void {
  const { pid, number, kind, object, target, inode = 0 } = descriptor;
  const role = roleOf(descriptor.direction);
  switch (kind) {
    case "pipe":
      return collection.channel(object, "pipe", String(inode)).add(pid, role, number);
    case "fifo":
    case "message-queue":
      return collection.channel(object, kind, target).add(pid, role, number);
    case "eventfd":
      return collection.channel(object, kind, object.replace(/^eventfd:/, "")).add(pid, "both", number);
    case "memfd":
    case "shared-memory":
      return collection.channel(object, kind, memoryName(kind, target, 0)).add(pid, role, number);
    case "unix-socket": {
      const socket = unixSockets.get(inode);
      return socket === undefined ? undefined : addSocket(collection, unixSockets, socket, pid, number);
    }
  }
}

/** Two that are each other's peers are one channel. A datagram socket that others send to is one channel with all of them. */
function addSocket(
  collection: Collection,
  sockets: Snapshot["unixSockets"],
  socket: UnixSocket,
  pid: number,
  number: number,
): void {
  const { inode, peer, name } = socket;
  const other = peer === undefined ? undefined : sockets.get(peer);
  if (other !== undefined && other.peer === inode) {
    const low = Math.min(inode, other.inode);
    const title = name ?? other.name ?? `${low}-${Math.max(inode, other.inode)}`;
    return collection.channel(`unix:${low}`, "unix-socket", title).add(pid, "both", number);
  }
  const own = collection.channel(`unix:${inode}`, "unix-socket", name ?? String(inode));
  own.add(pid, socket.state === "listening" ? "listens" : "reads", number);
  if (other === undefined) return;
  collection.channel(`unix:${other.inode}`, "unix-socket", other.name ?? String(other.inode)).add(
    pid,
    "writes",
    number,
  );
}

function memoryKind(kind: MappingKind): ChannelKind {
  if (kind === "file") return "mapped-file";
  return kind === "anonymous" ? "shared-memory" : kind;
}

function memoryName(kind: MappingKind, target: string, inode: number): string {
  switch (kind) {
    case "shared-memory":
      return target.slice("/dev/shm".length);
    case "memfd":
      return target.slice("/memfd:".length);
    case "sysv-memory": {
      const key = target.slice("/SYSV".length);
      return key === "00000000" ? String(inode) : `${inode} (key 0x${key})`;
    }
    case "anonymous":
      return `of a fork, ${inode}`;
    case "file":
      return target;
  }
}

/** Who holds a lock is joined to who waits for it. */
function addLocks(collection: Collection, { descriptors, processes }: Snapshot): void {
  const locks = readFileLocks(descriptors);
  if (locks.length === 0) return;
  const byObject = Map.groupBy(descriptors, ({ object }) => object);
  for (const { object, path, holders, waiters } of locks) {
    const lock = collection.channel(`lock:${object}`, "lock", path);
    for (const { pid, descriptor } of holders) lock.add(pid, "holds", descriptor);
    for (const pid of waiters) if (processes.has(pid)) lock.add(pid, "waits");
    // The kernel does not tell who waits for the lock of an open file description; the call in which it sleeps does.
    for (const { pid, number } of byObject.get(object) ?? []) {
      const call = blockedCall(pid, pid);
      if (typeof call === "object" && call.kind === "lock" && call.descriptor === number) {
        lock.add(pid, "waits", number);
      }
    }
  }
}
