/**
 * What `receiveDescriptors` takes and gives.
 *
 * @module
 */

import type { SyncWaitOptions, WaitOptions } from "../sys/clock.ts";
import type { Fd } from "../sys/fd.ts";
import { MSGHDR } from "../sys/linux.ts";
import type { MessageBuffer, SocketMessage } from "./message_socket.ts";

/**
 * Bytes and the open files that came with them. Disposing it closes the descriptors that are still in `descriptors`; to keep one, take it
 * out of the array.
 *
 * @example What nobody takes is closed
 * ```ts
 * import { socketPair } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const [left, right] = socketPair("seqpacket", { descriptors: true });
 * using _left = left;
 * using _right = right;
 * left.sendDescriptorsSync(new Uint8Array([1]), socketPair("stream")); // both ends go
 * using message = right.receiveDescriptorsSync();
 * assertEquals(message?.descriptors.length, 2);
 * ```
 */
export interface DescriptorMessage extends SocketMessage, Disposable {
  /** The descriptors, close-on-exec, in the order in which they were sent. The receiver owns them. */
  readonly descriptors: Fd[];
}

/** How many descriptors are welcome. */
export interface DescriptorLimit {
  /**
   * Most descriptors to take with one message, 1 to 253. When more come, all are closed and the receive throws.
   * @default {253}
   */
  maxDescriptors?: number | undefined;
}

/** Options of `receiveDescriptors`. */
export interface ReceiveDescriptorsOptions extends WaitOptions, MessageBuffer, DescriptorLimit {}

/** Options of `receiveDescriptorsSync` and `tryReceiveDescriptors`. */
export interface ReceiveDescriptorsSyncOptions extends SyncWaitOptions, MessageBuffer, DescriptorLimit {}

/** Makes a message whose descriptors are closed with it. */
export function descriptorMessage(message: SocketMessage, descriptors: Fd[]): DescriptorMessage {
  return {
    ...message,
    descriptors,
    [Symbol.dispose]() {
      for (const descriptor of descriptors) descriptor.close();
    },
  };
}

/**
 * The limit that the options ask for.
 *
 * @throws {RangeError} Outside 1..253.
 */
export function descriptorLimit({ maxDescriptors = MSGHDR.maxDescriptors }: DescriptorLimit): number {
  if (Number.isInteger(maxDescriptors) && maxDescriptors >= 1 && maxDescriptors <= MSGHDR.maxDescriptors) {
    return maxDescriptors;
  }
  throw new RangeError(`maxDescriptors must be in 1..${MSGHDR.maxDescriptors}, got ${Deno.inspect(maxDescriptors)}`);
}
