/**
 * The outputs of one job, held until they are printed.
 *
 * With FFI they go to files without a name, as in GNU parallel: no byte passes through this process before the end, and memory stays flat
 * whatever a job says. Otherwise they go through pipes into memory.
 *
 * @module
 */

import type { Child, OutputTarget } from "../../process/mod.ts";
import { isGranted } from "../../sys/permission.ts";
import { hasFfi } from "../../sys/platform.ts";
import { ScratchFile } from "../../sys/scratch_file.ts";

/** One of the two outputs. */
export type StreamName = "stdout" | "stderr";

/** Outputs that are held. */
export interface Capture extends Disposable {
  /** Where the job's outputs go. Each is taken once. */
  target(stream: StreamName): OutputTarget;
  /** Takes what a job says, until it has ended and all of it is here. */
  follow(child: Child): Promise<void>;
  /** What was said, piece by piece. A piece is valid until the next is asked for. */
  chunks(stream: StreamName): Iterable<Uint8Array>;
}

/** Makes the captures of one run. */
export type Capturing = () => Capture;

/** The best way to hold outputs here. */
export function capturing(): Capturing {
  const directory = temporaryDirectory();
  if (!hasFfi() || !isGranted({ name: "write", path: directory })) return () => new PipeCapture();
  try {
    new ScratchFile(directory).close();
    return () => new FileCapture(directory);
  } catch (error) {
    // A file system without nameless files, or a directory that is none of ours: memory will do.
    if (error instanceof Error) return () => new PipeCapture();
    throw error;
  }
}

function temporaryDirectory(): string {
  const named = isGranted({ name: "env", variable: "TMPDIR" }) ? Deno.env.get("TMPDIR") : undefined;
  return named === undefined || named === "" ? "/tmp" : named;
}

const CHUNK_BYTES = 65_536;

/** Less is kept in memory at once: a descriptor is worth more. */
const SMALL_BYTES = 16_384;

class FileCapture implements Capture {
  readonly #files: Readonly<Record<StreamName, ScratchFile>>;
  readonly #small = new Map<StreamName, Uint8Array<ArrayBuffer>>();

  constructor(directory: string) {
    const stdout = new ScratchFile(directory);
    try {
      this.#files = { stdout, stderr: new ScratchFile(directory) };
    } catch (error) {
      stdout.close();
      throw error;
    }
  }

  target(stream: StreamName): OutputTarget {
    return this.#files[stream].writer();
  }

  async follow(child: Child): Promise<void> {
    await child.status;
    for (const stream of ["stdout", "stderr"] as const) {
      const length = this.#files[stream].read(shared, 0);
      if (length > SMALL_BYTES) continue;
      this.#small.set(stream, shared.slice(0, length));
      this.#files[stream].close();
    }
  }

  *chunks(stream: StreamName): Generator<Uint8Array, void, void> {
    const small = this.#small.get(stream);
    if (small !== undefined) {
      if (small.byteLength > 0) yield small;
      return;
    }
    const chunk = new Uint8Array(CHUNK_BYTES);
    const file = this.#files[stream];
    for (let offset = 0, length = -1; length !== 0; offset += length) {
      length = file.read(chunk, offset);
      if (length > 0) yield chunk.subarray(0, length);
    }
  }

  [Symbol.dispose](): void {
    this.#files.stdout.close();
    this.#files.stderr.close();
  }
}

const shared = new Uint8Array(SMALL_BYTES + 1);

class PipeCapture implements Capture {
  readonly #chunks: Readonly<Record<StreamName, Uint8Array[]>> = { stdout: [], stderr: [] };

  target(): OutputTarget {
    return "piped";
  }

  async follow(child: Child): Promise<void> {
    await Promise.all((["stdout", "stderr"] as const).map(async (stream) => {
      for await (const chunk of child[stream]) this.#chunks[stream].push(chunk);
    }));
  }

  chunks(stream: StreamName): Iterable<Uint8Array> {
    return this.#chunks[stream];
  }

  [Symbol.dispose](): void {
    this.#chunks.stdout.length = 0;
    this.#chunks.stderr.length = 0;
  }
}
