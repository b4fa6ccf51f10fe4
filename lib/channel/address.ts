/**
 * Addresses of channels: choosing one is choosing the road.
 *
 * @module
 */

/** The roads, by the first word of an address. */
export type Road = "fifo" | "unix" | "shm" | "mq" | "fd" | "tcp";

/** An address, taken apart. */
export type ChannelAddress =
  | { readonly road: "fifo"; readonly path: string }
  | { readonly road: "unix"; readonly path: string }
  | { readonly road: "shm"; readonly name: string }
  | { readonly road: "mq"; readonly name: string }
  | { readonly road: "fd"; readonly descriptor: number }
  | { readonly road: "tcp"; readonly host: string; readonly port: number };

/** What each road looks like, for errors. */
const FORMS = '"fifo:/path", "unix:/path", "shm:name", "mq:/name", "fd:3" or "tcp:host:port"';

/**
 * `parseChannelAddress("unix:/run/app.sock")`: takes an address apart.
 *
 * Of `tcp:`, an IPv6 address stands in brackets: `tcp:[::1]:7000`.
 *
 * @throws {TypeError} For anything that is no address.
 *
 * @example A host and a port
 * ```ts
 * import { parseChannelAddress } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(parseChannelAddress("tcp:[::1]:7000"), { road: "tcp", host: "::1", port: 7000 });
 * ```
 */
export function parseChannelAddress(address: string): ChannelAddress {
  if (typeof address !== "string") throw new TypeError(`An address is a text, got ${typeof address}`);
  const colon = address.indexOf(":");
  const rest = address.slice(colon + 1);
  if (colon > 0 && rest !== "" && !rest.includes("\0")) {
    switch (address.slice(0, colon)) {
      case "fifo":
        return { road: "fifo", path: rest };
      case "unix":
        return { road: "unix", path: rest };
      case "shm":
        return { road: "shm", name: rest };
      case "mq":
        if (/^\/[^/]+$/.test(rest)) return { road: "mq", name: rest };
        break;
      case "fd":
        if (/^(0|[1-9]\d{0,8})$/.test(rest)) return { road: "fd", descriptor: Number(rest) };
        break;
      case "tcp": {
        const found = hostAndPort(rest);
        if (found !== undefined) return { road: "tcp", ...found };
      }
    }
  }
  throw new TypeError(`An address is ${FORMS}, got ${JSON.stringify(address)}`);
}

function hostAndPort(text: string): { host: string; port: number } | undefined {
  const [, inBrackets, plain, digits] = /^(?:\[([0-9A-Fa-f:.%\w]+)\]|([^:[\]/\s]+)):(\d{1,5})$/.exec(text) ?? [];
  const host = inBrackets ?? plain;
  const port = Number(digits);
  return host === undefined || port > 65535 ? undefined : { host, port };
}
