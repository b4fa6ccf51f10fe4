/**
 * Asking a service again and again whether it is well.
 *
 * @module
 */

import { Command } from "./command.ts";
import { ExitError } from "./exit_error.ts";
import type { CommandOptions } from "./options.ts";
import { pauseFor } from "./readiness.ts";
import { isStopped } from "./stopped_process.ts";
import type { HealthCheck } from "./supervisor_options.ts";

/** What a check may say on standard error. */
const MOST_ERROR_BYTES = 1 << 20;

/** One service to watch. */
export interface Patient {
  /** Its pid. */
  readonly pid: number;
  /** What a program that asks gets besides. */
  readonly protection: Pick<CommandOptions, "group" | "lifeline">;
  /** Hears of every failed check. */
  onFailure(failures: number, reason: string): void;
}

/**
 * Asks until so many checks in a row have failed.
 *
 * @returns Why the last one failed.
 * @throws The signal's reason when it aborts.
 */
export async function untilUnhealthy(health: HealthCheck, patient: Patient, signal: AbortSignal): Promise<string> {
  const { everyMs = 10_000, failures: most = 3 } = health;
  for (let failures = 0;;) {
    await pauseFor(everyMs, signal);
    const reason = await ask(health, patient, signal);
    signal.throwIfAborted();
    if (reason === undefined || isStopped(patient.pid)) {
      failures = 0;
      continue;
    }
    patient.onFailure(++failures, reason);
    if (failures >= most) return reason;
  }
}

/** Why the service is not well; `undefined` when it is. */
async function ask(health: HealthCheck, patient: Patient, signal: AbortSignal): Promise<string | undefined> {
  const { check, timeoutMs = 5000 } = health;
  if (check instanceof Command) {
    const asked = check.with({
      ...patient.protection,
      stdout: "null",
      stderr: "piped",
      maxOutputBytes: MOST_ERROR_BYTES,
      signal,
      ...(timeoutMs === Infinity ? {} : { timeoutMs }),
    });
    try {
      await asked.output();
      return undefined;
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof ExitError) return error.message;
      throw error;
    }
  }
  return await askFunction(check, timeoutMs, signal);
}

async function askFunction(
  check: (signal: AbortSignal) => unknown,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const late = new AbortController();
  const { promise: over, resolve } = Promise.withResolvers<string | undefined>();
  const onLate = () => {
    const reason = `no answer within ${timeoutMs} ms`;
    late.abort(new DOMException(reason, "TimeoutError"));
    resolve(reason);
  };
  const onAbort = () => resolve(undefined);
  const timer = timeoutMs === Infinity ? undefined : setTimeout(onLate, Math.min(timeoutMs, 2 ** 31 - 1));
  signal.addEventListener("abort", onAbort, { once: true });
  // An answer that comes later than that is not waited for.
  const answer = (async () => await check(AbortSignal.any([signal, late.signal])))().then(
    (value) => value === false ? "the check returned false" : undefined,
    (error) => error instanceof Error ? error.message : String(error),
  );
  try {
    return await Promise.race([answer, over]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", onAbort);
  }
}
