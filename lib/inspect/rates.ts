/**
 * How much goes through: the difference of two looks.
 *
 * @module
 */

import { type Deadlock, findDeadlocks } from "./deadlock.ts";
import { readWaits, type Wait } from "./deadlock_waits.ts";
import { processGraph } from "./graph.ts";
import type { GraphProcess } from "./graph_model.ts";
import { channelRate } from "./rates_channels.ts";
import { type ChannelLevel, channelLevels } from "./rates_levels.ts";
import { type ProcessCounters, processCounters } from "./rates_processes.ts";
import { readSnapshot } from "./snapshot.ts";

/** All that was counted at a moment. */
export interface Sample {
  /** When, in milliseconds of this process's monotonic clock. */
  readonly atMs: number;
  /** Processes that communicate, and those that were asked for. */
  readonly processes: readonly GraphProcess[];
  /** What the kernel counts for them. */
  readonly counters: ReadonlyMap<number, ProcessCounters>;
  /** Their channels. */
  readonly channels: readonly ChannelLevel[];
  /** What their threads wait for. */
  readonly waits: readonly Wait[];
  /** Circles of waits, of all processes. */
  readonly deadlocks: readonly Deadlock[];
  /** What could not be seen. */
  readonly hidden: readonly string[];
}

/** What {@linkcode readSample} looks at. */
export interface SampleOptions {
  /**
   * Processes, with all that they have started.
   * @default {[]} all that communicate
   */
  readonly pids?: readonly number[] | undefined;
  /**
   * Processes to leave out.
   * @default {[]}
   */
  readonly exclude?: readonly number[] | undefined;
  /**
   * Whether channels that one process alone has, or that lead nowhere, are looked at too.
   * @default {false}
   */
  readonly alone?: boolean | undefined;
}

/** How busy a process was. */
export interface ProcessRate {
  /** The process. */
  readonly process: GraphProcess;
  /** Of one processor, in percent. */
  readonly cpuPercent: number;
  /** What it moved by `read(2)` and `write(2)`; `undefined` when this user may not look. */
  readonly io: IoRate | undefined;
  /** What it waits for now, thread by thread. */
  readonly waits: readonly Wait[];
}

/** What a process moved, per second. `recv`, `send`, `splice` and shared memory are not counted by the kernel. */
export interface IoRate {
  /** Bytes. */
  readonly readBytes: number;
  /** Bytes. */
  readonly writtenBytes: number;
  /** Calls: for whoever writes a message at a time, messages. */
  readonly readCalls: number;
  /** Calls. */
  readonly writeCalls: number;
}

/** A rate, and how it is known. */
export interface Rate {
  /** Per second. */
  readonly perSecond: number;
  /**
   * `"exact"`: the channel counts. `"at most"`: its processes moved no more than that, through all that they have open together. `"at least"`: what waits in it
   * has changed by so much; what came and went between the two looks was seen by nobody.
   */
  readonly certainty: "exact" | "at most" | "at least";
}

/** How busy a channel was. */
export interface ChannelRate {
  /** The channel as it is now. */
  readonly channel: ChannelLevel;
  /** Bytes; `undefined` when nothing tells. */
  readonly bytes: Rate | undefined;
  /** Messages; of pipes and FIFOs, taken for one per call. `undefined` when nothing tells. */
  readonly messages: Rate | undefined;
  /** Messages dropped, per second; `undefined` where the channel does not count them. */
  readonly drops: number | undefined;
}

/** How busy everything was between two looks. */
export interface Rates {
  /** How long it was. */
  readonly intervalMs: number;
  /** By pid. */
  readonly processes: readonly ProcessRate[];
  /** In the order of the later look. */
  readonly channels: readonly ChannelRate[];
  /** Circles of waits that both looks have seen. */
  readonly deadlocks: readonly Deadlock[];
  /** What could not be seen. */
  readonly hidden: readonly string[];
}

/**
 * `readSample()`: looks once at processes and channels, for {@linkcode ratesBetween}.
 *
 * Nothing is opened that could be noticed: levels of pipes and queues are read through borrowed descriptors (`pidfd_getfd(2)`), which never make a
 * new reader or writer.
 *
 * @throws {PosixError} ESRCH for a pid that is not there; ENOENT where /proc is not mounted.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for /proc.
 *
 * @example How busy this process is
 * ```ts
 * import { assert } from "@std/assert";
 * import { ratesBetween, readSample } from "@causeway/causeway/inspect";
 *
 * const before = readSample({ pids: [Deno.pid] });
 * const after = readSample({ pids: [Deno.pid] });
 * const own = ratesBetween(before, after).processes.find(({ process }) => process.pid === Deno.pid);
 * assert(own !== undefined && own.cpuPercent >= 0);
 * ```
 *
 * @tags allow-ffi
 */
export function readSample(options: SampleOptions = {}): Sample {
  const { pids = [], exclude = [], alone = false } = options;
  const snapshot = readSnapshot();
  const graph = processGraph(pids, { alone, exclude, snapshot });
  const asked = new Set(graph.processes.filter(({ outside }) => !outside).map(({ pid }) => pid));
  const channels = channelLevels(snapshot, graph.channels, pids.length === 0 ? undefined : asked);
  const atMs = performance.now();
  const counters = new Map<number, ProcessCounters>();
  for (const { pid } of graph.processes) {
    const found = processCounters(pid);
    if (found !== undefined) counters.set(pid, found);
  }
  const found = readWaits(snapshot);
  const waits = found.waits.filter(({ pid }) => counters.has(pid));
  const deadlocks = findDeadlocks(snapshot, found);
  const unseen = found.hidden.length;
  const calls = `what ${unseen} ${
    unseen === 1 ? "process waits" : "processes wait"
  } for: the kernel does not let this user look`;
  const hidden = unseen === 0 ? graph.hidden : [...graph.hidden, calls];
  return { atMs, processes: graph.processes, counters, channels, waits, deadlocks, hidden };
}

/**
 * `ratesBetween(before, after)`: how busy each process and channel was between two looks. What began in between is counted from then on; what has ended
 * is left out. A deadlock is one that both looks have seen.
 *
 * How many bytes went through a pipe, the kernel tells nobody. What it tells is how many each process has read and written in all: so the rate of a pipe
 * is given as at most what its writers have written and its readers have read. Of a program in a pipeline that is the rate itself.
 *
 * Rings and latest values of this library count their messages. Of Unix sockets and message queues the kernel tells only how much waits in them: so the rate is
 * at least what that changed by, and `undefined` when it did not change.
 */
export function ratesBetween(before: Sample, after: Sample): Rates {
  const seconds = Math.max(after.atMs - before.atMs, 1) / 1000;
  const processes = after.processes.flatMap((process): ProcessRate[] => {
    const now = after.counters.get(process.pid);
    if (now === undefined) return [];
    const then = before.counters.get(process.pid);
    const same = then?.startTime === now.startTime ? then : undefined;
    const waits = after.waits.filter(({ pid }) => pid === process.pid);
    return [{
      process,
      cpuPercent: same === undefined ? 0 : cpuPercent(same, now, seconds),
      io: ioRate(same, now, seconds),
      waits,
    }];
  });
  const ioOf = new Map(processes.map(({ process, io }) => [process.pid, io]));
  const channelsBefore = new Map(before.channels.map((channel) => [channel.id, channel]));
  const known = new Set(before.deadlocks.map(nameOf));
  return {
    intervalMs: after.atMs - before.atMs,
    processes,
    channels: after.channels.map((channel) => channelRate(channel, channelsBefore.get(channel.id), ioOf, seconds)),
    deadlocks: after.deadlocks.filter((deadlock) => known.has(nameOf(deadlock))),
    hidden: after.hidden,
  };
}

function cpuPercent(then: ProcessCounters, now: ProcessCounters, seconds: number): number {
  return Math.max(0, now.cpuSeconds - then.cpuSeconds) / seconds * 100;
}

function ioRate(then: ProcessCounters | undefined, now: ProcessCounters, seconds: number): IoRate | undefined {
  const [from, to] = [then?.io, now.io];
  if (from === undefined || to === undefined) return undefined;
  const rate = (key: keyof IoRate) => Math.max(0, to[key] - from[key]) / seconds;
  return {
    readBytes: rate("readBytes"),
    writtenBytes: rate("writtenBytes"),
    readCalls: rate("readCalls"),
    writeCalls: rate("writeCalls"),
  };
}

/** The same circle has the same name in the next look. */
function nameOf({ circle }: Deadlock): string {
  return circle.map(({ tid, object }) => `${tid} ${object}`).join(", ");
}
