/**
 * What a trace is made of. One schema for files, `--json` and programs: everything in it is plain JSON.
 *
 * Times are nanoseconds of CLOCK_MONOTONIC, which all processes of a machine share, as numbers (exact for 104 days after boot).
 *
 * @module
 */

/** One thing that a process did or met, by its own account or by that of `strace(1)`. */
export interface TraceEvent {
  /** What happened: `"write"`, `"signal.receive"`, `"wait"` … */
  readonly kind: string;
  /** The process. */
  readonly pid: number;
  /** Its thread. */
  readonly tid: number;
  /** When it was over, or was noticed. */
  readonly atNs: number;
  /** When the call began, where that was told: others see what it does from then on. */
  readonly startedNs?: number;
  /** Who says so: the process itself, or `strace(1)`. */
  readonly source: "probe" | "strace";
  /** The facts, by name: `object`, `bytes`, `signal` … */
  readonly facts: Readonly<Record<string, unknown>>;
}

/** A process of a trace. */
export interface TraceProcess {
  /** Its pid. */
  readonly pid: number;
  /** What it is called in drawings: its role, where it told one, else its program. */
  readonly name: string;
  /** Its command line, as far as it is known. */
  readonly words: readonly string[];
  /** Who started it, if that is known. */
  readonly parent?: number;
  /** Its Workers, in the order in which they came; left out when none told of itself. */
  readonly workers?: readonly TraceWorker[];
  /** Whether it told of itself. Of others only their start and end are known, and their system calls with `strace(1)`. */
  readonly traced: boolean;
}

/** A Worker of a process: an isolate with a thread of its own. */
export interface TraceWorker {
  /** Its thread. */
  readonly tid: number;
  /** What it is called in drawings: its name, or its module. */
  readonly name: string;
}

/** How messages travel. */
export type Mechanism =
  | "pipe"
  | "socket"
  | "queue"
  | "signal"
  | "memory"
  | "lock"
  | "event"
  | "semaphore"
  | "condition"
  | "barrier"
  | "channel";

/** One message from one process to another (or to itself), put together from what the two told. */
export interface TraceMessage {
  /** From 1, in the order of sending. */
  readonly id: number;
  /** How it travelled. */
  readonly mechanism: Mechanism;
  /** What it travelled through: `"pipe:[8123]"`, `"/jobs"`, `"SIGUSR1"`. */
  readonly object: string;
  /** The event that sent it, as an index of `events`. */
  readonly sent: number;
  /** The event that received it. */
  readonly received: number;
  /** How many bytes it has, where that means anything. */
  readonly bytes?: number;
  /** How often its bytes were copied between the two: into the kernel and out of it, or not at all. */
  readonly copies: 0 | 2;
  /** Nanoseconds from the beginning of the sending call to the moment at which the recipient had it. */
  readonly latencyNs: number;
}

/** What was recorded of a piece of work, of all processes that took part. */
export interface Trace {
  /** What it is a trace of. */
  readonly title: string;
  /** Who took part, in the order in which they came. */
  readonly processes: readonly TraceProcess[];
  /** What they did, in the order of time: of `startedNs` where it is known, else of `atNs`. */
  readonly events: readonly TraceEvent[];
  /** The messages that were seen at both ends. */
  readonly messages: readonly TraceMessage[];
  /** What a reader should know: what is missing, how exact the times are. */
  readonly notes: readonly string[];
}

/** The moment at which an event has its place in the order of things. */
export function momentOf({ startedNs, atNs }: TraceEvent): number {
  return startedNs ?? atNs;
}

/** Who did it: a thread of a process. */
export function threadOf({ pid, tid }: Pick<TraceEvent, "pid" | "tid">): string {
  return `${pid} ${tid}`;
}

/** What the locks and their like tell is about: a place in memory, or a file; `undefined` for what is about neither. */
export function placeOf(event: TraceEvent): string | undefined {
  const memory = textFact(event, "memory");
  if (memory !== undefined) return `${memory}+${numberFact(event, "offset") ?? 0}`;
  return event.kind === "lock" || event.kind === "unlock" ? textFact(event, "name") : undefined;
}

/** A fact that is text. */
export function textFact({ facts }: TraceEvent, name: string): string | undefined {
  const fact = facts[name];
  return typeof fact === "string" ? fact : undefined;
}

/** A fact that is a number. */
export function numberFact({ facts }: TraceEvent, name: string): number | undefined {
  const fact = facts[name];
  return typeof fact === "number" ? fact : undefined;
}
