/**
 * One output of a child to several places, or to a stream: the bytes pass through this process.
 *
 * A chunk is written everywhere before the next one is read. So the slowest place holds up the child, nothing is dropped, and no more than
 * one chunk is in memory. A place that wants no more (the reader of a pipe has left) drops out; when none is left, the child gets SIGPIPE.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { ByteWriter } from "../sys/byte_writer.ts";
import { fromDenoError } from "../sys/errno.ts";
import { Fd, setNonblocking } from "../sys/fd.ts";
import { moveDescriptor } from "../sys/inheritable.ts";
import { keepAlive } from "./keep_alive.ts";
import { accessOf, type FileTarget, isDescriptor, isFile, type OutputSink } from "./stdio.ts";

type Bytes = Uint8Array<ArrayBuffer>;

/** A place. */
interface Sink {
  /** Resolves when the bytes are out of our hands; `false` when the place wants no more. */
  write(chunk: Bytes): Promise<boolean>;
  close(): Promise<void> | void;
  /** Gives up. */
  abort(reason: unknown): Promise<void> | void;
}

/** Places that are open and wait for their bytes. */
export interface OpenSinks {
  readonly sinks: readonly Sink[];
  /** What `"piped"` gives, where it is among them: to be read, or everything waits. */
  readonly readable: ReadableStream<Bytes> | undefined;
}

/**
 * Opens the places of an output; when one cannot be opened, those before it are closed.
 *
 * @param name Which output it is, for `"inherit"`.
 */
export function openSinks(places: readonly OutputSink[], name: "stdout" | "stderr"): OpenSinks {
  const sinks: Sink[] = [];
  let readable: OpenSinks["readable"];
  try {
    for (const place of places) {
      if (place === "null") continue;
      if (place === "piped") {
        const branch = branchOf();
        readable = branch.readable;
        sinks.push(branch.sink);
      } else if (place === "inherit") sinks.push(ownOutput(Deno[name]));
      else if (isFile(place)) sinks.push(fileSink(place));
      else if (isDescriptor(place)) sinks.push(descriptorSink(place instanceof Fd ? place : place[moveDescriptor]()));
      else sinks.push(streamSink(place));
    }
  } catch (error) {
    closeSinks({ sinks, readable }, error);
    throw error;
  }
  return { sinks, readable };
}

/** Gives up places that get nothing any more. */
export function closeSinks({ sinks }: OpenSinks, reason: unknown): void {
  for (const sink of sinks) Promise.resolve(sink.abort(reason)).catch(() => {});
}

/**
 * Writes a child's output to every place, to its end. Rejects with the error of a place that failed; the others are given up then, and the
 * output is left, so that the child gets SIGPIPE.
 *
 * @param patience Resolves when nobody waits any longer for places that take nothing.
 */
export async function fanOut(
  source: ReadableStream<Bytes>,
  { sinks }: OpenSinks,
  patience: Promise<void>,
): Promise<void> {
  const release = keepAlive();
  const lost = patience.then(() => LOST);
  let open = [...sinks];
  try {
    for await (const chunk of source) {
      const wanted = await Promise.race([Promise.all(open.map((sink) => sink.write(chunk))), lost]);
      if (wanted instanceof Error) {
        closeSinks({ sinks: open, readable: undefined }, LOST);
        return;
      }
      await Promise.all(open.filter((_, index) => !wanted[index]).map((sink) => sink.close()));
      open = open.filter((_, index) => wanted[index]);
      if (open.length === 0 && sinks.length > 0) break;
    }
    await Promise.race([Promise.all(open.map((sink) => sink.close())), lost]);
  } catch (error) {
    closeSinks({ sinks: open, readable: undefined }, error);
    throw error;
  } finally {
    release();
  }
}

/** Why places are given up whose run was ended. */
const LOST = new Error("The run was ended, and the bytes were not taken");

/** Handed over chunk by chunk: a write waits until its chunk was read and the next one is asked for. */
function branchOf(): { readable: ReadableStream<Bytes>; sink: Sink } {
  let wanted = true;
  let controller: ReadableStreamDefaultController<Bytes> | undefined;
  let asked: (() => void) | undefined;
  const settle = () => asked?.();
  const readable = new ReadableStream<Bytes>({
    start: (given) => void (controller = given),
    pull: settle,
    cancel() {
      wanted = false;
      settle();
    },
  }, { highWaterMark: 0 });
  const sink: Sink = {
    async write(chunk) {
      if (!wanted) return false;
      const next = new Promise<void>((resolve) => asked = resolve);
      controller?.enqueue(chunk);
      await next;
      return wanted;
    },
    close: () => wanted ? controller?.close() : undefined,
    // Who reads after the end of a run has what came until then.
    abort: (reason) => !wanted ? undefined : reason === LOST ? controller?.close() : controller?.error(reason),
  };
  return { readable, sink };
}

/** A stream of the caller's. It is closed at the end, as `pipeTo()` does. */
function streamSink(stream: WritableStream<Uint8Array>): Sink {
  const writer = stream.getWriter();
  return {
    async write(chunk) {
      await writer.ready;
      // A copy: the chunk goes to other places too, and this one may transfer it away.
      await writer.write(chunk.slice());
      return true;
    },
    close: () => writer.close(),
    abort: (reason) => writer.abort(reason),
  };
}

function fileSink(target: FileTarget): Sink {
  const access = accessOf(target);
  const truncate = access === "truncate";
  let file: Deno.FsFile;
  try {
    file = Deno.openSync(target.file, { write: true, create: true, append: !truncate, truncate });
  } catch (error) {
    throw fromDenoError(error, "open", String(target.file));
  }
  // Deno opens no file to truncate and append at once; what is no file has nothing to empty.
  if (access === "empty" && file.statSync().isFile) file.truncateSync(0);
  return { write: (chunk) => writeAll(file, chunk), close: () => file.close(), abort: () => file.close() };
}

function ownOutput(output: typeof Deno.stdout): Sink {
  return { write: (chunk) => writeAll(output, chunk), close() {}, abort() {} };
}

async function writeAll(file: { write(bytes: Uint8Array): Promise<number> }, chunk: Bytes): Promise<boolean> {
  try {
    for (let at = 0; at < chunk.byteLength;) at += await file.write(chunk.subarray(at));
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) return false;
    throw error;
  }
}

function descriptorSink(fd: Fd): Sink {
  setNonblocking(fd);
  const writer = new ByteWriter(fd);
  return {
    async write(chunk) {
      try {
        await writer.write(chunk);
        return true;
      } catch (error) {
        if (error instanceof PosixError && error.code === "EPIPE") return false;
        throw error;
      }
    },
    close: () => writer.close(),
    abort: () => writer.close(),
  };
}
