/**
 * The errors that a caller of Causeway catches by class. Wrong arguments are the built-in `TypeError` and `RangeError`, a timeout is a
 * `DOMException` named `TimeoutError`, an abort rejects with the signal's own reason.
 *
 * @module
 */

import { errnoMeaning, errnoNumber } from "./sys/errno_table.ts";

/** What a {@linkcode PosixError} is made of. */
export interface PosixErrorFacts {
  /** The symbolic errno, for example `"ENOENT"`. */
  code: string;
  /** The call that failed, for example `"shm_open"`. */
  syscall: string;
  /** What it was called on: a path, a name, a pid, a program. */
  target?: string | undefined;
  /** What the caller can do about it, for example `"raise fs.mqueue.msg_max"`. */
  hint?: string | undefined;
  /** The lower error that this one explains. */
  cause?: unknown;
}

/**
 * A system call failed. The facts are fields, the message is for people.
 *
 * @example Tell one failure from another
 * ```ts
 * import { PosixError } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new PosixError({ code: "ENOENT", syscall: "shm_open", target: "/jobs" });
 * assertEquals(error.errno, 2);
 * assertEquals(error.message, 'shm_open failed on "/jobs": No such file or directory (ENOENT)');
 * ```
 */
export class PosixError extends Error {
  /** Always `"PosixError"`. */
  override readonly name = "PosixError";
  /** The symbolic errno, for example `"ENOENT"`. */
  readonly code: string;
  /** The errno as a number, for example `2`; `0` where the code is no errno of Linux. */
  readonly errno: number;
  /** The call that failed, for example `"shm_open"`. */
  readonly syscall: string;
  /** What it was called on, where it was called on something that has a name. */
  readonly target: string | undefined;

  /** Makes the error from its facts. */
  constructor(facts: PosixErrorFacts) {
    const on = facts.target === undefined ? "" : ` on ${JSON.stringify(facts.target)}`;
    const hint = facts.hint === undefined ? "" : `: ${facts.hint}`;
    const message = `${facts.syscall} failed${on}: ${errnoMeaning(facts.code)} (${facts.code})${hint}`;
    super(message, facts.cause === undefined ? undefined : { cause: facts.cause });
    this.code = facts.code;
    this.errno = errnoNumber(facts.code);
    this.syscall = facts.syscall;
    this.target = facts.target;
  }
}

/**
 * An object was used after it was closed, or after it was given away (an end that a child has now).
 *
 * @example Use after close is an error, never a crash
 * ```ts
 * import { ClosedError } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(new ClosedError("Pipe reader").message, "Pipe reader is closed");
 * ```
 */
export class ClosedError extends Error {
  /** Always `"ClosedError"`. */
  override readonly name = "ClosedError";

  /**
   * Makes the error.
   *
   * @param what The object, capitalised, for example `"Pipe reader"`.
   * @param why What became of it.
   */
  constructor(what: string, why = "is closed") {
    super(`${what} ${why}`);
  }
}

/**
 * What a peer wrote is not what the two sides agreed on: a wrong magic, version, fingerprint, size or length.
 *
 * @example Tell a hostile or foreign peer from a system failure
 * ```ts
 * import { PosixError, ProtocolError } from "@causeway/causeway";
 * import { assert } from "@std/assert";
 *
 * assert(!(new ProtocolError("Memory has no Causeway header") instanceof PosixError));
 * ```
 */
export class ProtocolError extends Error {
  /** Always `"ProtocolError"`. */
  override readonly name = "ProtocolError";
}

/**
 * The peer of a channel is gone: it closed its end, or it died. What it had sent before was received first.
 *
 * @example Tell a death from a clean close
 * ```ts
 * import { ChannelClosedError } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new ChannelClosedError("shm:jobs", "died");
 * assertEquals(error.reason, "died");
 * assertEquals(error.message, "The peer of shm:jobs died");
 * ```
 */
export class ChannelClosedError extends Error {
  /** Always `"ChannelClosedError"`. */
  override readonly name = "ChannelClosedError";
  /** `"closed"`: the peer closed its end. `"died"`: it ended without. */
  readonly reason: "closed" | "died";

  /**
   * Makes the error.
   *
   * @param what The channel, as it is shown, for example its address.
   * @param reason What became of the peer.
   */
  constructor(what: string, reason: "closed" | "died", options?: ErrorOptions) {
    super(reason === "died" ? `The peer of ${what} died` : `The peer of ${what} closed its end`, options);
    this.reason = reason;
  }
}

/** One thing that a validator has found wrong with a message. */
export interface ValidationIssue {
  /** What is wrong. */
  readonly message: string;
  /** Where in the message, as a program would write it: `jobs[0].name`; empty for the message itself. */
  readonly path: string;
}

/**
 * A message is not what the channel's schema asks for. When it was to be sent, nothing was; when it was received, it is gone, and the next one can
 * be received.
 *
 * @example Where it is wrong
 * ```ts
 * import { ValidationError } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const error = new ValidationError("Message from unix:/run/jobs", [{ message: "Expected a number", path: "jobs[0].size" }]);
 * assertEquals(error.path, "jobs[0].size");
 * assertEquals(error.message, "Message from unix:/run/jobs is not valid at jobs[0].size: Expected a number");
 * ```
 */
export class ValidationError extends Error {
  /** Always `"ValidationError"`. */
  override readonly name = "ValidationError";
  /** Everything that is wrong; at least one. */
  readonly issues: readonly ValidationIssue[];
  /** Where the first of them is. */
  readonly path: string;

  /**
   * Makes the error.
   *
   * @param what The message, capitalised, for example `"Message from shm:jobs"`.
   * @param issues What is wrong with it.
   */
  constructor(what: string, issues: readonly ValidationIssue[]) {
    const { message = "it was refused without a reason", path = "" } = issues[0] ?? {};
    super(`${what} is not valid${path === "" ? "" : ` at ${path}`}: ${message}`);
    this.issues = issues;
    this.path = path;
  }
}
