/**
 * What every Deno contender shares: it says that it is ready, then answers each line on its standard input with what a round took.
 *
 * @module
 */

import { TextLineStream } from "@std/streams";
import type { Sample } from "../contender.ts";

/** Answers rounds until end of file. `round` performs as many operations as it is told; what it returns goes along, or takes the place of the time. */
export async function serveRounds(
  round: (operations: number) => void | Partial<Sample> | Promise<void | Partial<Sample>>,
): Promise<void> {
  console.log("ready");
  for await (const line of Deno.stdin.readable.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream())) {
    const start = performance.now();
    // A round that waits for nothing is not made to wait for a turn of the event loop.
    const result = round(Number(line));
    const more = result instanceof Promise ? await result : result;
    const nanoseconds = (performance.now() - start) * 1e6;
    console.log(JSON.stringify({ nanoseconds, ...more }));
  }
}
