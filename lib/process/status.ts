/**
 * How a process ended.
 *
 * @module
 */

import { type SignalName, signalName, SIGNALS } from "../signal/names.ts";

/** A process that ended by itself, with the code it gave to `exit(3)`. */
export interface ExitedStatus {
  /** It ended by itself. */
  readonly kind: "exited";
  /** What it gave to `exit(3)`: 0..255, 0 for success. */
  readonly code: number;
}

/** A process that a signal ended. */
export interface SignaledStatus {
  /** A signal ended it. */
  readonly kind: "signaled";
  /** The signal, for example `"SIGKILL"` or `"SIGRTMIN+1"`. */
  readonly signal: SignalName;
  /** The signal's number. */
  readonly number: number;
}

/** How a process ended: exactly one of the two ways that `wait(2)` knows. */
export type Status = ExitedStatus | SignaledStatus;

/** Whether a status is success: exit code 0. */
export function isSuccess(status: Status): boolean {
  return status.kind === "exited" && status.code === 0;
}

/** The code that a shell reports for a status: the exit code, or 128 plus the signal's number. */
export function shellCode(status: Status): number {
  return status.kind === "exited" ? status.code : 128 + status.number;
}

/** A status in words, for example `"exited with code 2"` or `"was killed by SIGKILL"`. */
export function describeStatus(status: Status): string {
  return status.kind === "exited" ? `exited with code ${status.code}` : `was killed by ${status.signal}`;
}

/** What a status usually means, where it means something. */
export function statusMeaning(status: Status): string | undefined {
  if (status.kind === "signaled") return SIGNALS.find(({ number }) => number === status.number)?.meaning;
  if (status.code === 126) return "in a shell: found, but could not be executed";
  if (status.code === 127) return "in a shell: program not found";
  const signal = SIGNALS.find(({ number }) => 128 + number === status.code);
  return signal && `in a shell: killed by ${signal.name}`;
}

/** The status that an exit code is. */
export function exited(code: number): ExitedStatus {
  return { kind: "exited", code };
}

/** The status that a signal's number is. */
export function signaled(number: number): SignaledStatus {
  return { kind: "signaled", signal: signalName(number), number };
}

/** Deno's status as ours. Deno reports the code of a signal as a shell does; the number is what both sides agree on. */
export function fromDenoStatus(status: Deno.CommandStatus): Status {
  return status.signal === null ? exited(status.code) : signaled(status.code - 128);
}

/**
 * Deno has no name for a real-time signal: the status of a child that one killed is a `TypeError` that holds the number.
 * `tests/sys/deno_facts_test.ts` pins the wording.
 *
 * @throws The error itself, when it is another one.
 */
export function fromDenoStatusError(error: unknown): Status {
  const number = error instanceof TypeError ? /^Invalid signal: (\d+)$/.exec(error.message)?.[1] : undefined;
  if (number === undefined) throw error;
  return signaled(Number(number));
}
