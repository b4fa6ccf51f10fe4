/**
 * What a received signal says about itself: `siginfo_t`, with a type for each cause.
 *
 * @module
 */

import { SIG } from "../sys/linux.ts";
import { type Signal, signalInfo, signalName } from "./names.ts";

/** What every received signal has. */
export interface SignalFacts<S extends Signal = Signal> {
  /** The signal, for example `"SIGTERM"` or `"SIGRTMIN+1"`. */
  readonly signal: S;
  /** Its number. */
  readonly number: number;
}

/** Who sent it. */
export interface SignalSender {
  /** The sender's pid, as this process's pid namespace knows it; `0` for one from outside. */
  readonly pid: number;
  /** The sender's real user id. */
  readonly uid: number;
}

/** `kill(2)` sent it. The kernel vouches for `pid` and `uid`. */
export interface UserSignal<S extends Signal = Signal> extends SignalFacts<S>, SignalSender {
  /** `kill(2)`. */
  readonly cause: "user";
}

/** `tkill(2)` or `tgkill(2)` (`pthread_kill`, `raise`) sent it. The kernel vouches for `pid` and `uid`. */
export interface ThreadSignal<S extends Signal = Signal> extends SignalFacts<S>, SignalSender {
  /** `tgkill(2)`. */
  readonly cause: "thread";
}

/** `sigqueue(3)` sent it. `pid` and `uid` are what the sender wrote: its libc tells the truth, a forger need not. */
export interface QueuedSignal<S extends Signal = Signal> extends SignalFacts<S>, SignalSender {
  /** `sigqueue(3)`. */
  readonly cause: "queue";
  /** The signed 32-bit value that came along. */
  readonly value: number;
}

/** A POSIX timer of this process expired. */
export interface TimerSignal<S extends Signal = Signal> extends SignalFacts<S> {
  /** `timer_create(2)`. */
  readonly cause: "timer";
  /** The kernel's number of the timer. */
  readonly timerId: number;
  /** How many more times the timer has expired meanwhile. */
  readonly overrun: number;
  /** The value that the timer was made with. */
  readonly value: number;
}

/** A POSIX message queue stopped being empty (`mq_notify(3)`). */
export interface MessageQueueSignal<S extends Signal = Signal> extends SignalFacts<S>, SignalSender {
  /** `mq_notify(3)`. */
  readonly cause: "message-queue";
  /** The value that the notification was asked for with. */
  readonly value: number;
}

/** An asynchronous read or write of `aio(7)` is complete. */
export interface AsyncIoSignal<S extends Signal = Signal> extends SignalFacts<S>, SignalSender {
  /** `aio(7)`. */
  readonly cause: "async-io";
  /** The value that the operation was started with. */
  readonly value: number;
}

/** What became of a child. */
export type ChildChange = "exited" | "killed" | "dumped" | "trapped" | "stopped" | "continued";

/** A child ended, stopped or continued (SIGCHLD). Several such signals become one. */
export interface ChildSignal<S extends Signal = Signal> extends SignalFacts<S> {
  /** A child of this process. */
  readonly cause: "child";
  /** The child. */
  readonly pid: number;
  /** The child's real user id. */
  readonly uid: number;
  /** What became of it. */
  readonly change: ChildChange;
  /** The exit code when it exited; otherwise the number of the signal that did it. */
  readonly status: number;
}

/** A descriptor became ready (`fcntl(F_SETSIG)`). */
export interface DescriptorSignal<S extends Signal = Signal> extends SignalFacts<S> {
  /** `fcntl(F_SETSIG)`. */
  readonly cause: "descriptor";
  /** The descriptor's number. */
  readonly fd: number;
  /** What it is ready for: the events of `poll(2)`. */
  readonly band: number;
}

/** The kernel itself sent it: Ctrl-C, a timer of `setitimer(2)`, a fault, a limit. */
export interface KernelSignal<S extends Signal = Signal> extends SignalFacts<S> {
  /** The kernel. */
  readonly cause: "kernel";
  /** The kernel's code (`si_code`). */
  readonly code: number;
}

/**
 * Nothing is known but that it came. So is every signal received without `--allow-ffi`: Deno tells no more, and several that come quickly
 * become one.
 */
export interface UnknownSignal<S extends Signal = Signal> extends SignalFacts<S> {
  /** Not known. */
  readonly cause: "unknown";
}

/** A received signal. Its `cause` tells which further facts it has. */
export type SignalEvent<S extends Signal = Signal> =
  | UserSignal<S>
  | ThreadSignal<S>
  | QueuedSignal<S>
  | TimerSignal<S>
  | MessageQueueSignal<S>
  | AsyncIoSignal<S>
  | ChildSignal<S>
  | DescriptorSignal<S>
  | KernelSignal<S>
  | UnknownSignal<S>;

const CHILD_CHANGES: readonly ChildChange[] = ["exited", "killed", "dumped", "trapped", "stopped", "continued"];

const at = SIG.siginfo;

/** Reads a `siginfo_t`. */
export function parseSiginfo(info: DataView): SignalEvent {
  const number = info.getInt32(at.signo, true);
  const code = info.getInt32(at.code, true);
  const facts = { signal: signalName(number), number };
  // The places of the fields that the causes share; what they hold depends on the cause.
  const first = info.getInt32(at.pid, true);
  const second = info.getInt32(at.uid, true);
  const value = info.getInt32(at.value, true);
  const sender = { pid: first, uid: second >>> 0 };
  switch (code) {
    case SIG.SI_USER:
      return { ...facts, cause: "user", ...sender };
    case SIG.SI_TKILL:
      return { ...facts, cause: "thread", ...sender };
    case SIG.SI_QUEUE:
      return { ...facts, cause: "queue", ...sender, value };
    case SIG.SI_MESGQ:
      return { ...facts, cause: "message-queue", ...sender, value };
    case SIG.SI_ASYNCIO:
      return { ...facts, cause: "async-io", ...sender, value };
    case SIG.SI_TIMER:
      return { ...facts, cause: "timer", timerId: first, overrun: second, value };
  }
  if (code < 0) return { ...facts, cause: "unknown" };
  const change = facts.signal === "SIGCHLD" ? CHILD_CHANGES[code - 1] : undefined;
  if (change !== undefined) return { ...facts, cause: "child", ...sender, change, status: value };
  // POLL_IN..POLL_HUP
  const isReadiness = code <= 6 && (facts.signal === "SIGIO" || signalInfo(number).kind === "realtime");
  return isReadiness ? { ...facts, cause: "descriptor", fd: value, band: first } : { ...facts, cause: "kernel", code };
}
