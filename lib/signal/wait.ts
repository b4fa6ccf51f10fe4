/**
 * Blocking a thread until a signal comes.
 *
 * @module
 */

import { Deadline, type SyncWaitOptions } from "../sys/clock.ts";
import { ERRNO, errno, fail } from "../sys/errno.ts";
import { ownPid } from "../sys/identity.ts";
import { libc } from "../sys/libc.ts";
import { SIG } from "../sys/linux.ts";
import { hasFfi, platform } from "../sys/platform.ts";
import { blockSignals } from "./block.ts";
import { parseSiginfo, type SignalEvent } from "./event.ts";
import { IS_WORKER, listenable } from "./listenable.ts";
import { type Signal, signalName } from "./names.ts";
import { hasHandler, needsHandler } from "./needs_handler.ts";
import { signals } from "./receive.ts";
import { siginfoHandler } from "./siginfo_handler.ts";
import { blockedBy, ownMask } from "./thread_masks.ts";

/**
 * `waitForSignalSync(names)`: blocks this thread until one of these signals comes.
 *
 * Of signals that nobody blocks it sees those that come from this call on. Between two calls they have their default action, which for most
 * of them ends the process: to take one after the other, block them first ({@linkcode blockSignals}). It then is `sigwaitinfo(2)`, which
 * also takes what came before the call: the lowest number first, real-time signals in the order in which they were sent, each once.
 * Listeners and other waits do not hear of a signal that was taken so. No other signal ends the wait, whatever handler runs meanwhile.
 *
 * In a Worker it works for signals that the main thread has blocked, and only for these: whichever thread waits gets the signal, whereas one
 * that the main thread does not block may be delivered there.
 *
 * @param names The signals, for example `["SIGHUP", realtime(1)]`.
 * @returns The signal, and who sent it. See {@linkcode signals} for what it says.
 * @throws {TypeError} When there is no such signal, none is given, or it cannot be waited for: SIGKILL, SIGSTOP, and the faults SIGILL,
 * SIGBUS, SIGFPE, SIGSEGV.
 * @throws {DOMException} `TimeoutError` after `timeoutMs`. `0` only looks.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 * @throws {Error} In a Worker, while the main thread does not block the signals.
 *
 * @example Take signals one by one, and lose none
 * ```ts
 * import { blockSignals, queueSignal, realtime, waitForSignalSync } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using _blocked = blockSignals(realtime(1));
 * for (const value of [1, 2, 3]) queueSignal(Deno.pid, realtime(1), value);
 * const values: number[] = [];
 * while (values.length < 3) {
 *   const event = waitForSignalSync([realtime(1)], { timeoutMs: 10_000 });
 *   if (event.cause === "queue") values.push(event.value);
 * }
 * assertEquals(values, [1, 2, 3]);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/sigwaitinfo.2.html sigwaitinfo(2)}
 *
 * @tags allow-ffi
 */
export function waitForSignalSync<const S extends Signal>(
  names: readonly S[],
  options: SyncWaitOptions = {},
): SignalEvent<S> {
  const numbers = listenable(names, "waited for");
  const deadline = new Deadline(`Waiting for ${names.join(", ")}`, options.timeoutMs);
  if (IS_WORKER) {
    if (!hasFfi()) throw needsHandler("block for a signal");
    return typed(take(numbers, deadline, requireBlocked));
  }
  if (!hasHandler()) throw needsHandler("block for a signal");
  const { scoped } = siginfoHandler();
  if (numbers.isSubsetOf(scoped)) return typed(take(numbers, deadline));
  if (numbers.isDisjointFrom(scoped)) {
    using listener = signals(names);
    return listener.receiveSync(options);
  }
  using _rest = blockSignals(...[...numbers.difference(scoped)].map(signalName));
  return typed(take(numbers, deadline));
}

const info = new DataView(new ArrayBuffer(SIG.siginfoByteLength));
const timespec = new BigInt64Array(2);
const set = new BigUint64Array(1);

/** `sigtimedwait(2)` for signals that every thread blocks. By the bare system call: glibc's calls a signal of `tgkill` one of `kill`. */
function take(numbers: ReadonlySet<number>, deadline: Deadline, look?: (mask: bigint) => void): SignalEvent {
  let mask = 0n;
  for (const number of numbers) mask |= 1n << BigInt(number - 1);
  const call = platform().SYS.rt_sigtimedwait;
  while (true) {
    look?.(mask);
    set[0] = mask;
    const ms = deadline.remainingMs;
    const timeout = ms === Infinity ? null : setTimespec(ms);
    const result = libc().syscall_rt_sigtimedwait(call, set, info, timeout, 8n);
    if (result !== -1) return parseSiginfo(info);
    const number = errno();
    if (number !== ERRNO.EAGAIN && number !== ERRNO.EINTR) fail(number, "sigtimedwait", numbers.size);
    if (deadline.remainingMs === 0) throw deadline.timeoutError();
  }
}

/** Rounds up to nanoseconds; a year and more is as good as for ever. */
function setTimespec(ms: number): BigInt64Array<ArrayBuffer> {
  const seconds = Math.min(Math.floor(ms / 1000), 2 ** 31);
  timespec[0] = BigInt(seconds);
  timespec[1] = BigInt(Math.min(Math.ceil((ms % 1000) * 1e6), 999_999_999));
  return timespec;
}

/** The main thread speaks for the others: whoever blocks for the process blocks there. */
function requireBlocked(mask: bigint): void {
  if ((ownMask() & blockedBy(ownPid()) & mask) === mask) return;
  throw new Error(
    "Cannot wait for signals in a Worker that the main thread does not block: call blockSignals there, before the wait and for as long",
  );
}

/** Only signals that were asked for are taken, and those are the names in S. */
function typed<S extends Signal>(event: SignalEvent): SignalEvent<S> {
  return event as SignalEvent<S>;
}
