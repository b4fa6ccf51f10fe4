/**
 * A running child process.
 *
 * @module
 */

import { type Signal, signalNumber } from "../signal/names.ts";
import { publish } from "../sys/probe.ts";
import { feed } from "./feed.ts";
import { keepAlive } from "./keep_alive.ts";
import type { Launched } from "./deno_command.ts";
import { type OutputStream, outputStream } from "./output_stream.ts";
import type { Status } from "./status.ts";
import type { StdinBytes } from "./stdio.ts";

/** What a {@linkcode Child} is made of. */
export interface ChildParts {
  /** Program and arguments, as they were given. */
  words: readonly string[];
  /** The launched process. */
  launched: Launched;
  /** What to write into its standard input. */
  input: StdinBytes | undefined;
  /** How long to wait for end of file after the exit. */
  drainGraceMs: number;
  /** How long it may take to obey SIGTERM when it is disposed of. */
  graceMs: number;
}

/**
 * A child process: a real one, with a pid, whose end is reported once and to everybody who asks.
 *
 * Exit and end of output are two events: `status` resolves when the process has exited, `drained` when its outputs are over; a grandchild
 * can hold them open much longer. The child keeps this process alive until it has exited, unless `unref()` says otherwise.
 *
 * @example Talk to a child
 * ```ts
 * import { command } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * await using child = command("cat", [], { stdin: "piped", stdout: "piped" }).spawn();
 * const writer = child.stdin.getWriter();
 * await writer.write(new TextEncoder().encode("hello"));
 * await writer.close();
 * assertEquals(await new Response(child.stdout).text(), "hello");
 * assertEquals(await child.status, { kind: "exited", code: 0 });
 * ```
 */
export class Child implements AsyncDisposable {
  /** The process id, for people. It says nothing after the exit: the kernel uses numbers again. */
  readonly pid: number;
  /** Program and arguments, as they were given. */
  readonly words: readonly string[];
  /** Resolves with how the process ended. Never rejects because of how. */
  readonly status: Promise<Status>;
  /** Resolves when the process has exited, with the milliseconds that it ran. */
  readonly exited: Promise<number>;
  /** Resolves when piped outputs are over: `true` when each met its end of file, `false` when one was given up or left. */
  readonly drained: Promise<boolean>;
  readonly #launched: Launched;
  readonly #stdin: WritableStream<Uint8Array> | undefined;
  readonly #stdout: OutputStream | undefined;
  readonly #stderr: OutputStream | undefined;
  readonly #graceMs: number;
  #release: (() => void) | undefined;
  #ended: Status | undefined;

  /** Made by `spawn()`. */
  constructor(parts: ChildParts) {
    const { launched, words } = parts;
    const startedAt = performance.now();
    this.pid = launched.pid;
    this.words = words;
    this.#launched = launched;
    this.#graceMs = parts.graceMs;
    this.#release = keepAlive();
    publish(() => ({ kind: "spawn", pid: launched.pid, words }));
    this.status = launched.status.then((status) => {
      this.#ended = status;
      publish(() => ({ kind: "exit", pid: launched.pid, status }));
      return status;
    }).finally(() => this.unref());
    this.exited = this.status.then(() => performance.now() - startedAt);
    // Whoever wants the status awaits it; nobody is forced to.
    this.exited.catch(() => {});
    this.#stdout = launched.stdout && outputStream(launched.stdout, this.status, parts.drainGraceMs);
    this.#stderr = launched.stderr && outputStream(launched.stderr, this.status, parts.drainGraceMs);
    this.drained = Promise.all([this.#stdout?.drained ?? true, this.#stderr?.drained ?? true])
      .then((ends) => ends.every(Boolean));
    if (parts.input !== undefined && launched.stdin !== undefined) feed(launched.stdin, parts.input, this.status);
    else this.#stdin = launched.stdin;
  }

  /**
   * The child's standard input.
   *
   * @throws {TypeError} When it is not `"piped"`.
   */
  get stdin(): WritableStream<Uint8Array> {
    return this.#stdin ?? notPiped("stdin");
  }

  /**
   * The child's standard output, to read once.
   *
   * @throws {TypeError} When it is not `"piped"`.
   */
  get stdout(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#stdout?.readable ?? notPiped("stdout");
  }

  /**
   * The child's standard error, to read once.
   *
   * @throws {TypeError} When it is not `"piped"`.
   */
  get stderr(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#stderr?.readable ?? notPiped("stderr");
  }

  /** How the process ended, where that is known already. */
  get ended(): Status | undefined {
    return this.#ended;
  }

  /**
   * Sends a signal. A child that has exited is left in peace: that is no error, and no process that got its pid is ever hit (with FFI the
   * kernel guarantees it by pidfd; without, there is the moment between Deno's reaping and our hearing of it).
   *
   * @param signal By name or number; SIGTERM when left out.
   * @returns Whether there was somebody to signal.
   * @throws {TypeError} When there is no such signal.
   */
  kill(signal: Signal | number = "SIGTERM"): boolean {
    const number = signalNumber(signal);
    if (this.#ended !== undefined) return false;
    return this.#launched.signal(number);
  }

  /** Whether the process has not exited, as far as can be known: by pidfd at once, without FFI when Deno has reaped it. */
  get alive(): boolean {
    return this.#ended === undefined && this.#launched.isAlive();
  }

  /** Lets this process end before the child does. */
  unref(): void {
    this.#release?.();
    this.#release = undefined;
  }

  /** Keeps this process alive until the child has exited (so it is from the start). */
  ref(): void {
    if (this.#ended === undefined) this.#release ??= keepAlive();
  }

  /**
   * Ends the child: SIGTERM, and SIGKILL when it is still there after `graceMs`. A stopped child is continued, so that it can obey.
   *
   * @param graceMs Milliseconds; the command's `graceMs` when left out.
   * @returns Whether SIGKILL was needed.
   */
  async terminate(graceMs: number = this.#graceMs): Promise<boolean> {
    if (!this.alive || !this.kill("SIGTERM")) {
      await this.status;
      return false;
    }
    this.kill("SIGCONT");
    let timer: ReturnType<typeof setTimeout> | undefined;
    const grace = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), Math.min(graceMs, 2 ** 31 - 1));
    });
    const ended = await Promise.race([this.status, grace]);
    clearTimeout(timer);
    if (ended !== undefined) return false;
    const forced = this.kill("SIGKILL");
    await this.status;
    return forced;
  }

  /** Ends the child if it still runs, and gives up its streams. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.terminate();
    await this.release();
  }

  /** Gives up the streams that nobody reads. */
  async release(): Promise<void> {
    // A pipe that somebody holds a reader or writer of is theirs to close.
    if (this.#stdin !== undefined && !this.#stdin.locked) await this.#stdin.close().catch(isGone);
    for (const stream of [this.#stdout, this.#stderr]) {
      if (stream !== undefined && !stream.readable.locked) await stream.readable.cancel();
    }
  }
}

/** Closing the pipe of a process that is gone, or closing it twice, fails with nothing lost. */
function isGone(error: unknown): void {
  if (
    error instanceof TypeError || error instanceof Deno.errors.BrokenPipe || error instanceof Deno.errors.BadResource
  ) return;
  throw error;
}

function notPiped(name: string): never {
  throw new TypeError(`${name} is not piped: start the child with { ${name}: "piped" }`);
}
