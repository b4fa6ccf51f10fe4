/**
 * The road `mq:`: a POSIX message queue, from one sender to one receiver.
 *
 * A queue has no connection. So each end holds a lock on a byte of the queue's file (`F_OFD_SETLK`) while it lives, and who has to wait looks
 * every {@linkcode LOOK_MS} whether the other end still holds its own. A receiver that closes takes all permission bits away, so that its sender can
 * tell a close from a death. How the name is taken is in `mq_name.ts`.
 *
 * @module
 */

import { MessageQueue } from "../queue/message_queue.ts";
import { backOff } from "../sys/back_off.ts";
import { Deadline, type WaitOptions } from "../sys/clock.ts";
import { ERRNO, errno, fail } from "../sys/errno.ts";
import { closeWaited, waitFor } from "../sys/event_loop.ts";
import type { Fd } from "../sys/fd.ts";
import { fileFacts } from "../sys/file_facts.ts";
import { libc } from "../sys/libc.ts";
import { EPOLL, POLL } from "../sys/linux.ts";
import { needsFfi } from "../sys/needs_ffi.ts";
import { hasFfi } from "../sys/platform.ts";
import { pollSync } from "../sys/poll.ts";
import { giveName, isHeld, takeQueue, visitQueue } from "./mq_name.ts";
import { type PacketRoad, PacketTransport } from "./packet_transport.ts";
import { type AddressOf, type RoadOpener, type RoadRequest, stepOf } from "./road.ts";
import type { Transport } from "./transport.ts";

/** How often who waits looks whether the other end lives. */
const LOOK_MS = 100;

/** `fs.mqueue.msgsize_max`, if nobody raised it: longer messages would need a right. */
const MOST_BYTES = 8192;

/** The road. */
export const mqRoad: RoadOpener<AddressOf<"mq">> = {
  async open({ name }, request) {
    if (!hasFfi()) throw needsFfi(`channel("${request.shown}")`);
    return request.mode === "listen" ? await receiveFrom(name, request) : await sendTo(name, request);
  },
};

async function receiveFrom(name: string, request: RoadRequest): Promise<Transport> {
  const messageSize = Math.min(MOST_BYTES, Math.max(HELLO_ROOM, request.hello.maxMessageBytes + 1));
  const fd = takeQueue(name, messageSize, request.permissions);
  let road: QueueRoad;
  try {
    road = new QueueRoad(name, fd, "receive");
  } catch (error) {
    giveName(name, fd);
    fd.close();
    throw error;
  }
  return await PacketTransport.open(request.shown, road, request.hello, stepOf(request));
}

function sendTo(name: string, request: RoadRequest): Promise<Transport> {
  const waiting = { signal: request.signal };
  return backOff<Transport>(`Connecting to ${request.shown}`, waiting, request.deadline, async () => {
    const fd = visitQueue(name);
    if (fd === undefined) return undefined;
    return await PacketTransport.open(request.shown, new QueueRoad(name, fd, "send"), request.hello, waiting);
  });
}

/** Room for a hello. */
const HELLO_ROOM = 64;

class QueueRoad implements PacketRoad {
  readonly directions: "send" | "receive";
  readonly peer = undefined;
  readonly maxPacketBytes: number;
  readonly #name: string;
  readonly #fd: Fd;
  readonly #queue: MessageQueue;
  readonly #buffer: Uint8Array<ArrayBuffer>;
  readonly #other: "send" | "receive";
  #met = false;
  /** The other end is gone: the next try that finds nothing is the end. */
  #gone = false;

  constructor(name: string, fd: Fd, directions: "send" | "receive") {
    this.#name = name;
    this.#fd = fd;
    this.directions = directions;
    this.#other = directions === "send" ? "receive" : "send";
    this.#queue = new MessageQueue(name, fd);
    this.maxPacketBytes = this.#queue.attributes.messageSize;
    this.#buffer = new Uint8Array(directions === "receive" ? this.maxPacketBytes : 0);
  }

  /** The sender's connection is complete when its hello is in the queue; a receiver that lives holds its lock. */
  met(): void {
    this.#met = true;
    if (this.directions === "receive") giveName(this.#name, this.#fd);
  }

  get died(): boolean {
    return fileFacts(this.#fd).mode !== 0;
  }

  trySend(packet: Uint8Array<ArrayBuffer>): boolean {
    if (!isHeld(this.#fd, "receive")) fail(ERRNO.EPIPE, "mq_send", this.#name);
    return this.#queue.trySend(packet);
  }

  tryReceive(): Uint8Array<ArrayBuffer> | null | undefined {
    const message = this.#queue.tryReceive({ into: this.#buffer });
    return message?.bytes ?? (this.#gone ? null : undefined);
  }

  room(options: WaitOptions, deadline: Deadline): Promise<void> {
    return this.#look(options, deadline, EPOLL.OUT);
  }

  roomSync(deadline: Deadline): void {
    this.#lookSync(deadline, POLL.OUT);
  }

  arrival(options: WaitOptions, deadline: Deadline): Promise<void> {
    return this.#look(options, deadline, EPOLL.IN);
  }

  arrivalSync(deadline: Deadline): void {
    this.#lookSync(deadline, POLL.IN);
  }

  close(): void {
    if (this.#fd.closed) return;
    if (this.directions === "receive") {
      if (!this.#met) giveName(this.#name, this.#fd);
      // The sign that the receiver has closed. A failure only means that the sender takes it for dead.
      if (libc().fchmod(this.#fd.raw, 0) === -1) void errno();
    }
    closeWaited(this.#fd);
  }

  /** Waits for the queue, and looks now and then whether the other end lives. */
  async #look(options: WaitOptions, deadline: Deadline, events: number): Promise<void> {
    while (true) {
      const step = new Deadline("Waiting for a message queue", Math.min(LOOK_MS, deadline.remainingMs));
      try {
        await waitFor(this.#fd, events, options, step);
        return;
      } catch (error) {
        if (this.#fd.closed || !(error instanceof DOMException) || step.remainingMs > 0) throw error;
      }
      if (this.#otherIsGone()) return;
      if (deadline.remainingMs === 0) throw deadline.timeoutError();
    }
  }

  #lookSync(deadline: Deadline, events: number): void {
    while (true) {
      const step = new Deadline("Waiting for a message queue", Math.min(LOOK_MS, deadline.remainingMs));
      try {
        pollSync(this.#fd, events, step);
        return;
      } catch (error) {
        if (!(error instanceof DOMException)) throw error;
      }
      if (this.#otherIsGone()) return;
      if (deadline.remainingMs === 0) throw deadline.timeoutError();
    }
  }

  /** Before the two have met, a sender may not have come yet. */
  #otherIsGone(): boolean {
    if (this.directions === "receive" && !this.#met) return false;
    return this.#gone = !isHeld(this.#fd, this.#other);
  }
}
