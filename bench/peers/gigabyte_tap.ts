/**
 * `head | wc` with a tap between them, or a plain pipe; one operation is a MiB. The CPU is this process's own, its children's is not in it.
 */

import process from "node:process";
import { command, pipe, type PipeReader, tap } from "../../mod.ts";
import { serveRounds } from "./serve_rounds.ts";

const [, form = "tap", capacity] = Deno.args;

await serveRounds(async (mebibytes) => {
  const before = process.cpuUsage();
  const counted = Number(await count(mebibytes));
  const { user, system } = process.cpuUsage(before);
  if (counted !== mebibytes * 2 ** 20) throw new Error(`Counted ${counted} bytes of ${mebibytes} MiB`);
  return { cpuMs: (user + system) / 1000 };
});

async function count(mebibytes: number): Promise<string> {
  const { reader, writer } = pipe({ capacity: capacity === undefined ? undefined : Number(capacity) });
  await using _source = command("head", ["-c", `${mebibytes}M`, "/dev/zero"], { stdout: writer }).spawn();
  return await command("wc", ["-c"], { stdin: between(reader) }).text();
}

/** What the second program reads. */
function between(reader: PipeReader): PipeReader {
  return form === "tap" ? tap(reader).reader : reader;
}
