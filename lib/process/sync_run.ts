/**
 * Runs that block this thread: one `poll(2)` waits for every pipe and every child together, so that no side waits for another that waits for
 * it, however much goes through standard input, output and error at once.
 *
 * @module
 */

import { type Fd, setNonblocking } from "../sys/fd.ts";
import { needsFfi } from "../sys/needs_ffi.ts";
import { hasFfi } from "../sys/platform.ts";
import { pollMany } from "../sys/poll_many.ts";
import { concat } from "../sys/concat.ts";
import type { ExceededLimit, RunResult } from "./exit_error.ts";
import { checkResult } from "./finish.ts";
import { choose } from "./launcher.ts";
import { DEFAULT_DRAIN_GRACE_MS, DEFAULT_GRACE_MS } from "./options.ts";
import { startByPosixSpawn } from "./posix_spawn.ts";
import { PreparedStdio } from "./prepared_stdio.ts";
import { joinedStage, launchRequest, type Run } from "./stage.ts";
import { stdinBytes } from "./stdio.ts";
import { SyncChild } from "./sync_child.ts";
import { SyncReader, SyncWriter } from "./sync_streams.ts";
import { overallStatus } from "./verdict.ts";
import { feedsOf, Wiring } from "./wiring.ts";

/**
 * Runs to the end and captures what is to be captured. Does not throw because of a status.
 *
 * @throws {TypeError} For what only the event loop can do: streams, several places for one output.
 * @throws {PosixError} When a stage cannot be started; those to the left of it are killed and reaped.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 */
export function runSync(run: Run): SyncRun {
  if (!hasFfi()) throw needsFfi("Running a program by blocking this thread");
  run.ending.signal?.throwIfAborted();
  const all = new SyncRun(run);
  all.start();
  all.wait();
  return all;
}

/** As {@linkcode runSync}, and a failure is thrown. @throws {ExitError} */
export function outputSync(run: Run): RunResult {
  const ended = runSync(run);
  checkResult(ended, run, ended.result);
  return ended.result;
}

/** A run in progress, or over. */
export class SyncRun {
  readonly #run: Run;
  readonly #startedAt = performance.now();
  readonly #children: SyncChild[] = [];
  readonly #readers: SyncReader[] = [];
  #writer: SyncWriter | undefined;
  #termAt: number;
  #killAt = Infinity;
  #drainUntil = Infinity;
  #drained = true;
  #durationMs = 0;
  /** Whether the time limit was reached while a stage was still running. */
  timedOut = false;
  /** Whether a stage got SIGKILL, because it had not obeyed SIGTERM within the grace. */
  forced = false;
  /** The limit on captured bytes that was reached, where one was. */
  exceeded: ExceededLimit | undefined;

  constructor(run: Run) {
    this.#run = run;
    this.#termAt = this.#startedAt + (run.ending.timeoutMs ?? Infinity);
  }

  /** Starts every stage, from left to right. When one cannot be started, those before it are killed and reaped. */
  start(): void {
    const { stages } = this.#run;
    if (stages.some((_, index) => feedsOf(this.#run, index).length > 1) || this.#run.progress !== undefined) {
      throw new TypeError("Copying a stream to several programs, or counting it, needs an asynchronous verb");
    }
    try {
      using wiring = new Wiring({ stages, metered: false });
      for (const index of stages.keys()) this.#startStage(joinedStage(this.#run, index, wiring));
    } catch (error) {
      for (const child of this.#children) child.end();
      for (const stream of this.#streams()) stream.close();
      throw error;
    }
  }

  /** Waits until every stage has exited and its outputs are over, or their grace. When a source fails, everything is ended. */
  wait(): void {
    try {
      while (this.#children.some(({ ended }) => !ended) || this.#readers.some(({ closed }) => !closed)) this.#turn();
      if (this.timedOut || this.exceeded !== undefined) { for (const child of this.#children) child.endGroup(); }
    } finally {
      for (const child of this.#children) child.end();
      for (const stream of this.#streams()) stream.close();
    }
  }

  #turn(): void {
    const waiting = [...this.#streams(), ...this.#children].filter(({ polled }) => polled !== undefined);
    const until = Math.min(this.#termAt, this.#killAt, this.#drainUntil);
    const ready = pollMany(waiting.map(({ polled }) => polled!), Math.max(0, until - performance.now()));
    for (const [index, each] of waiting.entries()) if (ready[index] !== 0) each.onReady();
    this.#keepLimits();
  }

  /** What is left, when it is over. */
  get result(): RunResult {
    const stages = this.#children.map((child) => child.result());
    const captured = (name: string) =>
      concat(this.#readers.filter((reader) => reader.name === name).flatMap(({ chunks }) => chunks));
    const [stdoutBytes, stderrBytes] = [captured("stdout"), captured("stderr")];
    return {
      stdout: new TextDecoder().decode(stdoutBytes),
      stderr: new TextDecoder().decode(stderrBytes),
      stdoutBytes,
      stderrBytes,
      status: overallStatus(this.#run, stages),
      durationMs: this.#durationMs,
      drained: this.#drained,
      stages,
    };
  }

  #startStage({ stage, target }: ReturnType<typeof joinedStage>): void {
    const input = stdinBytes(target.stdin);
    if (input !== undefined && !(Symbol.iterator in input)) {
      throw new TypeError("stdin: an asynchronous source needs an asynchronous verb");
    }
    using stdio = new PreparedStdio(target, stage.options);
    using undo = new DisposableStack();
    if (stdio.feeder !== undefined) undo.use(stdio.feeder);
    if (stdio.merged !== undefined) undo.use(stdio.merged.reader);
    for (const name of ["stdout", "stderr"] as const) {
      if (stdio.sinks[name] === undefined) continue;
      throw new TypeError(`${name}: a stream, or several places at once, needs an asynchronous verb`);
    }
    const request = launchRequest(stage, stdio, this.#run);
    const choice = choose(request.settings, [...request.descriptors.keys()], ["a synchronous verb"]);
    const started = startByPosixSpawn(request, choice);
    undo.move();
    this.#children.push(new SyncChild(started, stage, this.#run));
    if (stdio.feeder !== undefined && input !== undefined) {
      setNonblocking(stdio.feeder);
      this.#writer = new SyncWriter(stdio.feeder, input);
    }
    this.#read("stdout", started.stdout);
    this.#read("stderr", started.stderr);
    if (stdio.merged === undefined) return;
    setNonblocking(stdio.merged.reader);
    this.#read(stdio.merged.name, stdio.merged.reader);
  }

  #read(name: "stdout" | "stderr", fd: Fd | undefined): void {
    if (fd === undefined) return;
    this.#readers.push(new SyncReader(fd, name, (bytes) => this.#room(name, bytes)));
  }

  /** How many bytes more may be kept of a stream, of all stages together. */
  #room(name: "stdout" | "stderr", byteLength: number): number {
    const { maxOutputBytes = Infinity } = this.#run.ending;
    const kept = this.#readers.filter((reader) => reader.name === name).reduce(
      (sum, reader) => sum + reader.byteLength,
      0,
    );
    const room = Math.min(maxOutputBytes - kept, byteLength);
    if (room < byteLength && this.exceeded === undefined) {
      this.exceeded = { stream: name, maxOutputBytes };
      this.#terminate();
    }
    return room;
  }

  /** Does what the clock says. */
  #keepLimits(): void {
    const now = performance.now();
    const alive = this.#children.filter(({ ended }) => !ended);
    if (alive.length === 0) this.#onAllExited(now);
    else if (now >= this.#killAt) {
      this.#killAt = Infinity;
      for (const child of alive) this.forced = child.signal("SIGKILL") || this.forced;
    } else if (now >= this.#termAt) {
      this.timedOut = true;
      this.#terminate();
    }
  }

  #onAllExited(now: number): void {
    if (this.#drainUntil === Infinity) {
      this.#durationMs = now - this.#startedAt;
      this.#drainUntil = now + (this.#run.ending.drainGraceMs ?? DEFAULT_DRAIN_GRACE_MS);
      this.#termAt = this.#killAt = Infinity;
      // What nobody reads any more is not written any more; a grandchild may hold the other end.
      this.#writer?.close();
    }
    if (now < this.#drainUntil) return;
    for (const reader of this.#readers.filter(({ closed }) => !closed)) {
      reader.readRest();
      reader.close();
      this.#drained = false;
    }
  }

  #terminate(): void {
    this.#termAt = Infinity;
    this.#killAt = performance.now() + (this.#run.ending.graceMs ?? DEFAULT_GRACE_MS);
    for (const child of this.#children) {
      child.signal(child.endSignal);
      child.signal("SIGCONT");
    }
  }

  #streams(): (SyncReader | SyncWriter)[] {
    return this.#writer === undefined ? this.#readers : [this.#writer, ...this.#readers];
  }
}
