/**
 * Whether a run of one or more stages succeeded, and who is to blame when it did not.
 *
 * A stage fails when its status is neither 0 nor allowed. Not a failure is the death by SIGPIPE of a stage that writes into another: its
 * reader has had enough (`yes | head`), or the reader failed and this stage is its victim. An unchecked stage forgives itself only.
 * Of several failures the rightmost is named, as in a shell with `pipefail`; all are attached.
 *
 * @module
 */

import { isSuccess, type Status } from "./status.ts";

/** How the failure of a stage is judged. */
export interface Leniency {
  /** Whether no status of this stage is a failure. */
  readonly unchecked: boolean;
  /** Exit codes besides 0 that are no failure. */
  readonly allowed: readonly number[];
}

/**
 * The stages that failed, from left to right.
 *
 * @param stages Status and leniency of every stage, from left to right.
 * @returns Their indices; empty when the run succeeded.
 */
export function failedStages(stages: readonly { status: Status; leniency: Leniency }[]): number[] {
  return stages.flatMap(({ status, leniency }, index) => {
    const isLast = index === stages.length - 1;
    if (isSuccess(status) || leniency.unchecked) return [];
    if (status.kind === "exited") return leniency.allowed.includes(status.code) ? [] : [index];
    return !isLast && status.signal === "SIGPIPE" ? [] : [index];
  });
}
