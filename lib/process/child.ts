/**
 * A running child process.
 *
 * @module
 */

import { type Signal, signalName, signalNumber } from "../signal/names.ts";
import { hasFfi } from "../sys/platform.ts";
import { publishProcess } from "./events.ts";
import { fanOut, type OpenSinks } from "./fan_out.ts";
import { feed } from "./feed.ts";
import { groupMembers } from "./process_group.ts";
import { keepAlive } from "./keep_alive.ts";
import { DEFAULT_DRAIN_GRACE_MS } from "./options.ts";
import type { Launched } from "./launcher.ts";
import { type OutputStream, outputStream } from "./output_stream.ts";
import type { Status } from "./status.ts";
import type { StdinBytes } from "./stdio.ts";
import type { Usage } from "./usage.ts";

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
  /** How long it may take to obey when it is disposed of. */
  graceMs: number;
  /** What asks it to end; SIGTERM when left out. */
  endSignal?: Signal | undefined;
  /** The directory that was asked for. */
  cwd?: string | undefined;
  /** The places of the outputs that go to several. */
  sinks?: { readonly stdout?: OpenSinks | undefined; readonly stderr?: OpenSinks | undefined };
}

/** How often to look whether a group is empty: no event tells. */
const GROUP_LOOK_MS = 20;

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
  /** The working directory that was asked for; `undefined` for this process's own. */
  readonly cwd: string | undefined;
  /**
   * Resolves when everything is written that this process writes: a source of bytes into the child's standard input, outputs to several places
   * or to streams. Rejects when a source or a place failed.
   */
  readonly transferred: Promise<void>;
  /** Resolves when piped outputs are over: `true` when each met its end of file, `false` when one was given up or left. */
  readonly drained: Promise<boolean>;
  readonly #launched: Launched;
  readonly #stdin: WritableStream<Uint8Array> | undefined;
  readonly #stdout: OutputStream | undefined;
  readonly #stderr: OutputStream | undefined;
  readonly #sinks: NonNullable<ChildParts["sinks"]>;
  readonly #drainGraceMs: number;
  /** Resolves when places that take nothing are not waited for any longer. */
  readonly #patience = Promise.withResolvers<void>();
  readonly #graceMs: number;
  readonly #endSignal: Signal;
  #release: (() => void) | undefined;
  #ended: Status | undefined;
  #remaining: readonly number[] = [];

  /** Made by `spawn()`. */
  constructor(parts: ChildParts) {
    const { launched, words } = parts;
    const startedAt = performance.now();
    this.pid = launched.pid;
    this.words = words;
    this.#launched = launched;
    this.#graceMs = parts.graceMs;
    this.#endSignal = parts.endSignal ?? "SIGTERM";
    this.cwd = parts.cwd;
    this.#sinks = parts.sinks ?? {};
    this.#drainGraceMs = parts.drainGraceMs;
    this.#release = keepAlive();
    publishProcess(() => ({ kind: "process.spawn", pid: launched.pid, words, cwd: parts.cwd }));
    this.status = launched.status.then((status) => {
      this.#ended = status;
      if (launched.isGroupThere()) this.#remaining = groupMembers(launched.pid);
      const { usage } = launched;
      publishProcess(() => ({
        kind: "process.exit",
        pid: launched.pid,
        words,
        status,
        durationMs: performance.now() - startedAt,
        ...(usage && { usage }),
      }));
      return status;
    }).finally(() => this.#letGo());
    this.exited = this.status.then(() => performance.now() - startedAt);
    // Whoever wants the status awaits it; nobody is forced to.
    this.exited.catch(() => {});
    this.#stdout = launched.stdout && outputStream(launched.stdout, this.status, parts.drainGraceMs);
    this.#stderr = launched.stderr && outputStream(launched.stderr, this.status, parts.drainGraceMs);
    this.drained = Promise.all([this.#stdout?.drained ?? true, this.#stderr?.drained ?? true])
      .then((ends) => ends.every(Boolean));
    const transfers: Promise<void>[] = [];
    for (const name of ["stdout", "stderr"] as const) {
      const [stream, sinks] = [name === "stdout" ? this.#stdout : this.#stderr, this.#sinks[name]];
      if (stream !== undefined && sinks !== undefined) {
        transfers.push(fanOut(stream.readable, sinks, this.#patience.promise));
      }
    }
    if (parts.input !== undefined && launched.stdin !== undefined) {
      const graceMs = parts.drainGraceMs;
      const into = launched.stdin;
      const withdrawable = hasFfi();
      const feeding = feed({ into, input: parts.input, exited: this.status, graceMs, withdrawable });
      transfers.push(feeding.then((fed) => {
        if ("sourceError" in fed) throw fed.sourceError;
      }));
    } else this.#stdin = launched.stdin;
    this.transferred = Promise.all(transfers).then(() => {});
    // A failed source or place is told by the verb. After spawn(), whoever wants to know awaits this.
    this.transferred.catch(() => {});
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
    return this.#output("stdout") ?? notPiped("stdout");
  }

  /**
   * The child's standard error, to read once.
   *
   * @throws {TypeError} When it is not `"piped"`.
   */
  get stderr(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#output("stderr") ?? notPiped("stderr");
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
    const sent = this.#launched.signal(number);
    if (sent) {
      publishProcess(() => ({ kind: "process.signal", pid: this.pid, signal: signalName(number), group: false }));
    }
    return sent;
  }

  /**
   * Sends a signal to every process of the group that the child leads, also when the child itself has exited.
   *
   * @param signal By name or number; SIGTERM when left out.
   * @returns Whether there was anybody to signal.
   * @throws {TypeError} When there is no such signal, or the child was not started with `group: "own"` or `"session"`.
   */
  killGroup(signal: Signal | number = "SIGTERM"): boolean {
    const number = signalNumber(signal);
    if (!this.#launched.leadsGroup) {
      throw new TypeError('The child leads no process group: start it with { group: "own" } or { group: "session" }');
    }
    const sent = this.#launched.signalGroup(number);
    if (sent) {
      publishProcess(() => ({ kind: "process.signal", pid: this.pid, signal: signalName(number), group: true }));
    }
    return sent;
  }

  /** `SIGSTOP`: stops the child, and the group that it leads. Returns whether there was anybody to stop. */
  stop(): boolean {
    return this.#signal("SIGSTOP");
  }

  /** `SIGCONT`: lets a stopped child go on, and the group that it leads. Returns whether there was anybody. */
  continue(): boolean {
    return this.#signal("SIGCONT");
  }

  /** CPU time and memory of a child that was started with `usage: true` and has ended. */
  get usage(): Usage | undefined {
    return this.#launched.usage;
  }

  /**
   * Pids of those that were left in the child's own group when it had exited. To know them, `--allow-read` is needed (for /proc).
   * `killGroup()` and disposing of the child still reach them.
   */
  get remaining(): readonly number[] {
    return this.#remaining;
  }

  /** Whether the process has not exited, as far as can be known: by pidfd at once, without FFI when Deno has reaped it. */
  get alive(): boolean {
    return this.#ended === undefined && this.#launched.isAlive();
  }

  /** Lets this process end before the child does. */
  unref(): void {
    this.#letGo();
    this.#launched.hold(false);
  }

  /** Keeps this process alive until the child has exited (so it is from the start). */
  ref(): void {
    if (this.#ended !== undefined) return;
    this.#release ??= keepAlive();
    this.#launched.hold(true);
  }

  /**
   * Ends the child: its `endSignal`, and SIGKILL when it is still there after `graceMs`. A stopped child is continued, so that it can obey. The group
   * that it leads is ended with it, as a whole.
   *
   * @param graceMs Milliseconds; the command's `graceMs` when left out.
   * @returns Whether SIGKILL was needed.
   */
  async terminate(graceMs: number = this.#graceMs): Promise<boolean> {
    if (!this.#isThere() || !this.#signal(this.#endSignal)) {
      await this.status;
      return false;
    }
    this.#signal("SIGCONT");
    const endsAt = performance.now() + graceMs;
    await within(graceMs, this.status);
    while (this.#isThere() && performance.now() < endsAt) {
      await within(Math.min(GROUP_LOOK_MS, endsAt - performance.now()), new Promise(() => {}));
    }
    const forced = this.#isThere() && this.#signal("SIGKILL");
    await this.status;
    this.#losePatience();
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
    for (const name of ["stdout", "stderr"] as const) {
      const stream = this.#output(name);
      if (stream !== undefined && !stream.locked) await stream.cancel();
    }
    await this.#launched.release();
  }

  /** The stream that an output is read by: its own, or the branch for `"piped"` of one that goes to several places. */
  #output(name: "stdout" | "stderr"): ReadableStream<Uint8Array<ArrayBuffer>> | undefined {
    const sinks = this.#sinks[name];
    return sinks === undefined ? (name === "stdout" ? this.#stdout : this.#stderr)?.readable : sinks.readable;
  }

  /** To the group, where the child leads one. */
  #signal(signal: Signal): boolean {
    return this.#launched.leadsGroup ? this.killGroup(signal) : this.kill(signal);
  }

  /** Whether the child is there, or anybody of the group that it leads. */
  #isThere(): boolean {
    return this.alive || (this.#ended !== undefined && this.#launched.isGroupThere());
  }

  /** A stream that never takes what it is given must not hold up who ended the run. */
  async #losePatience(): Promise<void> {
    await within(Math.min(this.#drainGraceMs, DEFAULT_DRAIN_GRACE_MS), this.transferred.catch(() => {}));
    this.#patience.resolve();
  }

  #letGo(): void {
    this.#release?.();
    this.#release = undefined;
  }
}

/** Waits for a promise, but not longer than so many milliseconds. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const over = new Promise((resolve) => timer = setTimeout(resolve, Math.min(ms, 2 ** 31 - 1)));
  await Promise.race([promise, over]);
  clearTimeout(timer);
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
