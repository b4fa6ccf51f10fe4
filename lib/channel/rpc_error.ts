/**
 * Errors on their way to another program: name, message, cause and facts arrive, well-known classes are restored, and the stack of the
 * other program is kept apart from the stack of this one.
 *
 * @module
 */

import { ClosedError, PosixError, ProtocolError } from "../errors.ts";

const stacks = new WeakMap<object, string>();

/**
 * `remoteStack(error)`: where an error was thrown in the other program, if it came from there; `error.stack` says where it arrived here.
 *
 * @param error An error that a call rejected with.
 * @returns The other program's stack, as text; `undefined` when the error is of this program, or the other one does not tell.
 *
 * @example
 * ```ts
 * import { remoteStack } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(remoteStack(new Error("of this program")), undefined);
 * ```
 */
export function remoteStack(error: unknown): string | undefined {
  return typeof error === "object" && error !== null ? stacks.get(error) : undefined;
}

type Encoded = Readonly<Record<string, unknown>>;

/** The classes that every JavaScript program has and that take a message. */
const BUILT_IN = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError } as const;

/** What an error has anyway, or must not be given. */
const RESERVED = new Set(["name", "message", "stack", "cause", "errors", "__proto__", "constructor", "toString"]);

/** An error as JSON has it. */
export function encodeError(error: Error, inner: (value: unknown) => unknown): Encoded {
  const facts = factsOf(error);
  return {
    $: "error",
    name: String(error.name),
    message: String(error.message),
    ...(error.stack !== undefined && { stack: String(error.stack) }),
    ...("cause" in error && error.cause !== undefined && { cause: inner(error.cause) }),
    ...(error instanceof AggregateError && { errors: error.errors.map(inner) }),
    ...(Object.keys(facts).length > 0 && { facts }),
  };
}

/** The error's own fields that are plain: `code`, `errno`, `exitCode` and the like. */
function factsOf(error: Error): Record<string, string | number | boolean> {
  const facts: Record<string, string | number | boolean> = {};
  for (const [key, value] of Object.entries(error)) {
    if (RESERVED.has(key)) continue;
    if (typeof value === "string" || typeof value === "boolean" || Number.isFinite(value)) facts[key] = value;
  }
  return facts;
}

/** The error that arrived. Nothing that a peer writes can fail here: what is not as it should be is left out. */
export function decodeError(value: Encoded, inner: (value: unknown) => unknown): Error {
  const { name, message, stack, cause, errors, facts } = value;
  const plain = isRecord(facts) ? facts : {};
  const options = cause === undefined ? undefined : { cause: inner(cause) };
  const list = Array.isArray(errors) ? errors.map(inner) : undefined;
  const error = restored(String(name), String(message), { options, facts: plain, errors: list });
  // What a class makes of its facts may have lost a hint: the words that were sent are the message.
  if (error.message !== String(message)) define(error, "message", String(message));
  for (const [key, fact] of Object.entries(plain)) {
    if (RESERVED.has(key) || key in error) continue;
    if (typeof fact === "string" || typeof fact === "boolean" || typeof fact === "number") {
      define(error, key, fact, true);
    }
  }
  if (typeof stack === "string") stacks.set(error, stack);
  return error;
}

interface Parts {
  readonly options: ErrorOptions | undefined;
  readonly facts: Encoded;
  readonly errors: readonly unknown[] | undefined;
}

function restored(name: string, message: string, { options, facts, errors }: Parts): Error {
  if (errors !== undefined && name === "AggregateError") return new AggregateError(errors, message, options);
  if (name === "ClosedError") return withCause(new ClosedError(message), options);
  if (name === "ProtocolError") return new ProtocolError(message, options);
  if (name === "PosixError" && typeof facts.code === "string" && typeof facts.syscall === "string") {
    const { code, syscall, target } = facts;
    return new PosixError({ code, syscall, cause: options?.cause, ...(typeof target === "string" && { target }) });
  }
  if (Object.hasOwn(BUILT_IN, name)) return new BUILT_IN[name as keyof typeof BUILT_IN](message, options);
  if (DOM_NAMES.has(name)) return withCause(new DOMException(message, name), options);
  const error = new Error(message, options);
  define(error, "name", name);
  return error;
}

/** The DOMExceptions that programs without a page have. */
const DOM_NAMES = new Set(["AbortError", "TimeoutError", "DataCloneError", "InvalidStateError", "NotSupportedError"]);

function withCause<E extends Error>(error: E, options: ErrorOptions | undefined): E {
  if (options !== undefined) define(error, "cause", options.cause);
  return error;
}

function define(error: Error, key: string, value: unknown, enumerable = false): void {
  Object.defineProperty(error, key, { value, enumerable, writable: true, configurable: true });
}

function isRecord(value: unknown): value is Encoded {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
