/**
 * JSON values through a socket, one a line.
 *
 * @module
 */

import type { StreamSocket } from "../../socket/mod.ts";
import { ProtocolError } from "../../errors.ts";

/** A line that is longer is not read to its end. */
const LONGEST_LINE = 1 << 20;

/** Writes a value as a line. */
export async function writeValue(socket: StreamSocket, value: unknown, signal?: AbortSignal): Promise<void> {
  await socket.write(new TextEncoder().encode(`${JSON.stringify(value)}\n`), { signal });
}

/**
 * The values of lines, until the other side has closed.
 *
 * @throws {ProtocolError} For a line that is too long, or no JSON object.
 */
export async function* readValues(socket: StreamSocket): AsyncGenerator<Readonly<Record<string, unknown>>, void, void> {
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(65_536);
  let open = "";
  for (let count = await socket.read(buffer); count !== null; count = await socket.read(buffer)) {
    const lines = (open + decoder.decode(buffer.subarray(0, count), { stream: true })).split("\n");
    open = lines.pop() ?? "";
    if (open.length > LONGEST_LINE) throw new ProtocolError("Control socket: the line is too long");
    for (const line of lines) yield objectOf(line);
  }
}

function objectOf(line: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new ProtocolError("Control socket: the line is no JSON", { cause });
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new ProtocolError("Control socket: the line is no JSON object");
}
