/**
 * What only the program itself can tell a trace: what it means, and what it does in memory that is shared (a store is one instruction, and makes no
 * call that could be listened to).
 *
 * @module
 */

import { isProbed, publish } from "../sys/probe.ts";

/** Where a program stores or loads, for {@linkcode tellStore} and {@linkcode tellLoad}. */
export interface SharedPlace {
  /** What both sides call the memory, for example its name. */
  readonly memory: string;
  /** Bytes from its beginning. */
  readonly offset: number;
  /** How many bytes are stored or loaded. */
  readonly bytes: number;
}

/** `tellNote(text)`: puts a note into the trace that is being recorded of this process, if one is. */
export function tellNote(text: string): void {
  if (isProbed()) publish(() => ({ kind: "note", text }));
}

/** `tellStore(place)`: says that this process has stored something in shared memory. Call it before what lets the other side look. */
export function tellStore(place: SharedPlace): void {
  if (isProbed()) publish(() => ({ kind: "memory.store", ...place }));
}

/** `tellLoad(place)`: says that this process has loaded from shared memory what another stored there. */
export function tellLoad(place: SharedPlace): void {
  if (isProbed()) publish(() => ({ kind: "memory.load", ...place }));
}

/** `tellCurtain()`: leaves out of the trace what this process did so far, a rehearsal for instance. */
export function tellCurtain(): void {
  if (isProbed()) publish(() => ({ kind: "curtain" }));
}
