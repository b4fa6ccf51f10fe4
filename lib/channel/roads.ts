/**
 * Which road an address means. Each is loaded when the first address of its kind is opened.
 *
 * @module
 */

import type { ChannelAddress } from "./address.ts";
import { type RoadRequest, stepOf, type TransportListener } from "./road.ts";
import type { Transport } from "./transport.ts";

/** Opens an end at an address. */
export async function openRoad(address: ChannelAddress, request: RoadRequest): Promise<Transport> {
  switch (address.road) {
    case "unix":
      return await (await import("./unix_transport.ts")).unixRoad.open(address, request);
    case "tcp":
      return await (await import("./tcp_transport.ts")).tcpRoad.open(address, request);
    case "fifo":
      return await (await import("./fifo_transport.ts")).fifoRoad.open(address, request);
    case "mq":
      return await (await import("./mq_transport.ts")).mqRoad.open(address, request);
    case "fd":
      return await (await import("./fd_transport.ts")).fdRoad.open(address, request);
    case "shm": {
      const { openShm } = await import("./shm_transport.ts");
      const { hello, mode, spins } = request;
      return await openShm(address.name, { ...hello, mode, spins, ...stepOf(request) });
    }
  }
}

/**
 * Listens at an address for many.
 *
 * @throws {TypeError} For a road on which there are only two.
 */
export async function listenRoad(address: ChannelAddress, request: RoadRequest): Promise<TransportListener> {
  switch (address.road) {
    case "unix": {
      const { unixRoad } = await import("./unix_transport.ts");
      if (unixRoad.listen) return await unixRoad.listen(address, request);
      break;
    }
    case "tcp": {
      const { tcpRoad } = await import("./tcp_transport.ts");
      if (tcpRoad.listen) return await tcpRoad.listen(address, request);
      break;
    }
    case "shm": {
      const { listenShm } = await import("./shm_listener.ts");
      return await listenShm(address.name, { ...request.hello, spins: request.spins, ...stepOf(request) });
    }
  }
  throw new TypeError(`${address.road}: has only two ends: open one with channel()`);
}
