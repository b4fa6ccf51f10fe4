/**
 * How full channels are, and what they count.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { listSysvQueues, type SysvQueueEntry } from "../queue/sysv_list.ts";
import { libc } from "../sys/libc.ts";
import { MQ } from "../sys/linux.ts";
import { platform } from "../sys/platform.ts";
import type { Descriptor } from "./descriptors.ts";
import type { ChannelKind, GraphChannel, GraphEnd } from "./graph_model.ts";
import { PipeProbe } from "./pipe_fill.ts";
import { readLatest } from "./rates_latest.ts";
import { readRings } from "./rates_rings.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * What `top` knows besides the channels of a graph. A ring is one direction of a `shm:` channel of this library, what a topic has for a subscriber, or a lane;
 * a latest is a value of which only the last counts.
 */
export type FlowKind = ChannelKind | "ring" | "latest";

/** A channel at a moment. */
export interface ChannelLevel {
  /** Unique, and the same as long as the channel exists. */
  readonly id: string;
  /** What it is. */
  readonly kind: FlowKind;
  /** Its name. Any process may choose it: escape it. */
  readonly name: string;
  /** Who is at it. */
  readonly ends: readonly GraphEnd[];
  /** What waits in it; `undefined` where nothing can, or this user may not look. */
  readonly queued: number | undefined;
  /** How much fits; `undefined` where the kernel does not tell. */
  readonly capacity: number | undefined;
  /** What both are counted in. `"datagram"`: the bytes of the first datagram, all that the kernel tells of a datagram socket. */
  readonly unit: "bytes" | "messages" | "connections" | "datagram";
  /** Bytes that went through since some time, modulo 2^32; only rings count them. */
  readonly passed: number | undefined;
  /** Messages that went through since some time, modulo 2^32; only rings and latest values count them. */
  readonly sent: number | undefined;
  /** Messages dropped since the channel was made, modulo 2^32; only rings count them. */
  readonly dropped: number | undefined;
  /** When something was last sent and received, in whole seconds since 1970; only System V queues tell. */
  readonly lastUse: { readonly sentAt: number; readonly receivedAt: number } | undefined;
}

/** What a channel does not count. */
const UNCOUNTED = { passed: undefined, sent: undefined, dropped: undefined, lastUse: undefined } as const;

/** The levels of channels. System V queues are added when their last sender or receiver is one of `pids`, or always without. */
export function channelLevels(
  snapshot: Snapshot,
  channels: readonly GraphChannel[],
  pids: ReadonlySet<number> | undefined,
): ChannelLevel[] {
  using probe = new PipeProbe();
  const byObject = Map.groupBy(snapshot.descriptors, ({ object }) => object);
  return [
    ...channels.filter(({ kind }) => kind !== "sysv-queue").flatMap((channel) => {
      const level = levelOf(channel, snapshot, byObject, probe);
      return [{ ...channel, ...UNCOUNTED, ...level }, ...rings(channel, snapshot), ...latest(channel, snapshot)];
    }),
    ...sysvQueues(channels, pids),
  ];
}

type Level = Pick<ChannelLevel, "queued" | "capacity" | "unit">;

function levelOf(
  { id, kind, ends }: GraphChannel,
  snapshot: Snapshot,
  byObject: ReadonlyMap<string, readonly Descriptor[]>,
  probe: PipeProbe,
): Level {
  const descriptors = byObject.get(id) ?? [];
  const nothing = { queued: undefined, capacity: undefined, unit: "bytes" } as const;
  switch (kind) {
    case "pipe":
    case "fifo": {
      const fill = probe.look(descriptors);
      return { queued: fill?.queued, capacity: fill?.capacity, unit: "bytes" };
    }
    case "message-queue":
      return queueLevel(descriptors) ?? { ...nothing, unit: "messages" };
    case "unix-socket": {
      const numbers = new Set(ends.map(({ pid }) => pid));
      const inodes = id.slice("unix:".length);
      const socket = snapshot.unixSockets.get(Number(inodes));
      if (socket === undefined || numbers.size === 0) return nothing;
      if (socket.state === "listening") return { queued: socket.queued, capacity: socket.backlog, unit: "connections" };
      const peer = socket.peer === undefined ? undefined : snapshot.unixSockets.get(socket.peer);
      return {
        queued: socket.queued + (peer?.peer === socket.inode ? peer.queued : 0),
        capacity: undefined,
        unit: socket.type === "datagram" ? "datagram" : "bytes",
      };
    }
    default:
      return nothing;
  }
}

/** A borrowed descriptor of a queue answers like the holder's own. */
function queueLevel(descriptors: readonly Descriptor[]): Level | undefined {
  const { SYS } = platform();
  for (const { pid, number } of descriptors) {
    const process = libc().syscall_pidfd_open(SYS.pidfd_open, pid, 0);
    if (process === -1) continue;
    const queue = libc().syscall_pidfd_getfd(SYS.pidfd_getfd, process, number, 0);
    libc().close(process);
    if (queue === -1) continue;
    const attributes = new DataView(new ArrayBuffer(MQ.attr.byteLength));
    const result = libc().mq_getattr(queue, attributes);
    libc().close(queue);
    if (result === -1) continue;
    const field = (offset: number) => Number(attributes.getBigInt64(offset, true));
    return { queued: field(MQ.attr.curmsgs), capacity: field(MQ.attr.maxmsg), unit: "messages" };
  }
  return undefined;
}

/** The rings in the memory of a channel. */
function rings({ id, name, kind, ends }: GraphChannel, { mappings }: Snapshot): ChannelLevel[] {
  if (kind !== "memfd" && kind !== "shared-memory") return [];
  const mapping = mappings.find((each) => each.object === id && each.offset === 0n && each.direction === "both");
  if (mapping === undefined) return [];
  const pids = new Set(ends.map(({ pid }) => pid));
  return readRings(mapping).map(({ offset, capacity, head, tail, sent, dropped, producer, consumer }) => {
    // Whoever does not have the memory cannot be at the ring, whatever its words say.
    const sides = [[producer, "writes"], [consumer, "reads"]] as const;
    const there = sides.filter(([pid]) => pids.has(pid)).map(([pid, role]): GraphEnd => ({
      pid,
      role,
      descriptors: [],
    }));
    const queued = Math.min((tail - head) >>> 0, capacity);
    return {
      id: `${id}@${offset}`,
      kind: "ring",
      name,
      ends: there,
      queued,
      capacity,
      unit: "bytes",
      ...UNCOUNTED,
      passed: tail,
      sent,
      dropped,
    };
  });
}

/** The latest value in the memory of a channel. Only its writer has it for writing. */
function latest({ id, name, kind, ends }: GraphChannel, { mappings }: Snapshot): ChannelLevel[] {
  if (kind !== "memfd") return [];
  const mapping = mappings.find((each) => each.object === id && each.offset === 0n && each.direction !== "none");
  const sent = mapping && readLatest(mapping);
  if (sent === undefined) return [];
  return [{
    id: `${id}@latest`,
    kind: "latest",
    name,
    ends: ends.map(({ pid, role }) => ({ pid, role: role === "reads" ? "reads" : "writes", descriptors: [] })),
    queued: undefined,
    capacity: undefined,
    unit: "messages",
    ...UNCOUNTED,
    sent,
  }];
}

/** Nobody has a System V queue open: who used it last is all that the kernel tells of those that join no processes. */
function sysvQueues(channels: readonly GraphChannel[], pids: ReadonlySet<number> | undefined): ChannelLevel[] {
  const joined = new Map(channels.map((channel) => [channel.id, channel]));
  return queuesIfPossible().flatMap((queue): ChannelLevel[] => {
    const { key, messages, lastSender, lastReceiver, sentAt, receivedAt } = queue;
    const id = `sysv-queue:${queue.id}`;
    const sides = [[lastSender, "sent-last"], [lastReceiver, "received-last"]] as const;
    const ends = joined.get(id)?.ends ??
      sides.filter(([pid]) => pid > 0).map(([pid, role]): GraphEnd => ({ pid, role, descriptors: [] }));
    if (pids !== undefined && !ends.some(({ pid }) => pids.has(pid))) return [];
    return [{
      id,
      kind: "sysv-queue",
      name: key === 0 ? String(queue.id) : `${queue.id} (key 0x${(key >>> 0).toString(16).padStart(8, "0")})`,
      ends,
      queued: messages,
      capacity: undefined,
      unit: "messages",
      ...UNCOUNTED,
      lastUse: { sentAt, receivedAt },
    }];
  });
}

/** None in a kernel, or a sandbox, without System V IPC. */
function queuesIfPossible(): SysvQueueEntry[] {
  try {
    return listSysvQueues();
  } catch (error) {
    if (error instanceof PosixError) return [];
    throw error;
  }
}
