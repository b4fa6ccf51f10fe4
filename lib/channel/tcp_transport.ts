/**
 * The road `tcp:`: a TCP connection. Unlike every other road it leaves the machine, unencrypted, and nobody says who is at the other end.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { DenoStreamSocket } from "../socket/deno_stream_socket.ts";
import { cancellable, Deadline, type WaitOptions } from "../sys/clock.ts";
import { fromDenoError } from "../sys/errno.ts";
import { requireNet } from "../sys/permission.ts";
import { hasFfi } from "../sys/platform.ts";
import { LightByteRoad } from "./light_byte_road.ts";
import { come, type Door, meetOne, Reception } from "./meeting.ts";
import { type AddressOf, type RoadOpener, stepOf } from "./road.ts";
import { connectTcp, resolveHost, TcpDoor } from "./tcp_socket.ts";

/** The road. */
export const tcpRoad: RoadOpener<AddressOf<"tcp">> = {
  async open(address, request) {
    if (request.mode === "listen") {
      if (address.port === 0) throw new TypeError("Nobody would know which port the kernel chose: use listenChannel()");
      return await meetOne(await doorAt(address), request);
    }
    requireNet(hostAndPort(address));
    if (!hasFfi()) return await come(async () => lightRoad(await denoConnect(address)), request);
    const places = await resolveHost(address.host);
    return await come(() => connectTcp(places, address.port, request.shown, stepOf(request)), request);
  },
  async listen(address, request) {
    const door = await doorAt(address);
    return new Reception(door, { ...request, shown: `tcp:${hostAndPort({ ...address, port: door.port })}` });
  },
};

type HostAndPort = Pick<AddressOf<"tcp">, "host" | "port">;

async function doorAt(address: HostAndPort): Promise<Door & { readonly port: number }> {
  requireNet(hostAndPort(address));
  if (!hasFfi()) return new LightDoor(address);
  return new TcpDoor(await resolveHost(address.host), address.port, `tcp:${hostAndPort(address)}`);
}

/** As addresses are written: IPv6 in brackets. */
function hostAndPort({ host, port }: HostAndPort): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

async function denoConnect({ host, port }: HostAndPort): Promise<Deno.TcpConn> {
  try {
    return await Deno.connect({ hostname: host, port });
  } catch (error) {
    throw fromDenoError(error, "connect", hostAndPort({ host, port }));
  }
}

function lightRoad(connection: Deno.TcpConn): LightByteRoad {
  connection.setNoDelay(true);
  const socket = new DenoStreamSocket(connection);
  return new LightByteRoad(socket, socket);
}

/** Listening without FFI. */
class LightDoor implements Door {
  readonly port: number;
  readonly #listener: Deno.TcpListener;
  #closed = false;
  /** An accept cannot be withdrawn: what it brings is for the next one. */
  #accepting: Promise<Deno.TcpConn> | undefined;

  constructor(address: HostAndPort) {
    try {
      this.#listener = Deno.listen({ hostname: address.host, port: address.port });
    } catch (error) {
      throw fromDenoError(error, "bind", hostAndPort(address));
    }
    this.port = this.#listener.addr.port;
  }

  get closed(): boolean {
    return this.#closed;
  }

  async accept(options: WaitOptions): Promise<LightByteRoad> {
    const accepting = this.#accepting ??= this.#accept();
    const what = "Accepting";
    try {
      const connection = await cancellable<Deno.TcpConn>(what, options, (resolve, reject) => {
        accepting.then(resolve, reject);
        return () => {};
      }, new Deadline(what, options.timeoutMs));
      this.#accepting = undefined;
      return lightRoad(connection);
    } catch (error) {
      throw this.#closed ? new ClosedError("TCP listener") : error;
    }
  }

  /** One that failed is not for the next one: it tries again. */
  #accept(): Promise<Deno.TcpConn> {
    const accepting = this.#listener.accept();
    accepting.catch(() => this.#accepting = undefined);
    return accepting;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
    this.#accepting?.then((connection) => connection.close(), () => {});
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
