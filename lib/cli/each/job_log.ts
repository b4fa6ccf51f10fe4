/**
 * The job log: one line for every job that is over, in the format of GNU parallel, so that its tools read it, and a run that was
 * interrupted goes on where it was.
 *
 * @module
 */

import { displayCommand, type Status } from "../../process/mod.ts";
import { CommandError } from "../command_line.ts";
import { FAILED } from "./exit_code.ts";

/** What a line tells. */
export interface JobLogEntry {
  /** The job's number, from 1. */
  readonly sequence: number;
  /** When its last try began. */
  readonly startedAt: Date;
  /** Milliseconds that it ran. */
  readonly durationMs: number;
  /** Bytes of its standard output, as far as they went through here. */
  readonly outputBytes: number;
  /** How it ended. */
  readonly status: Status;
  /** Whether its time limit ended it. */
  readonly timedOut: boolean;
  /** The command, as words. */
  readonly words: readonly string[];
}

const HEADER = "Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand";

/** What GNU parallel writes for the exit code of a job that its time limit ended. */
const TIMED_OUT = -1;

const NEWLINE = 10;

/** A job log that is written. */
export class JobLog implements Disposable {
  readonly #file: Deno.FsFile;
  readonly #path: string;

  /**
   * Begins a log, or goes on with one.
   *
   * @throws {CommandError} When it cannot be written.
   */
  constructor(path: string, mode: "begin" | "append") {
    this.#path = path;
    this.#file = orExplain(path, () => Deno.openSync(path, { append: true, create: true, read: true }));
    if (mode === "begin") this.#file.truncateSync(0);
    if (this.#file.statSync().size === 0) this.#write(`${HEADER}\n`);
  }

  /** Adds a line, in one write. */
  append(entry: JobLogEntry): void {
    this.#write(`${line(entry)}\n`);
  }

  /** Closes it. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  #write(text: string): void {
    orExplain(this.#path, () => {
      for (let bytes = new TextEncoder().encode(text); bytes.byteLength > 0;) {
        bytes = bytes.subarray(this.#file.writeSync(bytes));
      }
    });
  }
}

/**
 * The jobs that a log says need not be run. A last line without its end was being written when its writer was killed: it is taken away, and
 * its job has not been logged.
 *
 * @param unless Whether a job that failed is to be run again.
 * @throws {CommandError} When the file cannot be read or is no job log.
 */
export function loggedJobs(path: string, unless: "failed" | "none"): Set<number> {
  const bytes = orExplain(path, () => readIfThere(path));
  const end = bytes.lastIndexOf(NEWLINE) + 1;
  if (end < bytes.byteLength) orExplain(path, () => Deno.truncateSync(path, end));
  const [header, ...lines] = new TextDecoder().decode(bytes.subarray(0, end)).split("\n").slice(0, -1);
  if (header !== undefined && !header.startsWith("Seq\tHost\tStarttime\t")) {
    throw new CommandError(`each: ${JSON.stringify(path)} is no job log: its first line is another`, FAILED);
  }
  const jobs = new Set<number>();
  for (const logged of lines) {
    const [sequence, , , , , , code, signal] = logged.split("\t");
    const failed = code !== "0" || signal !== "0";
    // The last line of a job counts: it may have been run again.
    if (failed && unless === "failed") jobs.delete(Number(sequence));
    else jobs.add(Number(sequence));
  }
  return jobs;
}

function line({ sequence, startedAt, durationMs, outputBytes, status, timedOut, words }: JobLogEntry): string {
  const code = timedOut ? TIMED_OUT : status.kind === "exited" ? status.code : 0;
  const signal = status.kind === "signaled" ? status.number : 0;
  const fields = [sequence, ":", seconds(startedAt.getTime()), seconds(durationMs), 0, outputBytes, code, signal];
  return [...fields, displayCommand(words)].join("\t");
}

function seconds(ms: number): string {
  return (ms / 1000).toFixed(3).padStart(10);
}

function readIfThere(path: string): Uint8Array<ArrayBuffer> {
  try {
    return Deno.readFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return new Uint8Array();
    throw error;
  }
}

function orExplain<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof Deno.errors.NotCapable) throw error;
    throw new CommandError(`each: job log ${JSON.stringify(path)}: ${error.message}`, FAILED, { cause: error });
  }
}
