/** Declarations for the part of `@std/streams` that this repository uses. */

/** How a delimiter stream treats the delimiter. */
export interface DelimiterStreamOptions {
  /**
   * Keep it at the end of the chunk, at the start of the next one, or drop it.
   * @default "discard"
   */
  disposition?: "suffix" | "prefix" | "discard";
}

/** How a {@linkcode TextLineStream} cuts. */
export interface TextLineStreamOptions {
  /**
   * Whether a lone `\r` ends a line too.
   * @default false
   */
  allowCR?: boolean;
}

/** Cuts bytes at a delimiter. */
export class DelimiterStream extends TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>> {
  constructor(delimiter: Uint8Array, options?: DelimiterStreamOptions);
}

/** Cuts text at a delimiter. */
export class TextDelimiterStream extends TransformStream<string, string> {
  constructor(delimiter: string, options?: DelimiterStreamOptions);
}

/** Cuts text into lines, without their `\n` or `\r\n`. */
export class TextLineStream extends TransformStream<string, string> {
  constructor(options?: TextLineStreamOptions);
}

/** Reads streams one after the other. */
export function concatReadableStreams<T>(...streams: ReadableStream<T>[]): ReadableStream<T>;

/** Reads streams all at once; chunks come in order of arrival. */
export function mergeReadableStreams<T>(...streams: ReadableStream<T>[]): ReadableStream<T>;

/** Reads all bytes into one buffer. */
export function toArrayBuffer(stream: ReadableStream<Uint8Array>): Promise<ArrayBuffer>;

/** Reads all bytes into one array. */
export function toBytes(stream: ReadableStream<Uint8Array>): Promise<Uint8Array<ArrayBuffer>>;

/** Reads everything and parses it as JSON. */
export function toJson(stream: ReadableStream<Uint8Array> | ReadableStream<string>): Promise<unknown>;

/** Reads everything as text; bytes are decoded as UTF-8. */
export function toText(stream: ReadableStream<Uint8Array> | ReadableStream<string>): Promise<string>;
