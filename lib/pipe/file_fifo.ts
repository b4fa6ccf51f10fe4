/**
 * Opening FIFOs without FFI, through Deno's own files: the open waits in a thread of the pool.
 *
 * @module
 */

import { backOff } from "../sys/back_off.ts";
import { cancellable, Deadline } from "../sys/clock.ts";
import { fromDenoError } from "../sys/errno.ts";
import { needsFfi } from "../sys/needs_ffi.ts";
import { nodeFs } from "../sys/node.ts";
import { requireRead, requireWrite } from "../sys/permission.ts";
import { denoKind } from "./fifo.ts";
import { FilePipeReader, FilePipeWriter } from "./file_ends.ts";
import { notAFifo, requireOwner } from "./not_a_fifo.ts";
import type { OpenRequest } from "./open_request.ts";

type End = "read" | "write";

/** Opens one end. */
export async function openFifoFile(request: OpenRequest, end: End): Promise<FilePipeReader | FilePipeWriter> {
  const { path, options, waitForPeer } = request;
  // To look at the name needs read permission; to give up a pending open needs the other end.
  requireRead(path);
  if (options.signal !== undefined || options.timeoutMs !== undefined) requireWrite(path);
  try {
    const before = await Deno.lstat(path);
    if (!before.isFifo) throw notAFifo("open", path, denoKind(before));
    requireOwner(path, before.uid, request.owner);
    if (!waitForPeer) meetNow(path, end);
    const file = await openFile(request, end);
    const after = await file.stat();
    if (after.isFifo && after.ino === before.ino && after.dev === before.dev) {
      const what = `FIFO ${path}`;
      return end === "read" ? new FilePipeReader(file, what) : new FilePipeWriter(file, what);
    }
    file.close();
    throw notAFifo("open", path, after.isFifo ? "FIFO made meanwhile" : denoKind(after));
  } catch (error) {
    throw fromDenoError(error, "open", path);
  }
}

/** Throws ENXIO for a writing end without a reader. */
function meetNow(path: string, end: End): void {
  if (end === "read") throw needsFfi("Opening a FIFO for reading without a writer");
  nodeFs().closeSync(openNow(path, "write"));
}

async function openFile(request: OpenRequest, end: End): Promise<Deno.FsFile> {
  const { path, what, options, deadline } = request;
  const opening = Deno.open(path, { read: end === "read", write: end === "write" });
  try {
    return await cancellable<Deno.FsFile>(what, options, (resolve, reject) => {
      opening.then(resolve, reject);
      return () => {};
    }, deadline);
  } catch (error) {
    // It fails when the name is gone: nobody can meet the pending open any more, and its thread stays blocked.
    await withdraw(path, end, opening).catch(() => {});
    throw error;
  }
}

/** Ends an open that is pending in the pool: by opening the other end, until it returns. */
async function withdraw(path: string, end: End, opening: Promise<Deno.FsFile>): Promise<void> {
  let settled = false;
  const closed = opening.then((file) => file.close(), () => {}).finally(() => settled = true);
  const otherEnd = end === "read" ? "write" : "read";
  let other: number | undefined;
  try {
    const what = "Giving up a pending open";
    await backOff(what, {}, new Deadline(what), () => {
      other ??= tryOpenNow(path, otherEnd);
      return settled || undefined;
    });
    await closed;
  } finally {
    if (other !== undefined) nodeFs().closeSync(other);
  }
}

/** ENXIO: the pool has not got to our open yet, so there is no reader. */
function tryOpenNow(path: string, end: End): number | undefined {
  try {
    return openNow(path, end);
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "ENXIO") return undefined;
    throw error;
  }
}

function openNow(path: string, end: End): number {
  const { O_RDONLY, O_WRONLY, O_NONBLOCK, O_NOFOLLOW } = nodeFs().constants;
  return nodeFs().openSync(path, (end === "read" ? O_RDONLY : O_WRONLY) | O_NONBLOCK | O_NOFOLLOW);
}
