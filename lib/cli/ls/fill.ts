/**
 * How full an object is, in its own words.
 *
 * @module
 */

import type { IpcObject } from "../../inspect/mod.ts";
import { bytesText } from "./text.ts";

/** How full something is. */
export interface Fill {
  /** For people. */
  readonly text: string;
  /** For sorting. */
  readonly amount: number;
}

/** How full an object is; `undefined` where that means nothing, or is not known. */
export function fillOf(object: IpcObject): Fill | undefined {
  switch (object.kind) {
    case "pipe":
    case "fifo":
      return object.queued === undefined ? undefined : { text: bytesText(object.queued), amount: object.queued };
    case "unix-socket":
      return socketFill(object);
    case "sysv-memory":
      return { text: `${object.attached} attached`, amount: object.attached };
    case "sysv-queue":
      return { text: `${object.messages} messages, ${bytesText(object.queued)}`, amount: object.messages };
    case "message-queue":
      if (object.messages === undefined) return undefined;
      return { text: `${object.messages}/${object.maxMessages} messages`, amount: object.messages };
    case "semaphore":
      return object.value === undefined ? undefined : semaphoreFill(object.value, object.waiters ?? 0);
    case "sysv-semaphores":
      return valuesFill(object.values);
    case "file-lock":
      return { text: `${object.type} ${object.access} ${rangeText(object.range)}`, amount: object.holders.length };
    case "futex":
      return { text: `${object.waiters} waiting`, amount: object.waiters };
    default:
      return undefined;
  }
}

function socketFill(object: IpcObject & { kind: "unix-socket" }): Fill | undefined {
  if (object.queued === undefined) return undefined;
  const text = object.state === "listening" ? `${object.queued}/${object.backlog} waiting` : bytesText(object.queued);
  return { text, amount: object.queued };
}

function semaphoreFill(value: number, waiters: number): Fill {
  return { text: waiters > 0 ? `value ${value}, ${waiters} waiting` : `value ${value}`, amount: value };
}

/** How many values of a set are shown. */
const MOST_VALUES = 8;

function valuesFill(values: readonly number[] | undefined): Fill | undefined {
  if (values === undefined) return undefined;
  const more = values.length > MOST_VALUES ? " …" : "";
  const text = `${values.length === 1 ? "value" : "values"} ${values.slice(0, MOST_VALUES).join(" ")}${more}`;
  return { text, amount: Math.max(0, ...values) };
}

function rangeText({ first, last }: { first: number; last: number | undefined }): string {
  return first === 0 && last === undefined ? "all" : `${first}-${last ?? "end"}`;
}
