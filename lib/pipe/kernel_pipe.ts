/**
 * Pipes whose two ends both go to children: no byte passes through JavaScript. With FFI they are `pipe2(2)`; without, each is a FIFO in a
 * private directory that is gone again before anybody sees it.
 *
 * @module
 */

import { check, fromDenoError } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { O } from "../sys/linux.ts";
import { nodeFs } from "../sys/node.ts";
import { hasFfi } from "../sys/platform.ts";
import { mkfifoProgram } from "./mkfifo_program.ts";

/** The two ends of one kernel pipe. Both are close-on-exec; the caller closes them once the children have theirs. */
export interface KernelPipe extends Disposable {
  /** The end that is read. */
  readonly reader: Fd;
  /** The end that is written. */
  readonly writer: Fd;
}

/**
 * `pipe2(O_CLOEXEC)`: one pipe for two children.
 *
 * @throws {PosixError} EMFILE, ENFILE when there is no descriptor left.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, unless `--allow-run=mkfifo --allow-read --allow-write` are all there.
 */
export function kernelPipe(): KernelPipe {
  return kernelPipes(1)[0]!;
}

/**
 * As many pipes as a pipeline needs. Without FFI they cost one `mkfifo(1)` together. When one cannot be made, none is left.
 *
 * @throws {PosixError} EMFILE, ENFILE when there is no descriptor left.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, unless `--allow-run=mkfifo --allow-read --allow-write` are all there.
 */
export function kernelPipes(count: number): KernelPipe[] {
  if (count === 0) return [];
  return hasFfi()
    ? make(count, pipe2)
    : withPrivateFifos(count, (paths) => make(count, (index) => openBoth(paths[index]!)));
}

/** Makes `count` pipes, or closes those that were made and throws. */
function make(count: number, one: (index: number) => KernelPipe): KernelPipe[] {
  using made = new DisposableStack();
  const pipes = Array.from({ length: count }, (_, index) => made.use(one(index)));
  made.move();
  return pipes;
}

function pipe2(): KernelPipe {
  const ends = new Int32Array(2);
  check(libc().pipe2(ends, O.CLOEXEC), "pipe2");
  return pair(Fd.own(ends[0]!, "Pipe reader"), Fd.own(ends[1]!, "Pipe writer"));
}

/** FIFOs that live for the length of `use`, in a directory that only this user can enter. */
function withPrivateFifos<T>(count: number, use: (paths: string[]) => T): T {
  const directory = Deno.makeTempDirSync({ prefix: "causeway-" });
  try {
    const paths = Array.from({ length: count }, (_, index) => `${directory}/${index}`);
    mkfifoProgram(paths, 0o600);
    return use(paths);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/** Non-blocking, reader first: an open for reading never waits then, and one for writing finds its reader. */
function openBoth(path: string): KernelPipe {
  const reader = openNode(path, nodeFs().constants.O_RDONLY, "Pipe reader");
  try {
    return pair(reader, openNode(path, nodeFs().constants.O_WRONLY, "Pipe writer"));
  } catch (error) {
    reader.close();
    throw error;
  }
}

/** Deno refuses to close by one layer what another opened, so `node:fs` closes it. It opens close-on-exec. */
function openNode(path: string, access: number, what: string): Fd {
  let raw: number;
  try {
    raw = nodeFs().openSync(path, access | nodeFs().constants.O_NONBLOCK);
  } catch (error) {
    throw fromDenoError(error, "open", path);
  }
  return Fd.own(raw, what, (raw) => nodeFs().closeSync(raw));
}

function pair(reader: Fd, writer: Fd): KernelPipe {
  return {
    reader,
    writer,
    [Symbol.dispose]() {
      reader.close();
      writer.close();
    },
  };
}
