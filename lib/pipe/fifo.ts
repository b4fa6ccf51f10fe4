/**
 * Names for pipes: making and removing FIFOs.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { check, fromDenoError } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { fileFacts } from "../sys/file_facts.ts";
import { libc } from "../sys/libc.ts";
import { AT, O } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { requireWrite } from "../sys/permission.ts";
import { hasFfi, platform } from "../sys/platform.ts";
import { publish } from "../sys/probe.ts";
import { mkfifoProgram } from "./mkfifo_program.ts";
import { notAFifo } from "./not_a_fifo.ts";

/** What {@linkcode createFifo} creates. */
export interface CreateFifoOptions {
  /**
   * Permission bits, whatever the umask: no moment exists in which they are wider.
   * @default {0o600}
   */
  mode?: number | undefined;
}

/**
 * `mkfifo(path, mode)`: creates a FIFO, a pipe with a name in the file system. Synchronous: nothing waits.
 *
 * The name is all that is created; the pipe itself comes and goes with those who have it open (see {@linkcode openFifo}), and what nobody has
 * read by then is lost. The name stays after a crash, until {@linkcode unlinkFifo}. An existing name is never reused.
 *
 * Without `--allow-ffi` the program `mkfifo(1)` is run, which needs `--allow-run=mkfifo`. Both ways need `--allow-write`.
 *
 * @throws {TypeError} When the path has a NUL character.
 * @throws {RangeError} When `mode` is not in 0..0o777.
 * @throws {PosixError} EEXIST when the name is taken, by whatever; ENOENT when its directory is missing; ENOTDIR, EACCES, ELOOP, ENAMETOOLONG,
 * EROFS, ENOSPC, EDQUOT; EPERM on a file system without FIFOs.
 * @throws {Deno.errors.NotCapable} Without the permissions above.
 *
 * @example Create, use, remove
 * ```ts
 * import { createFifo, openFifo, unlinkFifo } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const directory = Deno.makeTempDirSync();
 * const path = `${directory}/events`;
 * createFifo(path);
 * const [reader, writer] = await Promise.all([openFifo(path, "read"), openFifo(path, "write")]);
 * await writer.write(new TextEncoder().encode("hello"));
 * writer.close();
 * assertEquals(await new Response(reader.readable).text(), "hello");
 * unlinkFifo(path);
 * Deno.removeSync(directory);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man3/mkfifo.3.html mkfifo(3)}
 * @see {@link https://man7.org/linux/man-pages/man7/fifo.7.html fifo(7)}
 */
export function createFifo(path: string, options: CreateFifoOptions = {}): void {
  const { mode = 0o600 } = options;
  cString(path, "path");
  if (!Number.isInteger(mode) || mode < 0 || mode > 0o777) {
    throw new RangeError(`mode must be in 0..0o777, got ${Deno.inspect(mode)}`);
  }
  makeFifo(path, mode);
}

/** `createFifo` for every mode, the sticky bit included: it is there from birth on, so nobody ever finds the FIFO without it. */
export function makeFifo(path: string, mode: number): void {
  const name = cString(path, "path");
  requireWrite(path);
  if (hasFfi()) mkfifo(path, name, mode);
  else mkfifoProgram([path], mode);
  publish(() => ({ kind: "fifo.create", path, mode }));
}

/**
 * `unlink(path)`: removes the name of a FIFO. Who has it open goes on as if nothing had happened.
 *
 * @throws {PosixError} ENOENT when there is no such name; EINVAL when it is no FIFO; EACCES, EPERM, ENOTDIR, EROFS.
 * @throws {Deno.errors.NotCapable} Without `--allow-read` and `--allow-write`.
 *
 * @example What is no FIFO stays
 * ```ts
 * import { PosixError, unlinkFifo } from "@causeway/causeway";
 * import { assertThrows } from "@std/assert";
 *
 * const file = Deno.makeTempFileSync();
 * assertThrows(() => unlinkFifo(file), PosixError, "it is a regular file, not a FIFO");
 * Deno.removeSync(file);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/unlink.2.html unlink(2)}
 */
export function unlinkFifo(path: string): void {
  cString(path, "path");
  try {
    const info = Deno.lstatSync(path);
    if (!info.isFifo) throw notAFifo("unlink", path, denoKind(info));
    Deno.removeSync(path);
  } catch (error) {
    throw fromDenoError(error, "unlink", path);
  }
  publish(() => ({ kind: "fifo.unlink", path }));
}

/** What Deno says that a file is. */
export function denoKind(info: Deno.FileInfo): string {
  if (info.isFifo) return "FIFO";
  if (info.isFile) return "regular file";
  if (info.isDirectory) return "directory";
  if (info.isSymlink) return "symbolic link";
  return info.isSocket ? "socket" : "device";
}

function mkfifo(path: string, name: Uint8Array<ArrayBuffer>, mode: number): void {
  check(libc().mkfifo(name, mode), "mkfifo", path);
  // The umask can only have taken bits away. They come back through a descriptor: by name, the change could hit another file.
  using fifo = Fd.own(check(libc().open(name, O.PATH | platform().O_NOFOLLOW | O.CLOEXEC, 0), "open", path), path);
  const facts = fileFacts(fifo);
  if (facts.kind !== "FIFO" || facts.uid !== libc().geteuid()) {
    throw new PosixError({ code: "EEXIST", syscall: "mkfifo", target: path, hint: "another process has replaced it" });
  }
  if (facts.mode === mode) return;
  const link = cString(`/proc/self/fd/${fifo.raw}`, "path");
  const result = libc().fchmodat(AT.FDCWD, link, mode, 0);
  if (result === -1) {
    try {
      check(result, "fchmodat", path);
    } finally {
      libc().unlink(name);
    }
  }
}
