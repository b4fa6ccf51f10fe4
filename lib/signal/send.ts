/**
 * Sending signals.
 *
 * @module
 */

import process from "node:process";
import { check, fromDenoError } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { requireRun } from "../sys/permission.ts";
import { publish, startedNs } from "../sys/probe.ts";
import { type Signal, signalInfo } from "./names.ts";

/**
 * Whom {@linkcode kill} can reach. A number is the pid of one process, at least 2. What is dangerous is asked for by name:
 * `"own-group"` is every process of this process's group, itself included; `"everyone"` is every process that this one may signal,
 * except itself and init; `"init"` is process 1.
 */
export type SignalTarget = number | "own-group" | "everyone" | "init";

const NAMED_TARGETS: ReadonlyMap<string, number> = new Map([["own-group", 0], ["everyone", -1], ["init", 1]]);
const PID_MAX = 2 ** 31 - 1;

/**
 * `kill(target, signal)`: sends a signal.
 *
 * The call returns when the signal is pending, which is not when it is handled. A standard signal that is pending already is not queued
 * a second time; a real-time signal is (with the value 0, and cause `"user"`). Signal `0` sends nothing: it tells that the target exists.
 *
 * A pid is a number that the kernel uses again: to be sure to reach the process that you mean, use {@linkcode openPidFd}. Real-time signals
 * need `--allow-ffi`, standard ones do not.
 *
 * @param target A pid, or a name for several processes.
 * @param signal By name or number, or `0`.
 * @throws {TypeError} When there is no such signal or target.
 * @throws {RangeError} When the number is no signal, or no pid that is at least 2.
 * @throws {PosixError} ESRCH when there is no such process, EPERM when it belongs to somebody else.
 * @throws {Deno.errors.NotCapable} Without `--allow-run`.
 *
 * @example Ask whether a process exists, without touching it
 * ```ts
 * import { kill, PosixError } from "@causeway/causeway";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * kill(Deno.pid, 0);
 * assertEquals(assertThrows(() => kill(2 ** 31 - 1, 0), PosixError).code, "ESRCH");
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/kill.2.html kill(2)}
 */
export function kill(target: SignalTarget, signal: Signal | number): void {
  send(targetPid(target), signal, String(target));
}

/**
 * `killGroup(pgid, signal)`: sends a signal to every process of a process group. It succeeds when it reached at least one.
 *
 * @param pgid The group's number, which is the pid of its first leader: at least 2. This process's own group is `kill("own-group", …)`.
 * @param signal By name or number, or `0`.
 * @throws {TypeError} When there is no such signal.
 * @throws {RangeError} When the number is no signal, or no group that is at least 2 (to `kill(2)`, group 1 would be everyone).
 * @throws {PosixError} ESRCH when the group is empty, EPERM when all of it belongs to somebody else.
 * @throws {Deno.errors.NotCapable} Without `--allow-run`.
 *
 * @example A group that nobody is in
 * ```ts
 * import { killGroup, PosixError } from "@causeway/causeway";
 * import { assertEquals, assertThrows } from "@std/assert";
 *
 * assertEquals(assertThrows(() => killGroup(2 ** 31 - 1, "SIGTERM"), PosixError).code, "ESRCH");
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/killpg.3.html killpg(3)}
 */
export function killGroup(pgid: number, signal: Signal | number): void {
  send(-checkPid(pgid, "Process group", 'use kill("own-group", …) for the own group'), signal, `group ${pgid}`);
}

/**
 * `queueSignal(pid, signal, value)`: sends a signal with a 32-bit value.
 *
 * A real-time signal is queued: N of them arrive N times, in order, lowest number first, each with its value and the pid and uid of this
 * process. A standard signal carries its value too, but only the first of several pending ones does.
 *
 * @param pid The process: at least 2, or `"init"`.
 * @param signal By name or number.
 * @param value A signed 32-bit integer.
 * @throws {TypeError} When there is no such signal.
 * @throws {RangeError} When the pid, the number or the value is out of range.
 * @throws {PosixError} EAGAIN when as many signals are pending as the receiver's RLIMIT_SIGPENDING allows: the earlier ones are kept;
 * ESRCH, EPERM.
 * @throws {Deno.errors.NotCapable} Without `--allow-run` and `--allow-ffi`.
 *
 * @example Send a number to another process
 * ```ts
 * import { queueSignal, realtime, signals } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using listener = signals([realtime(1)]);
 * queueSignal(Deno.pid, realtime(1), 42);
 * const event = await listener.receive();
 * assertEquals(event.cause === "queue" && event.value, 42);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/sigqueue.3.html sigqueue(3)}
 *
 * @tags allow-ffi
 */
export function queueSignal(pid: number | "init", signal: Signal | number, value: number): void {
  const number = pid === "init" ? 1 : checkPid(pid, "Pid", 'use "init" for process 1');
  const { number: signo } = signalInfo(signal);
  if (!Number.isInteger(value) || value < -(2 ** 31) || value >= 2 ** 31) {
    throw new RangeError(`Value must be an integer of -2147483648..2147483647, got ${Deno.inspect(value)}`);
  }
  requireRun();
  const started = startedNs();
  // union sigval travels in one register: its int member is the low half on the CPUs that we have tables for.
  check(libc().sigqueue(number, signo, BigInt.asUintN(32, BigInt(value))), "sigqueue", pid, {
    EAGAIN:
      "the receiver's user has RLIMIT_SIGPENDING signals pending; send again when it has taken some, or raise it (ulimit -i)",
  });
  publish(() => ({
    kind: "signal.send",
    to: number,
    signal: signalInfo(signo).name,
    number: signo,
    value,
    startedNs: started,
  }));
}

function send(pid: number, signal: Signal | number, target: string): void {
  const info = signal === 0 ? undefined : signalInfo(signal);
  const started = startedNs();
  const tell = () =>
    publish(() => ({ kind: "signal.send", to: pid, signal: info?.name, number: info?.number, startedNs: started }));
  if (info?.kind === "realtime") {
    requireRun();
    check(libc().kill(pid, info.number), "kill", target);
    tell();
    return;
  }
  try {
    // Node's layer, because Deno.kill knows no signal 0 and its errors carry no code.
    process.kill(pid, info?.name ?? 0);
    if (info !== undefined) tell();
  } catch (error) {
    throw fromDenoError(error, "kill", target);
  }
}

function targetPid(target: SignalTarget): number {
  if (typeof target === "number") {
    return checkPid(target, "Pid", 'use "own-group", "everyone" or "init" for 0, -1 and 1');
  }
  const pid = NAMED_TARGETS.get(target);
  if (pid === undefined) throw new TypeError(`Unknown signal target ${JSON.stringify(target)}`);
  return pid;
}

/** Refuses the numbers that mean something else than one process or group. */
export function checkPid(pid: number, what: string, instead: string): number {
  if (!Number.isInteger(pid) || pid < 2 || pid > PID_MAX) {
    throw new RangeError(`${what} must be an integer of 2..${PID_MAX}, got ${Deno.inspect(pid)}: ${instead}`);
  }
  return pid;
}
