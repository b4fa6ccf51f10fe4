/**
 * What a child's standard descriptors can be.
 *
 * @module
 */

import { Fd } from "../sys/fd.ts";
import { isMovable, type Movable, moveDescriptor } from "../sys/inheritable.ts";

/**
 * Where a child's standard input comes from:
 *
 * - `"null"` (the default): nothing, end of file at once
 * - `"inherit"`: this process's standard input
 * - `"piped"`: a pipe, written through `child.stdin`
 * - `{ text }`, bytes or a stream: written into a pipe; a child that does not read it all is no error
 * - a pipe end, a socket or a descriptor: the kernel joins them, no byte passes through JavaScript. The end is moved: it is closed here.
 */
export type StdinSource =
  | "null"
  | "inherit"
  | "piped"
  | { readonly text: string }
  | Uint8Array
  | ReadableStream<Uint8Array>
  | Movable
  | Fd;

/**
 * Where a child's output goes:
 *
 * - `"piped"`: a pipe, captured by `output()` and its sisters, read through `child.stdout` after `spawn()`
 * - `"inherit"`: this process's own
 * - `"null"`: nowhere
 * - a pipe end, a socket or a descriptor: the kernel joins them. The end is moved: it is closed here.
 */
export type OutputTarget = "piped" | "inherit" | "null" | Movable | Fd;

/** Standard descriptor as a launcher takes it: a word, or a number to duplicate. */
export type LaunchStdio = "piped" | "inherit" | "null" | number;

/** Bytes to write into a child's standard input. */
export type StdinBytes = Uint8Array | ReadableStream<Uint8Array>;

/** Throws a `TypeError` for what cannot be a standard input. */
export function checkStdin(value: unknown, what: string): void {
  if (value === undefined || isWord(value) || isDescriptor(value) || stdinBytes(value) !== undefined) return;
  throw new TypeError(
    `${what} must be "null", "inherit", "piped", { text }, bytes, a stream, a pipe end or a descriptor, got ${
      inspect(value)
    }`,
  );
}

/** Throws a `TypeError` for what cannot be an output. */
export function checkOutput(value: unknown, what: string): void {
  if (value === undefined || isWord(value) || isDescriptor(value)) return;
  throw new TypeError(`${what} must be "piped", "inherit", "null", a pipe end or a descriptor, got ${inspect(value)}`);
}

/** The bytes that a stdin source stands for; `undefined` when it is not bytes. */
export function stdinBytes(value: unknown): StdinBytes | undefined {
  if (value instanceof Uint8Array || value instanceof ReadableStream) return value;
  if (typeof value !== "object" || value === null || !("text" in value)) return undefined;
  return typeof value.text === "string" ? new TextEncoder().encode(value.text) : undefined;
}

/** Standard descriptors of one child, ready for a launcher, and what must be closed when the child has them. */
export class PreparedStdio implements Disposable {
  /** Standard input. */
  readonly stdin: LaunchStdio;
  /** Standard output. */
  readonly stdout: LaunchStdio;
  /** Standard error. */
  readonly stderr: LaunchStdio;
  readonly #moved: Fd[] = [];

  constructor(stdin: StdinSource, stdout: OutputTarget, stderr: OutputTarget) {
    this.stdin = stdinBytes(stdin) !== undefined ? "piped" : this.#number(stdin);
    this.stdout = this.#number(stdout);
    this.stderr = this.#number(stderr);
  }

  /** Closes the ends that the child has now (or never got). */
  [Symbol.dispose](): void {
    for (const fd of this.#moved) fd.close();
  }

  #number(value: unknown): LaunchStdio {
    if (isWord(value)) return value;
    if (value instanceof Fd) {
      this.#moved.push(value);
      return value.raw;
    }
    if (!isMovable(value)) throw new TypeError(`Not a standard descriptor: ${inspect(value)}`);
    const fd = value[moveDescriptor]();
    this.#moved.push(fd);
    return fd.raw;
  }
}

function isWord(value: unknown): value is "piped" | "inherit" | "null" {
  return value === "piped" || value === "inherit" || value === "null";
}

function isDescriptor(value: unknown): boolean {
  return value instanceof Fd || isMovable(value);
}

function inspect(value: unknown): string {
  return Deno.inspect(value, { depth: 0, compact: true });
}
