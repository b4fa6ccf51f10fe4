/**
 * What a child process can be given: the one thing that `spawn` knows about pipe ends, sockets, memory and channels.
 *
 * @module
 */

import type { Fd } from "./fd.ts";

/** The method that gives an object's descriptor away. */
export const moveDescriptor: unique symbol = Symbol("causeway.moveDescriptor");

/**
 * An end that can be given to a child. Giving it moves it: the object here is closed, so that the child's end is the only one and end of
 * file works. `.duplicate()` first to keep one.
 */
export interface Movable {
  /** Closes this object and returns its descriptor, which the caller then owns. */
  [moveDescriptor](): Fd;
}

/** Descriptors and environment that a child gets together, such as a channel's end. */
export interface Inheritable {
  /** Descriptors for the child, in the order in which `env` speaks of them. */
  readonly descriptors: readonly Fd[];
  /** Variables that tell the child about them. */
  readonly env: Readonly<Record<string, string>>;
}

/** Whether a value is an end that can be given to a child. */
export function isMovable(value: unknown): value is Movable {
  return typeof value === "object" && value !== null && moveDescriptor in value;
}
