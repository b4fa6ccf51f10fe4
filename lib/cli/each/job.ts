/**
 * One job of `causeway each`: a program that is started, watched and, if need be, ended.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { type Child, command, isSuccess, type JobContext, type Status } from "../../process/mod.ts";
import type { SignalEvent } from "../../signal/mod.ts";
import { errnoMeaning } from "../../sys/errno_table.ts";
import { hasFfi } from "../../sys/platform.ts";
import { CommandError } from "../command_line.ts";
import { relay } from "../signal_relay.ts";
import type { JobOutput } from "./job_output.ts";
import { FAILED } from "./exit_code.ts";
import type { Template } from "./template.ts";

/** A job before it is run. */
export interface EachJob {
  /** Its number, from 1. */
  readonly sequence: number;
  /** Its items. */
  readonly items: readonly string[];
  /** What its last try said and has not been printed. */
  output: JobOutput | undefined;
}

/** What came of a job. */
export interface Outcome {
  /** Its command. */
  readonly words: readonly string[];
  /** How it ended. */
  readonly status: Status;
  /** Whether its time limit ended it. */
  readonly timedOut: boolean;
  /** Why it could not be started. */
  readonly notStarted: string | undefined;
}

/** The try of a job failed. */
export class JobFailure extends Error {
  /** Always `"JobFailure"`. */
  override readonly name = "JobFailure";
  /** What came of it. */
  readonly outcome: Outcome;

  constructor(outcome: Outcome) {
    super(`Job failed: ${outcome.words[0]}`);
    this.outcome = outcome;
  }
}

/** What all jobs have in common. */
export interface JobSetting {
  readonly template: Template;
  /** Makes the outputs of a try. */
  readonly output: (job: EachJob) => JobOutput;
  /** The children that run. */
  readonly live: Set<Child>;
  /** Whether this program was told to end: then nothing of a job may stay. */
  readonly interrupted: () => boolean;
}

/** How long a job has to obey SIGTERM. */
export const GRACE_MS = 5000;

/** How long a grandchild may hold a pipe that is read here. */
const DRAIN_GRACE_MS = 1000;

/** Failures to start that have nothing to do with the job: there is no going on. */
const EXHAUSTED = ["EMFILE", "ENFILE", "EAGAIN", "ENOMEM"];

/** What a shell exits with for a program that it did not find, and for one that it could not execute. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/**
 * Runs a job once.
 *
 * @throws {JobFailure} When it fails.
 * @throws {CommandError} When no job could be run.
 * @throws The signal's reason when it was ended from outside, but not by its time limit.
 */
export async function runJob(job: EachJob, context: JobContext, setting: JobSetting): Promise<Outcome> {
  const { signal, slot } = context;
  job.output?.[Symbol.dispose]();
  const output = job.output = setting.output(job);
  const words = setting.template.fill({ items: job.items, sequence: job.sequence, slot });
  // Whether the signal found somebody to end: a time limit that races a natural exit has ended nothing.
  let wasEnded = false;
  const onAbort = () => wasEnded = child?.alive ?? false;
  signal.addEventListener("abort", onAbort, { once: true });
  let child: Child | undefined;
  try {
    child = start(words, output, signal);
  } catch (error) {
    const outcome = notStarted(error, words);
    throw new JobFailure(outcome);
  }
  setting.live.add(child);
  // What a job leaves running in the background when it exits is left alone, as a shell does; what is ended is ended with all its group.
  let mustEnd = true;
  try {
    const [status] = await Promise.all([child.status, output.follow(child)]);
    mustEnd = wasEnded || setting.interrupted();
    const timedOut = wasEnded && isTimeout(signal.reason);
    if (wasEnded && !timedOut) throw signal.reason;
    const outcome: Outcome = { words, status, timedOut, notStarted: undefined };
    if (timedOut || !isSuccess(status)) throw new JobFailure(outcome);
    return outcome;
  } finally {
    setting.live.delete(child);
    signal.removeEventListener("abort", onAbort);
    if (mustEnd) await child.terminate();
    await child.release();
  }
}

/** Passes a signal on to a job and what it has started. */
export function tellJob(event: SignalEvent, child: Child): void {
  if (!hasFfi()) return relay(event, child);
  // The terminal told the foreground group, which no job is in.
  child.killGroup(event.number);
  child.continue();
}

function start(words: readonly string[], output: JobOutput, signal: AbortSignal): Child {
  const [program = "", ...args] = words;
  if (program === "") throw new PosixError({ code: "ENOENT", syscall: "execve", target: program });
  return command(program, args, {
    stdin: "null",
    stdout: output.target("stdout"),
    stderr: output.target("stderr"),
    graceMs: GRACE_MS,
    drainGraceMs: DRAIN_GRACE_MS,
    signal,
    // So that the processes which a job has started end with it.
    group: hasFfi() ? "own" : "inherit",
  }).spawn();
}

function notStarted(error: unknown, words: readonly string[]): Outcome {
  if (!(error instanceof PosixError)) throw error;
  const missing = error.code === "ENOENT";
  const where = missing && !error.target?.includes("/") ? "not found in PATH" : errnoMeaning(error.code);
  const message = `cannot start ${JSON.stringify(words[0])}: ${where} (${error.code})`;
  if (EXHAUSTED.includes(error.code)) throw new CommandError(`each: ${message}`, FAILED, { cause: error });
  const status: Status = { kind: "exited", code: missing ? NOT_FOUND : NOT_EXECUTABLE };
  return { words, status, timedOut: false, notStarted: message };
}

function isTimeout(reason: unknown): boolean {
  return reason instanceof DOMException && reason.name === "TimeoutError";
}
