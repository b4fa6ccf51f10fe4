/**
 * Seqpacket sockets as a road: each message is a packet of the kernel.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { receiveNow, sendNow } from "../socket/kernel_socket.ts";
import { type PeerCredentials, peerCredentials } from "../socket/peer.ts";
import type { Deadline, WaitOptions } from "../sys/clock.ts";
import { closeWaited, waitFor } from "../sys/event_loop.ts";
import type { Fd } from "../sys/fd.ts";
import { EPOLL, POLL, SOCK } from "../sys/linux.ts";
import { pollSync } from "../sys/poll.ts";
import type { PacketRoad } from "./packet_transport.ts";

/** A packet must fit into the sending buffer, which has 212,992 bytes with the kernel's bookkeeping unless somebody changed it. */
const MOST_BYTES = 128 * 1024;

/** A connected seqpacket socket. */
export class SeqpacketRoad implements PacketRoad {
  readonly directions = "both";
  readonly peer: PeerCredentials | undefined;
  readonly maxPacketBytes = MOST_BYTES;
  readonly #fd: Fd;
  readonly #buffer = new Uint8Array(MOST_BYTES + 1);

  /** @param fd Non-blocking. The road owns it from now on. */
  constructor(fd: Fd) {
    this.#fd = fd;
    this.peer = peerCredentials(fd);
  }

  trySend(packet: Uint8Array<ArrayBuffer>): boolean {
    return sendNow(this.#fd, packet) !== undefined;
  }

  tryReceive(): Uint8Array<ArrayBuffer> | null | undefined {
    // MSG_TRUNC: the real length is told, also of what is too long.
    const count = receiveNow(this.#fd, this.#buffer, SOCK.MSG_TRUNC);
    if (count === undefined) return undefined;
    // The kernel says 0 at the end, and for an empty packet, which no channel sends.
    if (count === 0) return null;
    if (count > MOST_BYTES) throw new ProtocolError(`Packet of ${count} bytes, at most ${MOST_BYTES} were declared`);
    return this.#buffer.subarray(0, count);
  }

  async room(options: WaitOptions, deadline: Deadline): Promise<void> {
    await waitFor(this.#fd, EPOLL.OUT, options, deadline);
  }

  roomSync(deadline: Deadline): void {
    pollSync(this.#fd, POLL.OUT, deadline);
  }

  async arrival(options: WaitOptions, deadline: Deadline): Promise<void> {
    await waitFor(this.#fd, EPOLL.IN, options, deadline);
  }

  arrivalSync(deadline: Deadline): void {
    pollSync(this.#fd, POLL.IN, deadline);
  }

  close(): void {
    closeWaited(this.#fd);
  }
}
