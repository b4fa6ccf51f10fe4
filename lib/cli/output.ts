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
  print(`${JSON.stringify(value, null, 2)}\n`);
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
