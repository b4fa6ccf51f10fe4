/**
 * Waiting until a service is ready.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { type Pipe, pipe } from "../pipe/pipe.ts";
import { connectUnix } from "../socket/unix.ts";
import { pause } from "../sys/back_off.ts";
import { Deadline } from "../sys/clock.ts";
import type { Movable } from "../sys/inheritable.ts";
import type { CommandOptions } from "./options.ts";
import type { LineListener } from "./service_output.ts";
import { isSuccess } from "./status.ts";
import { isStopped } from "./stopped_process.ts";
import type { Readiness, ReadyByCommand, ReadyByLine, ReadyBySocket } from "./supervisor_options.ts";

/** A service did not become ready; the message says why, after its name. */
export class NotReady extends Error {
  /** Always `"NotReady"`. */
  override readonly name = "NotReady";
}

/** Between two tries to connect. */
const CONNECT_PAUSE_MS = { first: 10, last: 250 } as const;

/** Between two runs of a program that tells. */
const COMMAND_PAUSE_MS = 200;

const NEWLINE = 10;

/** The readiness of one start of a service. */
export class ReadinessWait implements Disposable {
  readonly #ready: Readiness | undefined;
  readonly #protection: Pick<CommandOptions, "group" | "lifeline">;
  readonly #pipe: Pipe | undefined;
  readonly #line = Promise.withResolvers<void>();

  /**
   * @param protection What a program that tells gets besides.
   * @throws {PosixError} EMFILE.
   */
  constructor(ready: Readiness | undefined, protection: Pick<CommandOptions, "group" | "lifeline">) {
    this.#ready = ready;
    this.#protection = protection;
    if (ready !== undefined && "descriptor" in ready) this.#pipe = pipe();
  }

  /** What the service gets. */
  get descriptors(): Readonly<Record<number, Movable>> {
    const ready = this.#ready;
    return ready !== undefined && "descriptor" in ready && this.#pipe ? { [ready.descriptor]: this.#pipe.writer } : {};
  }

  /** Is told every line. */
  readonly onLine: LineListener = (stream, text) => {
    if (this.#ready !== undefined && "line" in this.#ready && tells(this.#ready, stream, text)) this.#line.resolve();
  };

  /**
   * Resolves when the service is ready.
   *
   * @throws {NotReady}
   * @throws The signal's reason when it aborts.
   */
  async wait(pid: number, signal: AbortSignal): Promise<void> {
    const ready = this.#ready;
    if (ready === undefined) return;
    const { timeoutMs = Infinity } = ready;
    const expired = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const arm = () => timer = setTimeout(onTime, Math.min(timeoutMs, 2 ** 31 - 1));
    const onTime = () => {
      // Who is stopped is not slow by its own fault.
      if (isStopped(pid)) arm();
      else expired.abort(new NotReady(`was not ready after ${timeoutMs} ms`));
    };
    if (timeoutMs !== Infinity) arm();
    try {
      await this.#wait(ready, AbortSignal.any([signal, expired.signal]));
    } finally {
      clearTimeout(timer);
    }
  }

  /** Gives up what was opened. */
  [Symbol.dispose](): void {
    this.#pipe?.reader.close();
    this.#pipe?.writer.close();
  }

  async #wait(ready: Readiness, signal: AbortSignal): Promise<void> {
    if ("line" in ready) await unlessAborted(this.#line.promise, signal);
    else if ("descriptor" in ready) await this.#newline(ready.descriptor, signal);
    else if ("socket" in ready) await accepts(ready, signal);
    else await this.#succeeds(ready, signal);
  }

  async #newline(descriptor: number, signal: AbortSignal): Promise<void> {
    const buffer = new Uint8Array(256);
    while (true) {
      const count = await this.#pipe!.reader.read(buffer, { signal });
      if (count === null) {
        // Its end closes it, too: then the end is what happened.
        await new Promise((resolve) => setTimeout(resolve));
        signal.throwIfAborted();
        throw new NotReady(`closed descriptor ${descriptor} without a newline`);
      }
      if (buffer.subarray(0, count).includes(NEWLINE)) return;
    }
  }

  async #succeeds({ command, everyMs = COMMAND_PAUSE_MS }: ReadyByCommand, signal: AbortSignal): Promise<void> {
    const asked = command.with({ ...this.#protection, stdout: "null", stderr: "null", signal });
    while (!isSuccess(await asked.status())) await pauseFor(everyMs, signal);
  }
}

function tells(ready: ReadyByLine, stream: "stdout" | "stderr", text: string): boolean {
  const { line, stream: wanted = "both" } = ready;
  if (wanted !== "both" && wanted !== stream) return false;
  // A sticky or global expression keeps a place of its own.
  return typeof line === "string" ? text.includes(line) : text.search(line) !== -1;
}

async function accepts(ready: ReadyBySocket, signal: AbortSignal): Promise<void> {
  for (let ms: number = CONNECT_PAUSE_MS.first;; ms = Math.min(2 * ms, CONNECT_PAUSE_MS.last)) {
    if (await accepted(ready, signal)) return;
    await pauseFor(ms, signal);
  }
}

async function accepted({ socket, host = "127.0.0.1" }: ReadyBySocket, signal: AbortSignal): Promise<boolean> {
  signal.throwIfAborted();
  if (typeof socket === "string") {
    try {
      (await connectUnix(socket, { signal })).close();
      return true;
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      // Somebody listens there for messages rather than bytes.
      if (error.code === "EPROTOTYPE") return true;
      if (["ENOENT", "ENOTDIR", "ECONNREFUSED"].includes(error.code)) return false;
      throw error;
    }
  }
  const connecting = Deno.connect({ hostname: host, port: socket });
  const closing = connecting.then((connection) => connection.close());
  closing.catch(() => {});
  try {
    await unlessAborted(closing, signal);
    return true;
  } catch (error) {
    if (signal.aborted || error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}

/** Waits, but not longer than until the signal aborts. */
async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted();
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = () => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

/** Waits so many milliseconds, or rejects when the signal aborts. */
export async function pauseFor(ms: number, signal: AbortSignal): Promise<void> {
  await pause("pause", Math.min(ms, 2 ** 31 - 1), { signal }, new Deadline("pause"));
}
