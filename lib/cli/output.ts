/**
 * Writing to the terminal or pipe that the program was given.
 *
 * @module
 */

/** Whoever read standard output has had enough (`| head -n 1`). It ends the program quietly. */
export class OutputClosed extends Error {
  /** Always `"OutputClosed"`. */
  override readonly name = "OutputClosed";
}

const encoder = new TextEncoder();

/**
 * Writes text to standard output, all of it.
 *
 * @throws {OutputClosed} When nobody reads it any more.
 */
export function print(text: string): void {
  printBytes(encoder.encode(text));
}

/**
 * Writes bytes to standard output, all of them.
 *
 * @throws {OutputClosed} When nobody reads it any more.
 */
export function printBytes(bytes: Uint8Array): void {
  try {
    writeAll(Deno.stdout, bytes);
  } catch (error) {
    if (error instanceof Deno.errors.BrokenPipe) throw new OutputClosed("Standard output was closed", { cause: error });
    throw error;
  }
}

/** Writes text to standard error. A standard error that nobody reads is no reason to fail. */
export function printError(text: string): void {
  try {
    writeAll(Deno.stderr, encoder.encode(text));
  } catch (error) {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  }
}

/** Writes a value as JSON: one document, indented, with a final newline. */
export function printJson(value: unknown): void {
  print(`${jsonText(value, 2)}\n`);
}

/** A value as JSON. Milliseconds have three decimals at most: the clock knows no more than microseconds, and the rest is noise of the arithmetic. */
export function jsonText(value: unknown, indent?: number): string {
  return JSON.stringify(value, (name, field: unknown) => {
    return typeof field === "number" && name.endsWith("Ms") ? Math.round(field * 1000) / 1000 : field;
  }, indent);
}

/** What programs said, in JSON. */
export interface SaidInJson {
  /** As UTF-8; bytes that are none are U+FFFD. */
  readonly text: string;
  /** The bytes in base64, where the text does not tell them. */
  readonly base64: string | undefined;
}

/** Text of bytes, and base64 where something is lost by it: by bytes that are no UTF-8, or by a byte order mark. */
export function saidInJson(bytes: Uint8Array): SaidInJson {
  const text = new TextDecoder().decode(bytes);
  return { text, base64: isWhole(text, bytes) ? undefined : bytes.toBase64() };
}

function isWhole(text: string, bytes: Uint8Array): boolean {
  const again = encoder.encode(text);
  if (again.byteLength !== bytes.byteLength) return false;
  // It may have been said, too.
  return !text.includes("\ufffd") || again.every((byte, index) => byte === bytes[index]);
}

function writeAll(to: { writeSync(bytes: Uint8Array): number }, all: Uint8Array): void {
  for (let bytes = all; bytes.byteLength > 0;) {
    try {
      bytes = bytes.subarray(to.writeSync(bytes));
    } catch (error) {
      if (!(error instanceof Deno.errors.WouldBlock)) throw error;
      // Another process made this terminal or pipe non-blocking; its reader needs a moment.
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}
