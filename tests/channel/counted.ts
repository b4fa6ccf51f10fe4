/** Numbered messages of many lengths, in which a torn one shows. */

/** The longest. A message queue takes no more without a right. */
export const MOST_COUNTED_BYTES = 8000;

/** Lengths vary, so that messages meet the ends of buffers in every way. */
export function countedBytes(number: number): number {
  return 4 + 4 * (number % 3 === 0 ? number % 1999 : number % 61);
}

/** A message: its number in every word. */
export function countedMessage(number: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new Uint32Array(countedBytes(number) / 4).fill(number).buffer);
}

/** Throws when a message is not the whole of the expected one. @returns The number of the next. */
export function checkCounted(message: Uint8Array, expected: number): number {
  if (message.byteLength !== countedBytes(expected)) {
    throw new Error(`message ${expected} has ${message.byteLength} bytes instead of ${countedBytes(expected)}`);
  }
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength);
  for (let at = 0; at < message.byteLength; at += 4) {
    if (view.getUint32(at, true) !== expected) throw new Error(`message ${expected} is torn at ${at}`);
  }
  return expected + 1;
}
