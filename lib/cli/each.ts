/**
 * `causeway each`: a command for every item, so many at a time; the good part of `xargs -P` and GNU parallel.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { displayText } from "../process/display.ts";
import {
  type Child,
  displayCommand,
  type JobResult,
  type Pool,
  pool,
  type PoolHaltedError,
  shellCode,
  type Status,
} from "../process/mod.ts";
import { fromDenoError } from "../sys/errno.ts";
import { CommandError } from "./command_line.ts";
import { exitCode, FAILED } from "./each/exit_code.ts";
import { combinations, grouped, itemsOf } from "./each/items.ts";
import { type EachJob, GRACE_MS, JobFailure, type Outcome, runJob, tellJob } from "./each/job.ts";
import { JobLog, loggedJobs } from "./each/job_log.ts";
import { type JobOutput, jobOutputs } from "./each/job_output.ts";
import { Printer } from "./each/printer.ts";
import { Progress, type ProgressFacts } from "./each/progress.ts";
import { readRequest, type Request } from "./each/request.ts";
import { Interruption } from "./interruption.ts";
import { jsonText, OutputClosed, print, printError, saidInJson } from "./output.ts";

/** What `each --json` prints for every job, one object a line. */
export interface EachReport {
  /** The job's number, from 1. */
  readonly sequence: number;
  /** Its items. */
  readonly items: readonly string[];
  /** Its command. */
  readonly command: readonly string[];
  /** How its last try ended. */
  readonly status: Status;
  /** What a shell would say of that status; 127 and 126 when it could not be started. */
  readonly exitCode: number;
  /** Whether its time limit ended it. */
  readonly timedOut: boolean;
  /** How often it was started. */
  readonly attempts: number;
  /** When its last try began, in ISO 8601. */
  readonly startedAt: string;
  /** Milliseconds that its last try took. */
  readonly durationMs: number;
  /** Its standard output as UTF-8; bytes that are none become U+FFFD. */
  readonly stdout: string;
  /** Its standard error. */
  readonly stderr: string;
  /** The bytes of its standard output in base64, only where `stdout` does not tell them: it is no UTF-8, or begins with a byte order mark. */
  readonly stdoutBase64?: string;
  /** The same of its standard error. */
  readonly stderrBase64?: string;
}

/** How many results may wait for an earlier one when the order is kept. Small ones are in memory, others on disk, by two descriptors each. */
const MOST_HELD = 400;

/** What timeout(1) exits with when the time is over. */
const TIMED_OUT = 124;

/** How long a reader may take for what is left when all jobs have ended after a signal. */
const LAST_WORDS_MS = 1000;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const request = await readRequest(args);
  const skip = request.resume === "none" || request.jobLog === undefined
    ? new Set<number>()
    : loggedJobs(request.jobLog, request.resume === "failed" ? "failed" : "none");
  const groups = await groupsOf(request);
  if (request.dryRun) return await dryRun(request, groups, skip);
  try {
    return await new Each(request, groups, skip).run();
  } catch (error) {
    if (!(error instanceof Error) || error instanceof CommandError || error instanceof OutputClosed) throw error;
    // 1 would mean that one job failed.
    throw new CommandError(`each: ${error.message}`, FAILED, { cause: error });
  }
}

/** The items of every job; an array when their number is needed before the first is run. */
async function groupsOf(request: Request): Promise<AsyncIterable<string[]> | readonly string[][]> {
  const groups = grouping(request);
  const needsTotal = request.halt?.percent !== undefined || request.progress === "eta" || request.lists.length > 0;
  return needsTotal ? await Array.fromAsync(groups) : groups;
}

async function* grouping(request: Request): AsyncGenerator<string[], void, void> {
  const { lists, maxArgs, skipBlank } = request;
  const [list, other] = lists;
  const source = list === undefined ? readItems(request) : list;
  const groups = other === undefined ? grouped(wanted(source, skipBlank), maxArgs) : combinations(lists);
  yield* groups;
}

async function* wanted(items: Iterable<string> | AsyncIterable<string>, skipBlank: boolean): AsyncGenerator<string> {
  for await (const item of items) if (!skipBlank || item.trim() !== "") yield item;
}

async function* readItems({ argFile, separator }: Request): AsyncGenerator<string, void, void> {
  if (argFile === undefined || argFile === "-") {
    if (Deno.stdin.isTerminal()) printError("causeway: each: items are read from the terminal, one a line\n");
    yield* itemsOf(Deno.stdin, separator);
    return;
  }
  let file: Deno.FsFile;
  try {
    file = await Deno.open(argFile);
  } catch (error) {
    const reason = fromDenoError(error, "open", argFile);
    if (!(reason instanceof PosixError)) throw error;
    throw new CommandError(`each: ${reason.message}`, FAILED, { cause: error });
  }
  using _closing = file;
  yield* itemsOf(file, separator);
}

async function dryRun(
  { template }: Request,
  groups: AsyncIterable<string[]> | Iterable<string[]>,
  skip: ReadonlySet<number>,
): Promise<number> {
  let sequence = 0;
  for await (const items of groups) {
    if (skip.has(++sequence)) continue;
    print(`${displayCommand(template.fill({ items, sequence, slot: 1 }))}\n`);
  }
  return 0;
}

/** One run. */
class Each {
  readonly #request: Request;
  readonly #groups: AsyncIterable<string[]> | readonly string[][];
  readonly #skip: ReadonlySet<number>;
  readonly #live = new Set<Child>();
  #interrupted = false;
  #skipped = 0;
  #done = 0;
  #failed = 0;

  constructor(request: Request, groups: AsyncIterable<string[]> | readonly string[][], skip: ReadonlySet<number>) {
    this.#request = request;
    this.#groups = groups;
    this.#skip = skip;
  }

  async run(): Promise<number> {
    const { concurrency, delayMs, halt, jobLog, progress, resume, retryDelayMs, timeoutMs, tries } = this.#request;
    const todo = this.#jobs();
    using log = jobLog === undefined ? undefined : new JobLog(jobLog, resume === "none" ? "begin" : "append");
    using line = progress === "none" ? undefined : new Progress(progress === "eta", () => this.#facts());
    const printer = new Printer(line);
    await using jobs = pool({
      concurrency,
      delayMs,
      timeoutMs,
      halt: halt ?? "never",
      retry: { times: tries - 1, delayMs: retryDelayMs, when: (error) => error instanceof JobFailure },
    });
    let graceTimer: ReturnType<typeof setTimeout> | undefined;
    let lastTimer: ReturnType<typeof setTimeout> | undefined;
    const stuck = Promise.withResolvers<void>();
    await using interruption = new Interruption((event) => {
      this.#interrupted = true;
      for (const child of this.#live) tellJob(event, child);
      // A second signal is meant.
      jobs.halt(graceTimer === undefined ? "soon" : "now");
      if (graceTimer !== undefined) return;
      graceTimer = setTimeout(() => jobs.halt("now"), GRACE_MS);
      jobs.waitIdle().then(() => lastTimer = setTimeout(stuck.resolve, LAST_WORDS_MS));
    });
    try {
      await Promise.race([this.#deliverAll(jobs, todo, printer, log), stuck.promise]);
    } finally {
      clearTimeout(graceTimer);
      clearTimeout(lastTimer);
    }
    if (interruption.received !== undefined) return await interruption.dieOfIt();
    return this.#verdict(jobs.halted);
  }

  async #deliverAll(
    jobs: Pool,
    todo: EachJob[] | AsyncGenerator<EachJob, void, void>,
    printer: Printer,
    log: JobLog | undefined,
  ): Promise<void> {
    const { keepOrder, output, tag, template } = this.#request;
    const setting = {
      template,
      output: jobOutputs(output, tag, printer),
      live: this.#live,
      interrupted: () => this.#interrupted,
    };
    const order = keepOrder ? { order: "input", readAhead: MOST_HELD } as const : { order: "finished" } as const;
    const results = jobs.map(todo, (job, context) => runJob(job, context, setting), order);
    for await (const result of results) await this.#deliver(result, printer, log);
  }

  async #deliver(result: JobResult<Outcome, EachJob>, printer: Printer, log: JobLog | undefined): Promise<void> {
    using output = result.item.output;
    if (result.kind === "cancelled" || output === undefined) return;
    const outcome = result.kind === "done" ? result.value : outcomeOf(result.error);
    if (result.kind === "done") this.#done++;
    else this.#failed++;
    if (this.#request.output === "json") {
      const text = `${jsonText(report(result, outcome, output))}\n`;
      await printer.write("stdout", new TextEncoder().encode(text));
    } else {
      await output.print();
    }
    const { sequence } = result.item;
    const trouble = outcome.notStarted ?? (outcome.timedOut ? "time limit reached" : undefined);
    if (trouble !== undefined) {
      const text = `causeway: each: job ${sequence}: ${displayText(trouble)}\n`;
      await printer.write("stderr", new TextEncoder().encode(text));
    }
    // Logged last: what the log has is out. A job that failed because this program was interrupted is to be run again.
    if (this.#interrupted && result.kind === "failed") return;
    const { startedAt, durationMs } = result;
    log?.append({ sequence, startedAt, durationMs, outputBytes: output.outputBytes, ...outcome });
  }

  #verdict(halted: PoolHaltedError | undefined): number {
    const { halt } = this.#request;
    if (halted !== undefined) printError(`causeway: each: ${halted.message.replace(/^Pool /, "")}\n`);
    return exitCode({
      total: this.#total,
      done: this.#done,
      failed: this.#failed,
      halted: halted !== undefined,
      culprit: halt?.count === 1 ? culpritCode(halted?.cause) : undefined,
    }, halt);
  }

  /** How many jobs there are to run, if that is known. */
  get #total(): number | undefined {
    return Symbol.asyncIterator in this.#groups ? undefined : this.#groups.length - this.#skipped;
  }

  #facts(): ProgressFacts {
    const overNow = this.#done + this.#failed;
    const total = this.#total === undefined ? undefined : this.#total + this.#skipped;
    return { total, over: overNow + this.#skipped, overNow, failed: this.#failed, running: this.#live.size };
  }

  /** The jobs that the log does not say are over; an array when their number is known. */
  #jobs(): EachJob[] | AsyncGenerator<EachJob, void, void> {
    const groups = this.#groups;
    if (Symbol.asyncIterator in groups) return this.#jobsAsTheyCome(groups);
    const all = groups.map((items, index) => ({ sequence: index + 1, items, output: undefined }));
    const wanted = all.filter(({ sequence }) => !this.#skip.has(sequence));
    this.#skipped = all.length - wanted.length;
    return wanted;
  }

  async *#jobsAsTheyCome(groups: AsyncIterable<string[]>): AsyncGenerator<EachJob, void, void> {
    let sequence = 0;
    for await (const items of groups) {
      sequence++;
      if (this.#skip.has(sequence)) this.#skipped++;
      else yield { sequence, items, output: undefined };
    }
  }
}

/** What a shell would say of the job that failed; nothing when none did. */
function culpritCode(error: unknown): number | undefined {
  if (!(error instanceof JobFailure)) return undefined;
  const { status, timedOut } = error.outcome;
  return timedOut ? TIMED_OUT : shellCode(status);
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof JobFailure) return error.outcome;
  throw error;
}

function report(result: JobResult<Outcome, EachJob>, outcome: Outcome, output: JobOutput): EachReport {
  const { sequence, items } = result.item;
  const { status, timedOut, words } = outcome;
  const [stdout, stderr] = [saidInJson(output.bytes("stdout")), saidInJson(output.bytes("stderr"))];
  return {
    sequence,
    items,
    command: words,
    status,
    exitCode: shellCode(status),
    timedOut,
    attempts: result.attempts,
    startedAt: result.startedAt.toISOString(),
    durationMs: result.durationMs,
    stdout: stdout.text,
    stderr: stderr.text,
    ...(stdout.base64 !== undefined && { stdoutBase64: stdout.base64 }),
    ...(stderr.base64 !== undefined && { stderrBase64: stderr.base64 }),
  };
}
