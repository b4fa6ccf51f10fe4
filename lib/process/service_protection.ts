/**
 * How the children of a supervisor are kept from outliving it.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { hasFfi } from "../sys/platform.ts";
import type { CommandOptions } from "./options.ts";
import { perl } from "./trampoline.ts";

/** What is possible here. */
export interface Protection {
  /** What every child gets. */
  readonly options: Pick<CommandOptions, "group" | "lifeline">;
  /** What is missing, and what that means. */
  readonly missing: string | undefined;
}

/** The best that these permissions and this machine allow: a group and a lifeline, a group, or a session by Deno. */
export function protection(): Protection {
  if (!hasFfi()) {
    const missing =
      "without --allow-ffi services have no lifeline: they survive when this process is killed by SIGKILL, " +
      "and what a service leaves behind when it exits is not ended";
    return { options: { group: "session" }, missing };
  }
  try {
    perl();
  } catch (error) {
    if (!(error instanceof PosixError) || error.code !== "ENOENT") throw error;
    const missing = "without Perl services have no lifeline: they survive when this process is killed by SIGKILL";
    return { options: { group: "own" }, missing };
  }
  return { options: { group: "own", lifeline: true }, missing: undefined };
}
