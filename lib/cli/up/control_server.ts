/**
 * The socket of a running `causeway up`.
 *
 * One request a connection, a line of JSON: `{ "verb": "status" }`, `{ "verb": "restart", "name": "web" }`. The answer is `{ "ok": true, … }` or
 * `{ "ok": false, "error": … }`; for `logs` events follow, one a line, until either side closes.
 *
 * @module
 */

import { ClosedError, PosixError, ProtocolError } from "../../errors.ts";
import type { ServiceStatus, Supervisor } from "../../process/mod.ts";
import { connectUnix, listenUnix, type StreamSocket, type UnixListener } from "../../socket/mod.ts";
import { CommandError } from "../command_line.ts";
import { ownUser } from "./control_address.ts";
import { readValues, writeValue } from "./control_lines.ts";
import type { EventRecord } from "./log.ts";

/** Events that a new listener gets of before it came. */
const KEPT_EVENTS = 1000;

/** Events that wait for a listener that is slow; what comes then is dropped, and it is told how many were. */
const MOST_WAITING = 10_000;

/** How long an answer may take to be written when this program ends. */
const LAST_WORDS_MS = 1000;

/** A service as `--ctl status --json` has it. */
export type ServiceReport = Omit<ServiceStatus, "error"> & { readonly error?: string };

/** What `--ctl status --json` prints. */
export interface StatusReport {
  /** The pid of the program that runs them. */
  readonly pid: number;
  /** The description. */
  readonly file: string;
  /** Every service. */
  readonly services: readonly ServiceReport[];
}

interface Listener {
  readonly waiting: EventRecord[];
  dropped: number;
  wake: () => void;
}

/** Answers whoever connects, if it is the same user. */
export class ControlServer implements AsyncDisposable {
  readonly #socket: UnixListener<StreamSocket>;
  readonly #file: string;
  readonly #kept: EventRecord[] = [];
  readonly #listeners = new Set<Listener>();
  readonly #answering = new Set<Promise<void>>();
  readonly #over = new AbortController();
  #serving: Promise<void> | undefined;

  private constructor(socket: UnixListener<StreamSocket>, file: string) {
    this.#socket = socket;
    this.#file = file;
  }

  /**
   * Takes the name, which is the lock: one program for one description.
   *
   * @throws {CommandError} When another one has it; says which.
   */
  static async open(path: string, file: string): Promise<ControlServer> {
    try {
      return new ControlServer(await listenUnix(path), file);
    } catch (error) {
      if (!(error instanceof PosixError) || error.code !== "EADDRINUSE") throw error;
      using socket = await connectUnix(path);
      const who = `process ${socket.peer.pid}`;
      throw new CommandError(`up: ${file} is run by ${who} already: --ctl status tells more`, 1, { cause: error });
    }
  }

  /** Begins to answer. */
  serve(supervisor: Supervisor): void {
    this.#serving = this.#accept(supervisor);
  }

  /** An event for those who listen. */
  publish(event: EventRecord): void {
    this.#kept.push(event);
    if (this.#kept.length > KEPT_EVENTS) this.#kept.shift();
    for (const listener of this.#listeners) {
      if (listener.waiting.length < MOST_WAITING) listener.waiting.push(event);
      else listener.dropped++;
      listener.wake();
    }
  }

  /** Takes the name away, and gives answers that are under way a moment. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket[Symbol.dispose]();
    await this.#serving;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, LAST_WORDS_MS));
    for (const listener of this.#listeners) listener.wake();
    const asked = Promise.all(this.#answering);
    await Promise.race([asked, late]);
    clearTimeout(timer);
    this.#over.abort(new ClosedError("Control socket"));
    await asked;
  }

  async #accept(supervisor: Supervisor): Promise<void> {
    for await (const socket of this.#socket) {
      const answering = this.#answer(socket, supervisor).finally(() => this.#answering.delete(answering));
      this.#answering.add(answering);
    }
  }

  async #answer(socket: StreamSocket, supervisor: Supervisor): Promise<void> {
    using _closing = socket;
    try {
      // The directory keeps others out; the kernel knows for sure.
      if (socket.peer.uid !== ownUser()) return;
      for await (const request of untilOver(readValues(socket), this.#over.signal, socket)) {
        await this.#obey(request, socket, supervisor);
        return;
      }
    } catch (error) {
      // It has gone, or has said nonsense: nobody is there to be told.
      if (error instanceof PosixError || error instanceof ClosedError || error instanceof ProtocolError) return;
      throw error;
    }
  }

  async #obey(request: Readonly<Record<string, unknown>>, socket: StreamSocket, supervisor: Supervisor): Promise<void> {
    const { signal } = this.#over;
    const name = typeof request.name === "string" ? request.name : undefined;
    try {
      switch (request.verb) {
        case "status":
          return await writeValue(socket, { ok: true, ...this.#report(supervisor) }, signal);
        case "logs":
          return await this.#tellLog(socket);
        case "start":
          await supervisor.start(name ?? "");
          break;
        case "restart":
          await supervisor.restart(name ?? "");
          break;
        case "stop":
          await (name === undefined ? supervisor.close() : supervisor.stop(name));
          break;
        default:
          throw new TypeError(`there is no verb ${JSON.stringify(request.verb)}`);
      }
    } catch (error) {
      if (error instanceof PosixError && socket.closed) throw error;
      const message = error instanceof Error ? error.message : String(error);
      return await writeValue(socket, { ok: false, error: message }, signal);
    }
    await writeValue(socket, { ok: true }, signal);
  }

  #report(supervisor: Supervisor): StatusReport {
    const services = supervisor.status.map(({ error, ...known }) => ({
      ...known,
      ...(error !== undefined && { error: error.message }),
    }));
    return { pid: Deno.pid, file: this.#file, services };
  }

  async #tellLog(socket: StreamSocket): Promise<void> {
    const { signal } = this.#over;
    const listener: Listener = { waiting: [...this.#kept], dropped: 0, wake: () => {} };
    this.#listeners.add(listener);
    // The other side says nothing more: what comes is its end.
    const gone = socket.read(new Uint8Array(1)).catch(() => null).then(() => {
      isGone = true;
      listener.wake();
    });
    let isGone = false;
    try {
      await writeValue(socket, { ok: true }, signal);
      while (!isGone) {
        for (let event = listener.waiting.shift(); event !== undefined; event = listener.waiting.shift()) {
          await writeValue(socket, event, signal);
        }
        if (listener.dropped > 0) {
          const reason = `${listener.dropped} events were dropped here: this reader is slow`;
          listener.dropped = 0;
          await writeValue(socket, { time: new Date().toISOString(), kind: "supervisor.notice", reason }, signal);
        }
        if (this.#socket.closed) return;
        const { promise, resolve } = Promise.withResolvers<void>();
        listener.wake = resolve;
        if (listener.waiting.length === 0 && !isGone) await promise;
      }
    } finally {
      this.#listeners.delete(listener);
      socket.close();
      await gone;
    }
  }
}

/** Values, until the signal aborts, which closes the socket. */
async function* untilOver<T>(values: AsyncGenerator<T>, signal: AbortSignal, socket: StreamSocket): AsyncGenerator<T> {
  const onAbort = () => socket.close();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    yield* values;
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
