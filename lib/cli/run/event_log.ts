/**
 * What happens to the programs, as JSON lines.
 *
 * @module
 */

import type { ProcessEvent } from "../../process/mod.ts";
import { fromDenoError } from "../../sys/errno.ts";
import { type ProbeEvent, subscribe } from "../../sys/probe.ts";
import { jsonText, printError } from "../output.ts";

/** What `run --events` prints, one object a line. */
export type EventLine = { readonly time: string } & ProcessEvent;

/** Writes every event of this program's children until it is disposed of. */
export class EventLog implements Disposable {
  readonly #resources = new DisposableStack();
  /** Children that have not exited. */
  readonly #live = new Set<number>();
  #idle = Promise.withResolvers<void>();

  /**
   * Begins to listen.
   *
   * @param place A file, or this program's standard error.
   * @throws {PosixError} When the file cannot be opened.
   */
  constructor(place: { readonly file: string; readonly append: boolean } | "stderr") {
    const write = place === "stderr" ? printError : this.#file(place);
    this.#idle.resolve();
    this.#resources.defer(subscribe((event) => {
      if (!event.kind.startsWith("process.")) return;
      write(`${jsonText({ time: new Date().toISOString(), ...event })}\n`);
      this.#count(event);
    }));
  }

  /** Resolves when every child has exited whose start was written. */
  get idle(): Promise<void> {
    return this.#idle.promise;
  }

  /** Stops listening. */
  [Symbol.dispose](): void {
    this.#resources.dispose();
  }

  #count({ kind, pid }: ProbeEvent): void {
    if (typeof pid !== "number") return;
    if (kind === "process.spawn") {
      if (this.#live.size === 0) this.#idle = Promise.withResolvers();
      this.#live.add(pid);
    } else if (kind === "process.exit" && this.#live.delete(pid) && this.#live.size === 0) this.#idle.resolve();
  }

  #file({ file: path, append }: { readonly file: string; readonly append: boolean }): (text: string) => void {
    try {
      const file = this.#resources.use(Deno.openSync(path, { write: true, create: true, append, truncate: !append }));
      return (text) => writeAll(file, new TextEncoder().encode(text));
    } catch (error) {
      throw fromDenoError(error, "open", path);
    }
  }
}

function writeAll(file: Deno.FsFile, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.byteLength;) at += file.writeSync(bytes.subarray(at));
}
