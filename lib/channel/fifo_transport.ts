/**
 * The road `fifo:`: bytes of one sender to one receiver through a named pipe.
 *
 * A pipe cannot say who is at its ends, so three signs are left on the file itself. Its sticky bit says that a channel made it, so a stale one
 * may be used again. While a sender lives it holds the file's `flock(2)`: the second waits. A receiver that closes takes all permission bits
 * away, so that its sender can tell a close from a death.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { makeFifo, unlinkFifo } from "../pipe/fifo.ts";
import { openFifo } from "../pipe/open_fifo.ts";
import type { PipeReader } from "../pipe/pipe_reader.ts";
import { flock } from "../sync/lock_calls.ts";
import { backOff } from "../sys/back_off.ts";
import type { Deadline, SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import { check, errno } from "../sys/errno.ts";
import { Fd, setNonblocking } from "../sys/fd.ts";
import { fileFacts, nameFacts } from "../sys/file_facts.ts";
import { moveDescriptor } from "../sys/inheritable.ts";
import { libc } from "../sys/libc.ts";
import { AT, O } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { hasFfi, platform } from "../sys/platform.ts";
import { type ByteRoad, KernelByteRoad } from "./byte_road.ts";
import { FramedTransport } from "./framed_transport.ts";
import { LightByteRoad } from "./light_byte_road.ts";
import { type AddressOf, type RoadOpener, type RoadRequest, stepOf } from "./road.ts";
import type { Transport } from "./transport.ts";

/** The sticky bit: a channel made this FIFO. */
const MADE_BY_A_CHANNEL = 0o1000;

/** The road. */
export const fifoRoad: RoadOpener<AddressOf<"fifo">> = {
  open: ({ path }, request) => request.mode === "listen" ? receiveFrom(path, request) : sendTo(path, request),
};

async function receiveFrom(path: string, request: RoadRequest): Promise<Transport> {
  const name = hasFfi() ? new FifoName(path, request.permissions) : undefined;
  if (name === undefined) createUnlessThere(path, request.permissions);
  try {
    const reader = await openFifo(path, "read", stepOf(request));
    const road = name === undefined ? new LightByteRoad(reader, undefined) : new FifoReadRoad(reader, name);
    const transport = await FramedTransport.open(request.shown, road, request.hello, stepOf(request));
    // The next sender waits for the next listener, and its bytes never follow those of one that died.
    name?.unlink();
    return transport;
  } catch (error) {
    name?.close();
    throw error;
  }
}

function sendTo(path: string, request: RoadRequest): Promise<Transport> {
  const waiting = { signal: request.signal };
  return backOff<Transport>(`Connecting to ${request.shown}`, waiting, request.deadline, async () => {
    try {
      const writer = await openFifo(path, "write", stepOf(request));
      if (!hasFfi()) {
        return await FramedTransport.open(request.shown, new LightByteRoad(undefined, writer), request.hello, waiting);
      }
      const fd = writer[moveDescriptor]();
      setNonblocking(fd);
      if (!flock.try(fd, "exclusive")) {
        // Kept open, it would hide the death of the one who has it from the receiver.
        fd.close();
        return undefined;
      }
      return await FramedTransport.open(request.shown, new KernelByteRoad(fd, "send"), request.hello, waiting);
    } catch (error) {
      if (error instanceof PosixError && ["ENOENT", "EPIPE"].includes(error.code)) return undefined;
      throw error;
    }
  });
}

/** The file, from the listener's side. */
class FifoName {
  readonly #path: string;
  readonly #identity: string;
  /** Neither a reader nor a writer: for the signs on the file. `undefined` for a FIFO that somebody else made. */
  readonly #fd: Fd | undefined;

  constructor(path: string, permissions: number) {
    this.#path = path;
    const made = createUnlessThere(path, permissions);
    const raw = check(libc().open(cString(path, "path"), O.PATH | platform().O_NOFOLLOW | O.CLOEXEC, 0), "open", path);
    const fd = Fd.own(raw, `FIFO ${path}`);
    const facts = fileFacts(fd);
    this.#identity = facts.identity;
    const ours = made || (facts.uid === libc().geteuid() && (facts.mode & MADE_BY_A_CHANNEL) !== 0);
    this.#fd = ours ? fd : undefined;
    if (ours) changeMode(fd, permissions | MADE_BY_A_CHANNEL);
    else fd.close();
  }

  /** Removes the name, if it is still that of the FIFO that a channel made. */
  unlink(): void {
    if (this.#fd === undefined || this.#fd.closed) return;
    try {
      if (nameFacts(this.#path).identity === this.#identity) unlinkFifo(this.#path);
    } catch (error) {
      if (!(error instanceof PosixError && error.code === "ENOENT")) throw error;
    }
  }

  /** The sign that the receiver has closed. */
  close(): void {
    if (this.#fd === undefined || this.#fd.closed) return;
    this.unlink();
    changeMode(this.#fd, 0);
    this.#fd.close();
  }
}

/** @returns Whether it was made now. */
function createUnlessThere(path: string, permissions: number): boolean {
  try {
    // Marked from birth on: who dies right after it leaves what the next listener knows for a channel's. The light tier cannot read the sign.
    makeFifo(path, hasFfi() ? permissions | MADE_BY_A_CHANNEL : permissions);
    return true;
  } catch (error) {
    if (error instanceof PosixError && error.code === "EEXIST") return false;
    throw error;
  }
}

/** `fchmod(2)` does not take a descriptor that is open for nothing; its name in /proc does. */
function changeMode(fd: Fd, mode: number): void {
  const link = cString(`/proc/self/fd/${fd.raw}`, "path");
  if (libc().fchmodat(AT.FDCWD, link, mode, 0) === -1) void errno();
}

class FifoReadRoad implements ByteRoad {
  readonly directions = "receive";
  readonly peer = undefined;
  readonly #reader: PipeReader;
  readonly #name: FifoName;

  constructor(reader: PipeReader, name: FifoName) {
    this.#reader = reader;
    this.#name = name;
  }

  read(into: Uint8Array<ArrayBuffer>, options: WaitOptions): Promise<number | null> {
    return this.#reader.read(into, options);
  }

  readSync(into: Uint8Array<ArrayBuffer>, options: SyncWaitOptions): number | null {
    return this.#reader.readSync(into, options);
  }

  tryRead(into: Uint8Array<ArrayBuffer>): number | null | undefined {
    return this.#reader.tryRead(into);
  }

  tryWrite(_bytes: Uint8Array<ArrayBuffer>): number | undefined {
    throw new TypeError("This end of the road only receives");
  }

  room(_options: WaitOptions, _deadline: Deadline): Promise<never> {
    throw new TypeError("This end of the road only receives");
  }

  roomSync(_deadline: Deadline): void {
    throw new TypeError("This end of the road only receives");
  }

  close(): undefined {
    this.#name.close();
    this.#reader.close();
  }
}
