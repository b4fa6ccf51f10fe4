/**
 * The failure of a service.
 *
 * @module
 */

import { displayText } from "./display.ts";
import type { Status } from "./status.ts";

/** What a {@linkcode ServiceFailedError} is made of. */
export interface ServiceFailure {
  /** The service. */
  readonly service: string;
  /** What happened, after the name. */
  readonly what: string;
  /** How its process ended last. */
  readonly status?: Status | undefined;
  /** The last lines of its standard error. */
  readonly stderrLines?: readonly string[];
  /** What caused it. */
  readonly cause?: unknown;
}

/**
 * A service has failed for good: it ended and is not to be restarted, it was started too often, it could not be started, or what it needs has failed.
 *
 * @example What a failure tells
 * ```ts
 * import { command, ServiceFailedError, supervise } from "@causeway/causeway";
 * import { assertEquals, assertInstanceOf } from "@std/assert";
 *
 * await using s = await supervise({
 *   web: { command: command("sh", ["-c", "echo no port >&2; exit 3"]), restart: "never" },
 * });
 * const { error } = await s.finished;
 * assertInstanceOf(error, ServiceFailedError);
 * assertEquals(error.message, 'Service "web" exited with code 3\n  | no port');
 * ```
 */
export class ServiceFailedError extends Error {
  /** Always `"ServiceFailedError"`. */
  override readonly name = "ServiceFailedError";
  /** The service. */
  readonly service: string;
  /** How its process ended last; `undefined` when none was started. */
  readonly status: Status | undefined;
  /** The last lines of its standard error, where that was piped. */
  readonly stderrLines: readonly string[];

  /** Made by a supervisor. */
  constructor(failure: ServiceFailure) {
    const { service, what, stderrLines = [] } = failure;
    const tail = stderrLines.map((line) => `\n  | ${displayText(line)}`).join("");
    super(`Service ${JSON.stringify(service)} ${what}${tail}`, "cause" in failure ? { cause: failure.cause } : {});
    this.service = service;
    this.status = failure.status;
    this.stderrLines = stderrLines;
  }
}
