/**
 * What `strace(1)` says, as events of a trace.
 *
 * @module
 */

import { realtimeOffset } from "../sys/clock.ts";
import type { TraceEvent } from "./event.ts";

/** strace stamps with CLOCK_REALTIME: how far it is from CLOCK_MONOTONIC, taken before and after, because somebody may set it meanwhile. */
export class StraceClock {
  readonly #before = realtimeOffset();

  /** What to take off strace's times, and by how much that may be wrong. */
  offset(): { nanoseconds: bigint; errorNs: number } {
    const after = realtimeOffset();
    const drift = Math.abs(Number(after.nanoseconds - this.#before.nanoseconds));
    const errorNs = Math.ceil(Math.max(after.errorNs, this.#before.errorNs) + drift / 2);
    return { nanoseconds: (after.nanoseconds + this.#before.nanoseconds) / 2n, errorNs };
  }
}

/** A call that has begun, as far as it was printed. */
interface Begun {
  readonly text: string;
  readonly startedNs: number;
}

/** `1234 1700000000.123456789 rest`. */
const LINE = /^(\d+) +(\d+)\.(\d{9}) (.*)$/;
const UNFINISHED = /^(.*?) *<unfinished \.\.\.>$/;
const RESUMED = /^<\.\.\. \w+ resumed>(.*)$/;
const CALL = /^(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+|\?)(?:<[^>]*>)?(?: ([A-Z_0-9]+))?.*?(?: <(\d+\.\d+)>)?$/;
const DELIVERED = /^--- (SIG\w+) .*---$/;
const ENDED = /^\+\+\+ (.*) \+\+\+$/;

/**
 * Reads the output of `strace -f -y` with times of nanoseconds.
 *
 * @param offset Nanoseconds from CLOCK_MONOTONIC to CLOCK_REALTIME.
 */
export function parseStrace(text: string, offset: bigint): TraceEvent[] {
  const reader = new StraceReader(offset);
  for (const line of text.split("\n")) reader.read(line);
  return reader.events;
}

class StraceReader {
  readonly events: TraceEvent[] = [];
  readonly #offset: bigint;
  readonly #begun = new Map<number, Begun>();
  /** Threads, by number, of the process that has them. */
  readonly #processes = new Map<number, number>();

  constructor(offset: bigint) {
    this.#offset = offset;
  }

  read(line: string): void {
    const [, thread = "", seconds = "", fraction = "", rest = ""] = LINE.exec(line) ?? [];
    if (thread === "") return;
    const tid = Number(thread);
    const ns = Number(BigInt(seconds) * 1_000_000_000n + BigInt(fraction) - this.#offset);
    const unfinished = UNFINISHED.exec(rest)?.[1];
    if (unfinished !== undefined) return void this.#begun.set(tid, { text: unfinished, startedNs: ns });
    const resumed = RESUMED.exec(rest)?.[1];
    const begun = resumed === undefined ? undefined : this.#begun.get(tid);
    if (resumed === undefined) this.#whole(tid, rest, ns);
    else if (begun !== undefined) this.#whole(tid, begun.text + resumed, begun.startedNs);
  }

  #whole(tid: number, text: string, startedNs: number): void {
    const signal = DELIVERED.exec(text)?.[1];
    if (signal !== undefined) return this.#add("syscall.signal", tid, startedNs, startedNs, { signal });
    const ended = ENDED.exec(text)?.[1];
    if (ended !== undefined) return this.#add("syscall.end", tid, startedNs, startedNs, { how: ended });
    const [, call = "", args = "", result = "", error, took] = CALL.exec(text) ?? [];
    if (call === "") return;
    const value = Number(result);
    this.#learn(tid, call, args, value);
    this.#add("syscall", tid, startedNs, startedNs + Math.round(Number(took ?? 0) * 1e9), {
      call,
      args,
      result: error ?? result,
      ...(Number.isNaN(value) ? {} : { value }),
      ...objectIn(args),
    });
  }

  /** Who is whose thread. */
  #learn(tid: number, call: string, args: string, child: number): void {
    if (!/^(clone3?|v?fork)$/.test(call) || !(child > 0)) return;
    this.#processes.set(child, args.includes("CLONE_THREAD") ? this.#processOf(tid) : child);
  }

  #processOf(tid: number): number {
    return this.#processes.get(tid) ?? tid;
  }

  #add(kind: string, tid: number, startedNs: number, atNs: number, facts: Record<string, unknown>): void {
    this.events.push({ kind, pid: this.#processOf(tid), tid, startedNs, atNs, source: "strace", facts });
  }
}

/** What the first argument is a descriptor of: `3<pipe:[8123]>`. */
function objectIn(args: string): { object?: string } {
  const object = /^\d+<(.*?)>(?:,|$)/.exec(args)?.[1];
  return object === undefined ? {} : { object };
}
