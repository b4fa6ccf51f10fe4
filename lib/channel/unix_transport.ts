/**
 * The road `unix:`: a Unix stream socket with a name.
 *
 * @module
 */

import type { StreamSocket } from "../socket/stream_socket.ts";
import { connectUnix, listenUnix } from "../socket/unix.ts";
import { moveDescriptor } from "../sys/inheritable.ts";
import { hasFfi } from "../sys/platform.ts";
import { type ByteRoad, KernelByteRoad } from "./byte_road.ts";
import { LightByteRoad } from "./light_byte_road.ts";
import { come, type Door, meetOne, Reception } from "./meeting.ts";
import { type AddressOf, type RoadOpener, type RoadRequest, stepOf } from "./road.ts";

/** The road. */
export const unixRoad: RoadOpener<AddressOf<"unix">> = {
  async open(address, request) {
    if (request.mode === "listen") return await meetOne(await doorAt(address, request), request);
    return await come(async () => roadOver(await connectUnix(address.path, stepOf(request))), request);
  },
  async listen(address, request) {
    return new Reception(await doorAt(address, request), request);
  },
};

async function doorAt({ path }: AddressOf<"unix">, request: RoadRequest): Promise<Door> {
  const listener = await listenUnix(path, { mode: request.permissions, ...stepOf(request) });
  return {
    get closed() {
      return listener.closed;
    },
    accept: async (options) => roadOver(await listener.accept(options)),
    close: () => listener[Symbol.dispose](),
    [Symbol.dispose]: () => listener[Symbol.dispose](),
  };
}

/** A connected socket as a road. */
export function roadOver(socket: StreamSocket): ByteRoad {
  if (!hasFfi()) return new LightByteRoad(socket, socket);
  const { peer } = socket;
  return new KernelByteRoad(socket[moveDescriptor](), "both", peer);
}
