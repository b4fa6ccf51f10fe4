/**
 * What this room tells through the probe (`lib/sys/probe.ts`) of messages and bytes.
 *
 * @module
 */

import type { Fd } from "../sys/fd.ts";
import { publish } from "../sys/probe.ts";
import { objectOf } from "../sys/probe_object.ts";

/**
 * Says that something went into a socket or came out of it. Call it only where somebody listens.
 *
 * @param bytes How many; `null` for the end.
 * @param startedNs When the call began that did it.
 */
export function tellSocket(kind: "write" | "read", fd: Fd, bytes: number | null, startedNs?: number): void {
  const { what, generation: id } = fd;
  publish(() => ({ kind, what, id, object: objectOf(fd), bytes, startedNs }));
}
