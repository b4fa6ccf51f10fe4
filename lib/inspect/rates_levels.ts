/**
 * How full channels are, and what they count.
 *
 * @module
 */

import { listSysvQueues } from "../queue/sysv_list.ts";
import { libc } from "../sys/libc.ts";
import { MQ } from "../sys/linux.ts";
import { platform } from "../sys/platform.ts";
import type { Descriptor } from "./descriptors.ts";
import type { ChannelKind, GraphChannel, GraphEnd } from "./graph_model.ts";
import { PipeProbe } from "./pipe_fill.ts";
import { readRings } from "./rates_rings.ts";
import type { Snapshot } from "./snapshot.ts";

/** What `top` knows besides the channels of a graph. A ring is one direction of a `shm:` channel of this library. */
export type FlowKind = ChannelKind | "ring" | "sysv-queue";

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
  /** What both are counted in. */
  readonly unit: "bytes" | "messages" | "connections";
  /** Bytes that went through since some time, modulo 2^32; only rings count them. */
  readonly passed: number | undefined;
  /** Messages dropped since the channel was made, modulo 2^32; only rings count them. */
  readonly dropped: number | undefined;
}

/** The levels of channels. System V queues are added when their last sender or receiver is one of `pids`, or always without. */
export function channelLevels(
  snapshot: Snapshot,
  channels: readonly GraphChannel[],
  pids: ReadonlySet<number> | undefined,
): ChannelLevel[] {
  using probe = new PipeProbe();
  const byObject = Map.groupBy(snapshot.descriptors, ({ object }) => object);
  return [
    ...channels.flatMap((channel) => {
      const level = levelOf(channel, snapshot, byObject, probe);
      return [{ ...channel, passed: undefined, dropped: undefined, ...level }, ...rings(channel, snapshot)];
    }),
    ...sysvQueues(pids),
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
        unit: "bytes",
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
  return readRings(mapping).map(({ offset, capacity, head, tail, dropped, producer, consumer }) => {
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
      passed: tail,
      dropped,
    };
  });
}

/** Nobody has a System V queue open: who used it last is all that the kernel tells. */
function sysvQueues(pids: ReadonlySet<number> | undefined): ChannelLevel[] {
  return listSysvQueues().flatMap(({ id, key, messages, lastSender, lastReceiver }): ChannelLevel[] => {
    const sides = [[lastSender, "writes"], [lastReceiver, "reads"]] as const;
    const ends = sides.filter(([pid]) => pid > 0).map(([pid, role]): GraphEnd => ({ pid, role, descriptors: [] }));
    if (pids !== undefined && !ends.some(({ pid }) => pids.has(pid))) return [];
    const name = key === 0 ? String(id) : `${id} (key 0x${(key >>> 0).toString(16).padStart(8, "0")})`;
    return [{
      id: `sysv-queue:${id}`,
      kind: "sysv-queue",
      name,
      ends,
      queued: messages,
      capacity: undefined,
      unit: "messages",
      passed: undefined,
      dropped: undefined,
    }];
  });
}
