/**
 * The command of a service, as it is started.
 *
 * @module
 */

import { type Command, toStage } from "./command.ts";
import { DEFAULT_DRAIN_GRACE_MS } from "./options.ts";
import type { ReadinessWait } from "./readiness.ts";
import type { OutputName } from "./service_output.ts";
import type { Protection } from "./service_protection.ts";
import { isCaptured } from "./stdio.ts";
import type { Readiness } from "./supervisor_options.ts";

/** A command, and which of its outputs are piped. */
export interface SupervisedCommand {
  readonly supervised: Command;
  readonly streams: readonly OutputName[];
}

/**
 * Adds what every service has, and the descriptor that it says by that it is ready.
 *
 * @throws {TypeError} When readiness asks for lines of an output that is not piped.
 */
export function supervisedCommand(
  command: Command,
  ready: Readiness | undefined,
  readiness: ReadinessWait,
  protection: Protection,
): SupervisedCommand {
  const { options } = command[toStage]();
  const { stdout = "piped", stderr = "piped", drainGraceMs = DEFAULT_DRAIN_GRACE_MS } = options;
  const streams = (["stdout", "stderr"] as const).filter((name) => isCaptured(name === "stdout" ? stdout : stderr));
  if (ready !== undefined && "line" in ready) {
    const { stream = "both" } = ready;
    if (!streams.some((name) => stream === "both" || stream === name)) {
      throw new TypeError('readiness by a line needs an output that is "piped"');
    }
  }
  const descriptors = { ...options.descriptors, ...readiness.descriptors };
  const supervised = command.with({
    ...protection.options,
    stdout,
    stderr,
    drainGraceMs,
    ...(Object.keys(descriptors).length > 0 ? { descriptors } : {}),
  });
  return { streams, supervised };
}
