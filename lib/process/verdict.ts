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
import { type Feed, feedsOf } from "./wiring.ts";

/** How the failure of a stage is judged. */
export interface Leniency {
  /** Whether no status of this stage is a failure. */
  readonly unchecked: boolean;
  /** Exit codes besides 0 that are no failure. */
  readonly allowed: readonly number[];
}

/** What the verdict needs to know of a run. */
interface Judged {
  /** From left to right. */
  readonly stages: readonly { readonly leniency: Leniency; readonly feeds?: readonly Feed[] | undefined }[];
}

/**
 * The stages that failed.
 *
 * @param results One for every stage of the run, in the same order.
 * @returns Their indices, from left to right; empty when the run succeeded.
 */
export function failedStages(run: Judged, results: readonly { readonly status: Status }[]): number[] {
  return results.flatMap(({ status }, index) => {
    const { leniency } = run.stages[index]!;
    const isRead = feedsOf(run, index).length > 0;
    if (isSuccess(status) || leniency.unchecked) return [];
    if (status.kind === "exited") return leniency.allowed.includes(status.code) ? [] : [index];
    return isRead && status.signal === "SIGPIPE" ? [] : [index];
  });
}

/** The status of the rightmost stage that failed, or of the last. */
export function overallStatus(run: Judged, results: readonly { readonly status: Status }[]): Status {
  return results[failedStages(run, results).at(-1) ?? results.length - 1]!.status;
}
