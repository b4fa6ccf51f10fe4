/**
 * Ending as a signal would have ended this process, so that whoever started it sees the truth.
 *
 * @module
 */

import { kill } from "../signal/send.ts";

/** How long a signal to oneself may take: Deno lets another thread play the default action. */
const DEATH_MS = 1000;

/**
 * Dies of a signal to which nobody listens here any more.
 *
 * @returns What a shell would report, where the process may not signal itself.
 */
export async function dieOfSignal(number: number): Promise<number> {
  try {
    kill(Deno.pid, number);
    await new Promise((resolve) => setTimeout(resolve, DEATH_MS));
  } catch (error) {
    // To signal a process, itself included, --allow-run must be there without a list.
    if (!(error instanceof Deno.errors.NotCapable)) throw error;
  }
  return 128 + number;
}
