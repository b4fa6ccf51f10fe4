/**
 * The child's end of a pair: what it is given, and how it finds it.
 *
 * @module
 */

import type { Fd } from "../sys/fd.ts";
import type { Inheritable } from "../sys/inheritable.ts";
import { fromDescriptor } from "../sys/fd.ts";
import { inheritedDescriptor } from "../sys/inherited.ts";

/** The roads of a pair. */
export type PairRoad = "socket" | "ring";

/** The end of a child: `command(...).spawn({ inherit: [child] })`, or `worker.postMessage(child.handOver())`. */
export interface ChildEnd extends Inheritable, Disposable {
  /**
   * For a Worker of this process: gives the end up here, and returns what to post to the Worker, which calls `parentChannel({ end })` with it. A text that
   * nobody takes keeps descriptors open until the process ends.
   *
   * @throws {TypeError} For the road `"socket"`: what a Worker has open stays open when it is terminated, so its end would never be noticed.
   * @throws {ClosedError} When the end was given away already.
   */
  handOver(): string;
  /** Gives the end up, if nobody has been given it: the parent's end then sees a death. */
  [Symbol.dispose](): void;
}

/** What a child is told: a road, its descriptors, and for a ring how large it is. */
export interface EndFacts {
  readonly road: PairRoad;
  readonly descriptors: readonly number[];
  readonly capacity: number;
  readonly maxMessageBytes: number;
}

/**
 * The end of a child.
 *
 * @param variable The variable that tells the child.
 * @param more What stands behind the descriptors: of a ring its capacity and its longest message.
 */
export function childEnd(
  variable: string,
  road: PairRoad,
  descriptors: readonly Fd[],
  more: readonly number[],
): ChildEnd {
  const text = (numbers: readonly (string | number)[]) => [road, ...numbers, ...more].join(":");
  return {
    descriptors,
    env: { [variable]: text(descriptors.map((_, index) => `{${index}}`)) },
    handOver() {
      if (road === "socket") {
        throw new TypeError('A Worker needs channelPair({ road: "ring" }): nobody would notice its end on a socket');
      }
      const numbers = descriptors.map((fd) => fd.raw);
      for (const fd of descriptors) {
        // The number lives on, and is the Worker's.
        fd.closeWith(() => {});
        fd.close();
      }
      return text(numbers);
    },
    [Symbol.dispose]() {
      for (const fd of descriptors) fd.close();
    },
  };
}

/** The variable in which a child finds its end. */
export function variableOf(name: string | undefined): string {
  if (name === undefined) return "CAUSEWAY_CHANNEL";
  if (/^[A-Z0-9_]{1,64}$/.test(name)) return `CAUSEWAY_CHANNEL_${name}`;
  throw new TypeError(`The name of a pair is capital letters, digits and underscores, got ${Deno.inspect(name)}`);
}

/**
 * Reads what a child was told.
 *
 * @throws {TypeError} For a text of another form.
 */
export function readEnd(text: string): EndFacts {
  const [, socket, memory, bell, capacity, maxMessageBytes] =
    /^(?:socket:(\d{1,9})|ring:(\d{1,9}):(\d{1,9}):(\d{1,10}):(\d{1,10}))$/.exec(text) ?? [];
  if (socket !== undefined) {
    return { road: "socket", descriptors: [Number(socket)], capacity: 0, maxMessageBytes: 0 };
  }
  if (memory === undefined) throw new TypeError(`This is no end of a channel pair: ${JSON.stringify(text)}`);
  return {
    road: "ring",
    descriptors: [Number(memory), Number(bell)],
    capacity: Number(capacity),
    maxMessageBytes: Number(maxMessageBytes),
  };
}

/**
 * Adopts descriptors.
 *
 * @param from `"parent"` takes only what came through `exec`: a variable must not make Deno's own descriptors ours.
 */
export function adopt(numbers: readonly number[], from: "parent" | "thread"): Fd[] {
  const adopted: Fd[] = [];
  try {
    for (const number of numbers) {
      adopted.push(from === "parent" ? inheritedDescriptor(number) : fromDescriptor(number));
    }
    return adopted;
  } catch (error) {
    for (const fd of adopted) fd.close();
    throw error;
  }
}
