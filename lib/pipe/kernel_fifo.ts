/**
 * Opening FIFOs with FFI: never blocking, whoever else is there or not.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { backOff } from "../sys/back_off.ts";
import { ERRNO, errno, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { type FileFacts, fileFacts, nameFacts } from "../sys/file_facts.ts";
import { libc } from "../sys/libc.ts";
import { O, PIPE_BUF, POLL } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { pollNow } from "../sys/poll.ts";
import { FifoWatch } from "./fifo_watch.ts";
import { KernelPipeReader, KernelPipeWriter } from "./kernel_ends.ts";
import { type FifoOwner, notAFifo, requireOwner } from "./not_a_fifo.ts";
import type { OpenRequest } from "./open_request.ts";

/**
 * Opens the reading end, which always succeeds at once and lets waiting writers in, and then waits until there has been a writer. Inotify
 * reports those that come.
 */
export async function openFifoReader(request: OpenRequest): Promise<KernelPipeReader> {
  const fd = openEnd(request, O.RDONLY);
  if (fd === undefined) return fail(ERRNO.ENXIO, "open", request.path);
  try {
    if (!request.waitForPeer) return new KernelPipeReader(fd);
    const head = await firstWriter(fd, request);
    return new KernelPipeReader(fd, head.byteLength === 0 ? {} : { head });
  } catch (error) {
    fd.close();
    throw error;
  }
}

/**
 * Tries the writing end until there is a reader. No kernel event can replace the trying: inotify reports an open(2) only when it has
 * succeeded, and the reader that we wait for blocks in its open(2) until we are there.
 */
export async function openFifoWriter(request: OpenRequest): Promise<KernelPipeWriter> {
  const { path, what, options, deadline, waitForPeer } = request;
  const fd = await backOff(what, options, deadline, () => {
    const opened = openEnd(request, O.WRONLY);
    if (opened !== undefined || waitForPeer) return opened;
    return fail(ERRNO.ENXIO, "open", path, { ENXIO: "nobody has it open for reading" });
  });
  return new KernelPipeWriter(fd);
}

/**
 * Opens one end without waiting.
 *
 * @returns `undefined` when there is no reader for a writing end.
 * @throws {PosixError} What `open(2)` says; EINVAL or ELOOP for what is no FIFO; EACCES for what is somebody else's.
 */
function openEnd({ path, owner }: OpenRequest, access: number): Fd | undefined {
  // Looked at first: merely to open a device can do things.
  refuseUnlessFifo(path, nameFacts(path), owner);
  const flags = access | O.NONBLOCK | platform().O_NOFOLLOW | O.CLOEXEC | O.NOCTTY;
  const raw = libc().open(cString(path, "path"), flags, 0);
  if (raw === -1) {
    const number = errno();
    return number === ERRNO.ENXIO ? undefined : fail(number, "open", path);
  }
  const fd = Fd.own(raw, `FIFO ${path}`);
  try {
    // And once more: the name may have been given to something else in between.
    refuseUnlessFifo(path, fileFacts(fd), owner);
    return fd;
  } catch (error) {
    fd.close();
    throw error;
  }
}

function refuseUnlessFifo(path: string, { kind, uid }: FileFacts, owner: FifoOwner): void {
  if (kind !== "FIFO") throw notAFifo("open", path, kind);
  requireOwner(path, uid, owner);
}

/** Waits until a FIFO that is open for reading has had a writer. Returns bytes that had to be read to know. */
async function firstWriter(fd: Fd, request: OpenRequest): Promise<Uint8Array> {
  const { path, what, options, deadline } = request;
  // Watched first, looked at then: a writer that comes in between is not missed.
  using watch = new FifoWatch(fd);
  while (true) {
    const head = lookForWriter(fd);
    if (head !== undefined) return head;
    if (fileFacts(fd).links === 0) {
      throw new PosixError({ code: "ENOENT", syscall: "open", target: path, hint: "it was deleted during the wait" });
    }
    await watch.changed(what, options, deadline);
  }
}

/** Whether a FIFO has, or has had, a writer since it was opened: `poll(2)` and `read(2)` together know. */
function lookForWriter(fd: Fd): Uint8Array | undefined {
  // IN: somebody has written. HUP: somebody was here, and has gone.
  if (pollNow(fd, POLL.IN) !== 0) return new Uint8Array();
  // Neither: EAGAIN when a writer is here, 0 when none has come. Bytes when one wrote just now; PIPE_BUF, so that no packet is cut.
  const buffer = new Uint8Array(PIPE_BUF);
  const count = libc().read(fd.raw, buffer, buffer.byteLength);
  if (count > 0) return buffer.subarray(0, count);
  if (count === 0) return undefined;
  const number = errno();
  return number === ERRNO.EAGAIN ? buffer.subarray(0, 0) : fail(number, "read", fd.what);
}
