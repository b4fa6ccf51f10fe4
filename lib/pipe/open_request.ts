/**
 * One opening of a FIFO, checked.
 *
 * @module
 */

import type { Deadline, WaitOptions } from "../sys/clock.ts";
import type { FifoOwner } from "./not_a_fifo.ts";

/** What the two ways to open a FIFO need to know. */
export interface OpenRequest {
  readonly path: string;
  /** What waits, for the `TimeoutError`. */
  readonly what: string;
  readonly options: WaitOptions;
  readonly deadline: Deadline;
  readonly waitForPeer: boolean;
  readonly owner: FifoOwner;
}
