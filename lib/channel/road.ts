/**
 * What `channel()` asks a road for.
 *
 * @module
 */

import type { Deadline, WaitOptions } from "../sys/clock.ts";
import type { ChannelAddress, Road } from "./address.ts";
import type { Hello } from "./frame.ts";
import type { Transport } from "./transport.ts";

/** How an end is opened. */
export interface RoadRequest {
  /** The address, as it was given: what the transport shows. */
  readonly shown: string;
  readonly mode: "listen" | "connect";
  /** What the other end has to agree with. */
  readonly hello: Hello;
  readonly signal: AbortSignal | undefined;
  readonly deadline: Deadline;
  /** Permission bits of a name. */
  readonly permissions: number;
  /** For roads through shared memory. */
  readonly spins: number | undefined;
}

/** A name under which many can come. */
export interface TransportListener extends Disposable {
  /** The address, with the port that the kernel has chosen. */
  readonly address: string;
  readonly closed: boolean;
  /** The next who has come and agreed. Whoever does not agree, or says nothing in time, is turned away and not told of here. */
  accept(options: WaitOptions): Promise<Transport>;
  /** Gives the name up. What was accepted lives on. */
  close(): void;
  /** After `close()`: resolves when nobody is at the door any more, and nothing waits for whoever comes. */
  ended(): Promise<void>;
}

/** One kind of address. */
export interface RoadOpener<Of extends ChannelAddress> {
  /** Opens an end, and waits until the other end is there and agrees. */
  open(address: Of, request: RoadRequest): Promise<Transport>;
  /** Listens for many; left out by roads on which there are only two. */
  listen?(address: Of, request: RoadRequest): Promise<TransportListener>;
}

/** An address of one road. */
export type AddressOf<Name extends Road> = Extract<ChannelAddress, { readonly road: Name }>;

/** The options of a wait that is one step of opening. */
export function stepOf(
  { signal, deadline }: Pick<RoadRequest, "signal" | "deadline">,
  mostMs = Infinity,
): WaitOptions {
  return { signal, timeoutMs: Math.min(deadline.remainingMs, mostMs) };
}
