/**
 * The signals of Linux: their names, numbers, default actions and meanings. A plain table: it needs no FFI and no permission.
 *
 * @module
 */

/** The 31 standard signals. Several of one kind that are pending at once become one. */
export type StandardSignal =
  | "SIGHUP"
  | "SIGINT"
  | "SIGQUIT"
  | "SIGILL"
  | "SIGTRAP"
  | "SIGABRT"
  | "SIGBUS"
  | "SIGFPE"
  | "SIGKILL"
  | "SIGUSR1"
  | "SIGSEGV"
  | "SIGUSR2"
  | "SIGPIPE"
  | "SIGALRM"
  | "SIGTERM"
  | "SIGSTKFLT"
  | "SIGCHLD"
  | "SIGCONT"
  | "SIGSTOP"
  | "SIGTSTP"
  | "SIGTTIN"
  | "SIGTTOU"
  | "SIGURG"
  | "SIGXCPU"
  | "SIGXFSZ"
  | "SIGVTALRM"
  | "SIGPROF"
  | "SIGWINCH"
  | "SIGIO"
  | "SIGPWR"
  | "SIGSYS";

/** The 31 real-time signals, for example `"SIGRTMIN+1"`: queued, delivered in order, each with a value. Made by {@linkcode realtime}. */
export type RealtimeSignal =
  | "SIGRTMIN"
  | `SIGRTMIN+${1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 | 10 | 11 | 12 | 13 | 14 | 15}`
  | `SIGRTMIN+${16 | 17 | 18 | 19 | 20 | 21 | 22 | 23 | 24 | 25 | 26 | 27 | 28 | 29 | 30}`;

/** A signal, by name. */
export type Signal = StandardSignal | RealtimeSignal;

/** The name of a signal: the same as {@linkcode Signal}, where a name is what is meant. */
export type SignalName = Signal;

/** What happens to a process that has made no arrangement for a signal. */
export type SignalAction = "terminate" | "core" | "ignore" | "stop" | "continue";

/** A row of {@linkcode SIGNALS}. */
export interface SignalInfo {
  /** For example `"SIGTERM"`. */
  readonly name: Signal;
  /** For example `15`: the same on x86-64 and aarch64. */
  readonly number: number;
  /** What happens to a process that has made no arrangement: `"core"` ends it as well, and dumps its memory. */
  readonly action: SignalAction;
  /** What it is sent for. */
  readonly meaning: string;
  /** Whether a program may handle, ignore or block it: all but SIGKILL and SIGSTOP. */
  readonly catchable: boolean;
  /** Whether several pending ones become one (`"standard"`) or queue up (`"realtime"`). */
  readonly kind: "standard" | "realtime";
}

/** glibc keeps the kernel's first two real-time signals, 32 and 33, for its threads. */
const REALTIME_FIRST = 34;
const REALTIME_LAST = 64;

const STANDARD: readonly (readonly [StandardSignal, SignalAction, string])[] = [
  ["SIGHUP", "terminate", "Terminal hung up, or its leader died; by custom: read the configuration again"],
  ["SIGINT", "terminate", "Interrupt from the keyboard (Ctrl-C)"],
  ["SIGQUIT", "core", "Quit from the keyboard (Ctrl-\\)"],
  ["SIGILL", "core", "Illegal instruction"],
  ["SIGTRAP", "core", "Trace or breakpoint trap"],
  ["SIGABRT", "core", "abort(3)"],
  ["SIGBUS", "core", "Memory access that the hardware or the mapped file cannot serve"],
  ["SIGFPE", "core", "Arithmetic fault, such as an integer division by zero"],
  ["SIGKILL", "terminate", "Kill: cannot be handled"],
  ["SIGUSR1", "terminate", "For programs to give a meaning to"],
  ["SIGSEGV", "core", "Memory access outside what is mapped"],
  ["SIGUSR2", "terminate", "For programs to give a meaning to"],
  ["SIGPIPE", "terminate", "Write to a pipe or socket that nobody can read"],
  ["SIGALRM", "terminate", "Timer of alarm(2)"],
  ["SIGTERM", "terminate", "Request to end"],
  ["SIGSTKFLT", "terminate", "Stack fault of a coprocessor: unused"],
  ["SIGCHLD", "ignore", "A child ended, stopped or continued"],
  ["SIGCONT", "continue", "Continue after a stop"],
  ["SIGSTOP", "stop", "Stop: cannot be handled"],
  ["SIGTSTP", "stop", "Stop from the keyboard (Ctrl-Z)"],
  ["SIGTTIN", "stop", "A background process read from its terminal"],
  ["SIGTTOU", "stop", "A background process wrote to its terminal"],
  ["SIGURG", "ignore", "Urgent data on a socket"],
  ["SIGXCPU", "core", "Limit of CPU time exceeded"],
  ["SIGXFSZ", "core", "Limit of file size exceeded"],
  ["SIGVTALRM", "terminate", "Timer of this process's own CPU time"],
  ["SIGPROF", "terminate", "Profiling timer"],
  ["SIGWINCH", "ignore", "The terminal's window changed its size"],
  ["SIGIO", "terminate", "A descriptor became ready (also called SIGPOLL)"],
  ["SIGPWR", "terminate", "Power is failing"],
  ["SIGSYS", "core", "System call that does not exist or is forbidden"],
];

/**
 * `SIGNALS`: every signal of Linux that a program may use, by number: 1..31 and 34..64.
 *
 * @example List the signals that nothing can handle
 * ```ts
 * import { SIGNALS } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(SIGNALS.filter((s) => !s.catchable).map((s) => s.name), ["SIGKILL", "SIGSTOP"]);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/signal.7.html signal(7)}
 */
export const SIGNALS: readonly SignalInfo[] = Object.freeze([
  ...STANDARD.map(([name, action, meaning], index) =>
    row(name, index + 1, action, meaning, name !== "SIGKILL" && name !== "SIGSTOP", "standard")
  ),
  ...Array.from(
    { length: REALTIME_LAST - REALTIME_FIRST + 1 },
    (_, n) =>
      row(realtimeName(n), REALTIME_FIRST + n, "terminate", "For programs to give a meaning to", true, "realtime"),
  ),
]);

const BY_NUMBER: ReadonlyMap<number, SignalInfo> = new Map(SIGNALS.map((info) => [info.number, info]));
const BY_NAME: ReadonlyMap<string, SignalInfo> = new Map(SIGNALS.map((info) => [info.name, info]));

/** What older systems and `kill -l` call some signals. */
const OLD_NAMES: ReadonlyMap<string, string> = new Map([["IOT", "ABRT"], ["CLD", "CHLD"], ["POLL", "IO"]]);

/**
 * `realtime(n)`: the name of the real-time signal SIGRTMIN+n.
 *
 * @param n 0..30; lower ones are delivered first.
 * @returns The signal, for `kill`, `queueSignal` and `signals`.
 * @throws {RangeError} When `n` is not an integer of 0..30.
 *
 * @example Name a real-time signal
 * ```ts
 * import { realtime, signalNumber } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(realtime(1), "SIGRTMIN+1");
 * assertEquals(signalNumber(realtime(30)), 64);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/signal.7.html signal(7)}
 */
export function realtime(n: number): RealtimeSignal {
  if (!Number.isInteger(n) || n < 0 || n > REALTIME_LAST - REALTIME_FIRST) {
    throw new RangeError(`Real-time signals are 0..${REALTIME_LAST - REALTIME_FIRST}, got ${Deno.inspect(n)}`);
  }
  return realtimeName(n);
}

/**
 * `signalName(number)`: the name of a signal's number.
 *
 * @param number 1..31 or 34..64.
 * @returns For example `"SIGTERM"` or `"SIGRTMIN+1"`.
 * @throws {RangeError} When no program may use the number: glibc keeps 32 and 33 for itself.
 *
 * @example Name a number
 * ```ts
 * import { signalName } from "@causeway/causeway";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(signalName(15), "SIGTERM");
 * assertThrows(() => signalName(32), RangeError);
 * ```
 */
export function signalName(number: number): Signal {
  return byNumber(number).name;
}

/**
 * `signalNumber(signal)`: the number of a signal. A number is checked and comes back.
 *
 * @param signal For example `"SIGTERM"`, `realtime(1)` or `15`.
 * @returns 1..31 or 34..64.
 * @throws {TypeError} When there is no signal of that name.
 * @throws {RangeError} When there is none of that number.
 *
 * @example Number a name
 * ```ts
 * import { signalNumber } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(signalNumber("SIGTERM"), 15);
 * ```
 */
export function signalNumber(signal: Signal | number): number {
  if (typeof signal === "number") return byNumber(signal).number;
  const info = BY_NAME.get(signal);
  if (info !== undefined) return info.number;
  throw new TypeError(
    `Unknown signal ${typeof signal === "string" ? JSON.stringify(signal) + meant(signal) : String(signal)}`,
  );
}

/**
 * `parseSignal(text)`: the signal that a person means by a word, as `kill(1)` and `trap` understand it: `TERM`, `SIGTERM`, `term`, `15`, `RTMIN+3`,
 * `RTMAX-1`, `SIGRTMAX`, and the old names `IOT`, `CLD`, `POLL`. For what comes from a command line or a configuration.
 *
 * @param text One word.
 * @returns The signal; `undefined` when the word means none.
 *
 * @example Let the user choose the signal
 * ```ts
 * import { parseSignal } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(["term", "9", "RTMIN+3", "SIGRTMAX-1", "TREM"].map(parseSignal), [
 *   "SIGTERM",
 *   "SIGKILL",
 *   "SIGRTMIN+3",
 *   "SIGRTMIN+29",
 *   undefined,
 * ]);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man1/kill.1.html kill(1)}
 */
export function parseSignal(text: string): Signal | undefined {
  if (/^\d+$/.test(text)) return BY_NUMBER.get(Number(text))?.name;
  const word = text.toUpperCase().replace(/^SIG/, "");
  const [, anchor, distance = "0"] = /^(RTMIN|RTMAX)(?:[+-](\d+))?$/.exec(word) ?? [];
  if (anchor === undefined) return BY_NAME.get(`SIG${OLD_NAMES.get(word) ?? word}`)?.name;
  const isFromBelow = anchor === "RTMIN";
  if (word.includes(isFromBelow ? "-" : "+")) return undefined;
  const number = isFromBelow ? REALTIME_FIRST + Number(distance) : REALTIME_LAST - Number(distance);
  return number >= REALTIME_FIRST ? BY_NUMBER.get(number)?.name : undefined;
}

/** The row of a signal. */
export function signalInfo(signal: Signal | number): SignalInfo {
  return byNumber(signalNumber(signal));
}

function byNumber(number: number): SignalInfo {
  const info = BY_NUMBER.get(number);
  if (info === undefined) {
    throw new RangeError(`Signals are 1..31 and ${REALTIME_FIRST}..${REALTIME_LAST}, got ${Deno.inspect(number)}`);
  }
  return info;
}

function meant(text: string): string {
  const guess = parseSignal(text);
  return guess === undefined ? "" : `: did you mean ${JSON.stringify(guess)}`;
}

function realtimeName(n: number): RealtimeSignal {
  return (n === 0 ? "SIGRTMIN" : `SIGRTMIN+${n}`) as RealtimeSignal;
}

function row(
  name: Signal,
  number: number,
  action: SignalAction,
  meaning: string,
  catchable: boolean,
  kind: SignalInfo["kind"],
): SignalInfo {
  return Object.freeze({ name, number, action, meaning, catchable, kind });
}
