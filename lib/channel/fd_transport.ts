/**
 * The road `fd:`: a descriptor that this process was given: a connected stream or seqpacket socket, or an end of a pipe.
 *
 * @module
 */

import { adoptPipe } from "../pipe/adopt_pipe.ts";
import { peerCredentials } from "../socket/peer.ts";
import { type Fd, fromDescriptor, setNonblocking, statusFlags } from "../sys/fd.ts";
import { fileFacts } from "../sys/file_facts.ts";
import { O, SOCK } from "../sys/linux.ts";
import { needsFfi } from "../sys/needs_ffi.ts";
import { hasFfi } from "../sys/platform.ts";
import { socketOption } from "../sys/socket_option.ts";
import { type ByteRoad, KernelByteRoad } from "./byte_road.ts";
import { FramedTransport } from "./framed_transport.ts";
import { PacketTransport } from "./packet_transport.ts";
import { type AddressOf, type RoadOpener, type RoadRequest, stepOf } from "./road.ts";
import { SeqpacketRoad } from "./seqpacket_road.ts";
import type { Transport } from "./transport.ts";

/** The road. */
export const fdRoad: RoadOpener<AddressOf<"fd">> = {
  async open({ descriptor }, request) {
    if (!hasFfi()) throw needsFfi(`channel("${request.shown}")`);
    return await transportOver(fromDescriptor(descriptor), request);
  },
};

/**
 * A channel's road over a descriptor, whatever it is. It belongs to the transport from now on.
 *
 * @throws {TypeError} When it is neither a connected stream or seqpacket socket nor an end of a pipe.
 */
export async function transportOver(
  fd: Fd,
  request: Pick<RoadRequest, "shown" | "hello" | "signal" | "deadline">,
): Promise<Transport> {
  let road: ByteRoad | SeqpacketRoad;
  try {
    road = roadOf(fd);
  } catch (error) {
    fd.close();
    throw error;
  }
  const { shown, hello } = request;
  return road instanceof SeqpacketRoad
    ? await PacketTransport.open(shown, road, hello, stepOf(request))
    : await FramedTransport.open(shown, road, hello, stepOf(request));
}

function roadOf(fd: Fd): ByteRoad | SeqpacketRoad {
  const { kind } = fileFacts(fd);
  if (kind === "FIFO") {
    const reads = (statusFlags(fd) & O.ACCMODE) === O.RDONLY;
    // A description of its own: whoever shares the old one does not find it changed.
    adoptPipe(fd, reads ? O.RDONLY : O.WRONLY);
    return new KernelByteRoad(fd, reads ? "receive" : "send");
  }
  if (kind !== "socket") throw new TypeError(`${fd.what} is a ${kind}: a channel needs a socket or an end of a pipe`);
  if (socketOption(fd, SOCK.SO_ACCEPTCONN, "SO_ACCEPTCONN") !== 0) {
    throw new TypeError(`${fd.what} is a listening socket: a channel needs a connected one`);
  }
  const type = socketOption(fd, SOCK.SO_TYPE, "SO_TYPE");
  const isUnix = socketOption(fd, SOCK.SO_DOMAIN, "SO_DOMAIN") === SOCK.AF_UNIX;
  setNonblocking(fd);
  if (type === SOCK.STREAM) return new KernelByteRoad(fd, "both", isUnix ? peerCredentials(fd) : undefined);
  if (type === SOCK.SEQPACKET && isUnix) return new SeqpacketRoad(fd);
  throw new TypeError(`${fd.what} is a datagram socket: a channel needs a stream or seqpacket socket`);
}
