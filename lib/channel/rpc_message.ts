/**
 * The messages of calls between two programs, as JSON has them. docs: the module page of `rpc.ts`.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";

/** Calls that one side may have in flight; both sides know it, so what they must remember for each other has a bound. */
export const MOST_CALLS = 1000;

/** Items that a reader of a stream may have asked for and not been given. */
export const MOST_ITEMS = 1024;

/** One message. Whoever sends "call" numbers calls; whoever sent a function or a stream has numbered that. */
export type RpcMessage =
  | { kind: "call"; id: number; method: string; args: unknown[]; timeoutMs?: number }
  | { kind: "call"; id: number; function: number; args: unknown[]; timeoutMs?: number }
  | { kind: "describe"; id: number }
  | { kind: "cancel"; id: number; reason: unknown }
  | { kind: "return"; id: number; value?: unknown }
  | { kind: "throw"; id: number; error: unknown }
  | { kind: "pull"; stream: number; count: number }
  | { kind: "stop"; stream: number }
  | { kind: "item"; stream: number; value?: unknown }
  | { kind: "end"; stream: number }
  | { kind: "fail"; stream: number; error: unknown }
  | { kind: "release"; function: number; count: number };

/** Which fields are numbers, and which must be there, for each kind. What a value is, is found out when it is decoded. */
const NUMBERS: Readonly<Record<string, readonly string[]>> = {
  call: ["id"],
  describe: ["id"],
  cancel: ["id"],
  return: ["id"],
  throw: ["id"],
  pull: ["stream", "count"],
  stop: ["stream"],
  item: ["stream"],
  end: ["stream"],
  fail: ["stream"],
  release: ["function", "count"],
};

/** Whether a number can be the number of something. */
function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0;
}

/** Checks what a peer sent. @throws {ProtocolError} For what is no message of calls. */
export function checkMessage(message: unknown): RpcMessage {
  if (typeof message !== "object" || message === null) throw wrong("is no object");
  const fields = message as Readonly<Record<string, unknown>>;
  const { kind } = fields;
  const numbers = typeof kind === "string" && Object.hasOwn(NUMBERS, kind) ? NUMBERS[kind] : undefined;
  if (numbers === undefined) throw wrong(`has the kind ${shown(kind)}`);
  for (const name of numbers) {
    if (!isCount(fields[name])) throw wrong(`of kind ${shown(kind)} has ${shown(fields[name])} for its ${name}`);
  }
  if (kind === "call") {
    const { method, function: id, args, timeoutMs } = fields;
    if (!Array.isArray(args)) throw wrong('of kind "call" has no arguments');
    if (method === undefined ? !isCount(id) : typeof method !== "string") throw wrong('of kind "call" names no method');
    if (timeoutMs !== undefined && !(typeof timeoutMs === "number" && timeoutMs >= 0)) {
      throw wrong(`of kind "call" has ${shown(timeoutMs)} for its timeoutMs`);
    }
  }
  return message as RpcMessage;
}

function wrong(why: string): ProtocolError {
  return new ProtocolError(`Calls: a message ${why}`);
}

/** A value of a peer's for people, never longer than a line. */
export function shown(value: unknown): string {
  const text = typeof value === "string"
    ? JSON.stringify(value)
    : typeof value === "object"
    ? typeof value
    : String(value);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
