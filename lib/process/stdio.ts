/**
 * What a child's standard descriptors can be.
 *
 * @module
 */

import { Fd } from "../sys/fd.ts";
import { isMovable, type Movable } from "../sys/inheritable.ts";

/**
 * Where a child's standard input comes from:
 *
 * - `"null"` (the default): nothing, end of file at once
 * - `"inherit"`: this process's standard input
 * - `"piped"`: a pipe, written through `child.stdin`
 * - `{ text }`, bytes, memory (anything with `.bytes`), a stream or an iterable of bytes or texts: written into a pipe; a child that does not
 *   read it all is no error. A source that fails ends the run, and the verb rejects with its error.
 * - `{ file }`: a file, opened when the run starts; the kernel reads it
 * - a pipe end, a socket or a descriptor: the kernel joins them, no byte passes through JavaScript. The end is moved: it is closed here.
 */
export type StdinSource =
  | "null"
  | "inherit"
  | "piped"
  | { readonly text: string }
  | { readonly file: string | URL }
  | { readonly bytes: Uint8Array }
  | Uint8Array
  | ReadableStream<Uint8Array>
  | AsyncIterable<Uint8Array | string>
  | Iterable<Uint8Array>
  | readonly string[]
  | Movable
  | Fd;

/** A file for a child's output. */
export interface FileTarget {
  /** Its path, relative to the directory of this process. A missing file is created, with the mode that the umask leaves of 0666. */
  readonly file: string | URL;
  /**
   * Whether what is in the file stays, and each write goes to its end; otherwise it is emptied first. For standard error of several programs it is
   * emptied once, and each writes at its end.
   * @default {false}
   */
  readonly append?: boolean;
}

/** A file that several programs of one run write: the first empties it, and each writes at its end. */
export interface SharedFile extends FileTarget {
  readonly append: true;
  /** Whether this program is the first. */
  readonly emptied: boolean;
}

/**
 * One place where a child's output goes:
 *
 * - `"piped"`: a pipe, captured by `output()` and its sisters, read through `child.stdout` after `spawn()`
 * - `"inherit"`: this process's own
 * - `"null"`: nowhere
 * - `{ file }`: a file, opened when the run starts; the kernel writes it
 * - a `WritableStream` of bytes, closed at the end; when it fails, the run is ended and the verb rejects with its error
 * - a pipe end, a socket or a descriptor: the kernel joins them. The end is moved: it is closed here.
 */
export type OutputSink =
  | "piped"
  | "inherit"
  | "null"
  | FileTarget
  | WritableStream<Uint8Array>
  | Movable
  | Fd;

/**
 * Where a child's output goes: one place, or several of them at once. For several, the bytes pass through this process, and the slowest
 * holds up the child: nothing is dropped, and memory stays bounded.
 */
export type OutputTarget = OutputSink | readonly OutputSink[];

/** Standard descriptor as a launcher takes it: a word, or a number to duplicate. */
export type LaunchStdio = "piped" | "inherit" | "null" | number;

/** Bytes to write into a child's standard input. */
export type StdinBytes = Uint8Array | AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string>;

/** Throws a `TypeError` for what cannot be a standard input. */
export function checkStdin(value: unknown, what: string): void {
  if (value === undefined || isWord(value) || isDescriptor(value) || stdinBytes(value) !== undefined) return;
  if (isFile(value)) return;
  const hint = typeof value === "string" ? "; for a text say { text }, for a file { file }" : "";
  throw new TypeError(
    `${what} must be "null", "inherit", "piped", { text }, { file }, bytes, memory, a stream, an iterable, a pipe end or a ` +
      `descriptor, got ${inspect(value)}${hint}`,
  );
}

/** Throws a `TypeError` for what cannot be an output. */
export function checkOutput(value: unknown, what: string): void {
  if (value === undefined || value === (what === "stdout" ? "stderr" : "stdout")) return;
  if (Array.isArray(value) && value.length === 0) throw new TypeError(`${what} must not be an empty list: say "null"`);
  const wrong = (Array.isArray(value) ? value : [value]).find((sink) => !isSink(sink));
  if (wrong === undefined) return;
  const hint = typeof wrong === "string" ? "; for a file say { file }" : "";
  throw new TypeError(
    `${what} must be "piped", "inherit", "null", { file }, a WritableStream, a pipe end or a descriptor, or a list of these, ` +
      `got ${inspect(wrong)}${hint}`,
  );
}

/**
 * A place of output for one of several programs that have it together. A file that each of them emptied, and wrote from its start, would keep
 * parts of each.
 */
export function sharedOutput(target: OutputTarget | "stdout", isFirst: boolean): OutputTarget | "stdout" {
  const share = <T>(sink: T): T | SharedFile => {
    return isFile(sink) && !sink.append ? { file: sink.file, append: true, emptied: isFirst } : sink;
  };
  return Array.isArray(target) ? target.map(share) : share(target);
}

/** What a file is opened for when a program writes it. */
export function accessOf(target: FileTarget | SharedFile): "truncate" | "append" | "empty" {
  if (!target.append) return "truncate";
  return "emptied" in target && target.emptied ? "empty" : "append";
}

/** The bytes that a stdin source stands for; `undefined` when it is not bytes. */
export function stdinBytes(value: unknown): StdinBytes | undefined {
  if (value instanceof Uint8Array) return value;
  if (typeof value !== "object" || value === null || isDescriptor(value)) return undefined;
  if ("text" in value) return typeof value.text === "string" ? new TextEncoder().encode(value.text) : undefined;
  if ("bytes" in value && value.bytes instanceof Uint8Array) return value.bytes;
  return isIterable(value) ? value : undefined;
}

function isIterable(value: object): value is AsyncIterable<Uint8Array | string> | Iterable<Uint8Array | string> {
  return Symbol.asyncIterator in value || Symbol.iterator in value;
}

/** Whether an output is captured, or read through the child, alone or among other places. */
export function isCaptured(target: OutputTarget | "stdout" | "stderr"): boolean {
  return target === "piped" || (Array.isArray(target) && target.includes("piped"));
}

/** Whether a value is a word that a launcher knows. */
export function isWord(value: unknown): value is "piped" | "inherit" | "null" {
  return value === "piped" || value === "inherit" || value === "null";
}

/** Whether a value is a descriptor, or has one to give away. */
export function isDescriptor(value: unknown): value is Fd | Movable {
  return value instanceof Fd || isMovable(value);
}

/** Whether a value names a file. */
export function isFile(value: unknown): value is FileTarget {
  if (typeof value !== "object" || value === null || !("file" in value)) return false;
  return value.file instanceof URL ||
    (typeof value.file === "string" && value.file !== "" && !value.file.includes("\0"));
}

function isSink(value: unknown): value is OutputSink {
  return isWord(value) || isDescriptor(value) || isFile(value) || value instanceof WritableStream;
}

function inspect(value: unknown): string {
  return Deno.inspect(value, { depth: 0, compact: true });
}
