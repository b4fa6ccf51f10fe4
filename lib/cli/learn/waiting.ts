/**
 * Seeing that something does not happen, and waiting for what cannot be waited for otherwise.
 *
 * @module
 */

import { readProcFile } from "../../sys/proc.ts";

/** Long enough to see that somebody does not go on: whatever could happen would have happened. */
export const A_WHILE_MS = 250;

/** Lets time pass. */
export async function aWhile(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, A_WHILE_MS));
}

/** What a busy machine may need for anything that this tour does. */
export const BUSY_MS = 60_000;

/** Does nothing until somebody kills this process; should all others be killed, not for ever. */
export async function untilKilled(): Promise<void> {
  await new Promise((resolve) => setTimeout(resolve, 2 * BUSY_MS));
}

/** Whether a promise is still pending after a while. */
export async function isStuck(promise: Promise<unknown>): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const patience = new Promise<boolean>((resolve) => timer = setTimeout(() => resolve(true), A_WHILE_MS));
  try {
    return await Promise.race([promise.then(() => false, () => false), patience]);
  } finally {
    clearTimeout(timer);
  }
}

/** Waits until every thread of a process is stopped: what is sent to it then stays pending. */
export async function stopped(pid: number): Promise<void> {
  const givesUpAt = performance.now() + BUSY_MS;
  while (!/^\d+ \(.*\) T /s.test(readProcFile(`/proc/${pid}/stat`))) {
    if (performance.now() > givesUpAt) throw new Error(`Process ${pid} was not stopped within ${BUSY_MS} ms`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Milliseconds since then, in words. */
export function since(startedAt: number): string {
  return `${(performance.now() - startedAt).toFixed(1)} ms`;
}
