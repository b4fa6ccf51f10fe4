/**
 * What `causeway each` exits with, as GNU parallel documents it.
 *
 * @module
 */

import type { HaltRule } from "../../process/mod.ts";

/** Anything else went wrong: an input that cannot be read, no descriptors left. */
export const FAILED = 255;

/** More failed jobs are not told apart. */
const MANY = 101;

/** How the jobs ended. */
export interface Tally {
  /** All jobs that there were to run, if that is known. */
  readonly total: number | undefined;
  /** Jobs that succeeded. */
  readonly done: number;
  /** Jobs that failed. */
  readonly failed: number;
  /** What the shell would say of the job that halted the rest, where a single one did. */
  readonly culprit: number | undefined;
  /** Whether the rule was met. */
  readonly halted: boolean;
}

/** The exit code. */
export function exitCode(tally: Tally, rule: HaltRule | undefined): number {
  const { done, failed, total = done + failed } = tally;
  if (tally.halted && rule?.on === "success") return 0;
  if (rule?.percent !== undefined) return total === 0 ? 0 : Math.ceil(failed * 100 / total);
  if (tally.halted && tally.culprit !== undefined) return tally.culprit;
  return Math.min(failed, MANY);
}
