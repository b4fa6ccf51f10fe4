/**
 * How a process begins to tell of itself. `causeway trace` has Deno load this module before the program (see {@linkcode Recording.env}).
 *
 * @module
 */

import { libc } from "../sys/libc.ts";
import { O } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { hasFfi } from "../sys/platform.ts";
import type { TraceEvent } from "./event.ts";
import { introduction, listen } from "./recorder.ts";
import { TraceFile } from "./trace_file.ts";
import { tellOfWorkers } from "./workers.ts";

/** How a process takes part in a recording. */
export interface AttachOptions {
  /** What it is called in drawings; its program when left out. */
  name?: string | undefined;
  /** Most events; 100,000 when left out. */
  most?: number | undefined;
}

/**
 * Writes what this isolate, and the Workers that it starts from now on, do into the directory of a recording.
 *
 * @returns How to stop; `undefined` where it cannot tell anything, for lack of `--allow-ffi`.
 * @throws {PosixError} When the directory cannot be written.
 */
export function attach(directory: string, { name, most }: AttachOptions = {}): (() => void) | undefined {
  if (!hasFfi()) return undefined;
  const parent = libc().getppid();
  const facts = { words: commandLine(), parent, ...(name === undefined ? {} : { name }) };
  return begin(directory, introduction("process", facts), most);
}

/** The same of a Worker: what it calls itself is its process's, and a name that tells it from its siblings. */
export function attachWorker(directory: string, { name, most }: AttachOptions): (() => void) | undefined {
  return hasFfi() ? begin(directory, introduction("worker", { name }), most) : undefined;
}

function begin(directory: string, first: TraceEvent, most: number | undefined): () => void {
  const file = new TraceFile(directory);
  file.append(first);
  const stop = listen((event) => file.append(event), most);
  const leaveWorkers = tellOfWorkers(directory, most);
  return () => {
    leaveWorkers();
    stop();
    file[Symbol.dispose]();
  };
}

/** This process's own command line. It is no secret from itself, so no read permission is asked for. */
function commandLine(): string[] {
  const fd = libc().open(cString("/proc/self/cmdline", "path"), O.RDONLY | O.CLOEXEC, 0);
  if (fd === -1) return [];
  const buffer = new Uint8Array(65536);
  const count = libc().read(fd, buffer, buffer.byteLength);
  libc().close(fd);
  return new TextDecoder().decode(buffer.subarray(0, Math.max(0, count))).split("\0").slice(0, -1);
}
