/**
 * Opening FIFOs.
 *
 * @module
 */

import { Deadline, type WaitOptions } from "../sys/clock.ts";
import { cString } from "../sys/memory.ts";
import { requireRead, requireWrite } from "../sys/permission.ts";
import { hasFfi } from "../sys/platform.ts";
import { publish } from "../sys/probe.ts";
import { openFifoFile } from "./file_fifo.ts";
import { openFifoReader, openFifoWriter } from "./kernel_fifo.ts";
import { checkOwner } from "./not_a_fifo.ts";
import type { OpenRequest } from "./open_request.ts";
import type { PipeReader } from "./pipe_reader.ts";
import type { PipeWriter } from "./pipe_writer.ts";

/** How {@linkcode openFifo} opens. */
export interface OpenFifoOptions extends WaitOptions {
  /**
   * Whether to wait until somebody has the other end open. Without waiting, the reading end opens at once (its first read then waits for a
   * writer), and the writing end opens only if there is a reader.
   * @default {true}
   */
  waitForPeer?: boolean | undefined;
  /**
   * Whom the FIFO must belong to, as a user id. Where others may create names too (`/tmp`), what is found there may be theirs, and they
   * read what is written to it.
   * @default {"any"}
   */
  owner?: number | "any" | undefined;
}

/**
 * `open(path, O_RDONLY | O_NOFOLLOW)`: opens a FIFO for reading; the promise resolves when a writer has opened it too.
 *
 * It waits as `open(2)` does, and a writer that waits in `open(2)` sees it at once; but the wait can be given up, and takes no thread. What a
 * writer wrote that has come and gone meanwhile is there to be read.
 *
 * **Without `--allow-ffi`** each wait takes a thread of Deno's pool (there are 32), also when it reads, and the end that is returned has only
 * `read`, `readable` and `close`. `signal` and `timeoutMs` then need `--allow-write` too: to give up, the writing end is opened for a moment.
 * A FIFO that is deleted during the wait is not noticed, and `waitForPeer: false` is refused.
 *
 * @throws {TypeError} When `end` is neither `"read"` nor `"write"`, `owner` no user id, or the path has a NUL character.
 * @throws {PosixError} ENOENT when there is no such name, or the FIFO is deleted during the wait; EINVAL when it is no FIFO; ELOOP when it is a
 * symbolic link; EACCES also when it belongs to another user than `owner`; ENOTDIR, ENAMETOOLONG, EMFILE, ENFILE.
 * @throws {DOMException} `TimeoutError` after `timeoutMs`; an abort rejects with `signal.reason`.
 * @throws {Deno.errors.NotCapable} Without `--allow-read`.
 *
 * @example Two processes meet at a name
 * ```ts
 * import { command, createFifo, openFifo } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const directory = Deno.makeTempDirSync();
 * const path = `${directory}/greeting`;
 * createFifo(path);
 * await using child = command("sh", ["-c", 'echo hello > "$1"', "sh", path]).spawn();
 * using reader = await openFifo(path, "read", { timeoutMs: 10_000 });
 * assertEquals(await new Response(reader.readable).text(), "hello\n");
 * Deno.removeSync(directory, { recursive: true });
 * await child.status;
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/fifo.7.html fifo(7)}
 */
export function openFifo(path: string, end: "read", options?: OpenFifoOptions): Promise<PipeReader>;
/**
 * `open(path, O_WRONLY | O_NOFOLLOW)`: opens a FIFO for writing; the promise resolves when a reader has opened it too.
 *
 * The kernel announces no reader, so this end tries again and again, at last every 50 ms. That takes no thread, and can be given up. Readers
 * and writers that wait in `open(2)` see nothing of it.
 *
 * **Without `--allow-ffi`** each wait takes a thread of Deno's pool (there are 32), also when it writes, and the end that is returned has only
 * `write`, `writable`, `bytesWritten` and `close`. It needs `--allow-read` too. To give up, the reading end is opened for a moment. A FIFO
 * that is deleted during the wait is not noticed.
 *
 * @throws {TypeError} When `end` is neither `"read"` nor `"write"`, `owner` no user id, or the path has a NUL character.
 * @throws {PosixError} ENXIO with `waitForPeer: false` when nobody reads; ENOENT when there is no such name, or no more; EINVAL when it is no
 * FIFO; ELOOP when it is a symbolic link; EACCES also when it belongs to another user than `owner`; ENOTDIR, ENAMETOOLONG, EMFILE, ENFILE.
 * @throws {DOMException} `TimeoutError` after `timeoutMs`; an abort rejects with `signal.reason`.
 * @throws {Deno.errors.NotCapable} Without `--allow-write`; without FFI, also without `--allow-read`.
 *
 * @example Is anybody there?
 * ```ts
 * import { createFifo, openFifo, PosixError } from "@causeway/causeway";
 * import { assertEquals, assertRejects } from "@std/assert";
 *
 * const directory = Deno.makeTempDirSync();
 * const path = `${directory}/log`;
 * createFifo(path);
 * const error = await assertRejects(() => openFifo(path, "write", { waitForPeer: false }), PosixError);
 * assertEquals(error.code, "ENXIO");
 * Deno.removeSync(directory, { recursive: true });
 * ```
 */
export function openFifo(path: string, end: "write", options?: OpenFifoOptions): Promise<PipeWriter>;
export async function openFifo(
  path: string,
  end: "read" | "write",
  options: OpenFifoOptions = {},
): Promise<PipeReader | PipeWriter> {
  if (end !== "read" && end !== "write") {
    throw new TypeError(`end must be "read" or "write", got ${Deno.inspect(end)}`);
  }
  cString(path, "path");
  const { waitForPeer = true, owner = "any" } = options;
  checkOwner(owner);
  const what = `Opening FIFO ${path} for ${end === "read" ? "reading" : "writing"}`;
  const deadline = new Deadline(what, options.timeoutMs);
  options.signal?.throwIfAborted();
  const request = { path, what, deadline, options, waitForPeer, owner };
  if (end === "read") requireRead(path);
  else requireWrite(path);
  const opened = await open(request, end);
  publish(() => ({ kind: "fifo.open", path, end }));
  return opened;
}

function open(request: OpenRequest, end: "read" | "write"): Promise<PipeReader | PipeWriter> {
  if (!hasFfi()) return openFifoFile(request, end);
  return end === "read" ? openFifoReader(request) : openFifoWriter(request);
}
