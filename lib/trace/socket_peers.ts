/**
 * Which sockets are the two ends of one connection.
 *
 * @module
 */

import type { TraceEvent } from "./event.ts";

/** For each socket, the one at the other end. */
export function socketPeers(events: readonly TraceEvent[]): Map<string, string> {
  const peers = new Map<string, string>();
  const join = (left: unknown, right: unknown) => {
    if (typeof left !== "string" || typeof right !== "string") return;
    peers.set(left, right);
    peers.set(right, left);
  };
  const connecting = new Map<string, TraceEvent[]>();
  const accepting = new Map<string, TraceEvent[]>();
  for (const event of events) {
    const { objects, path } = event.facts;
    if (event.kind === "socketpair" && Array.isArray(objects)) join(objects[0], objects[1]);
    const lists = event.kind === "connect" ? connecting : event.kind === "accept" ? accepting : undefined;
    if (lists !== undefined && typeof path === "string") lists.set(path, [...lists.get(path) ?? [], event]);
  }
  // A listener accepts in the order in which they connected.
  for (const [path, accepted] of accepting) {
    const clients = connecting.get(path) ?? [];
    accepted.forEach((event, index) => join(event.facts.object, clients[index]?.facts.object));
  }
  return peers;
}
