/**
 * `head | wc` with a tap between them, or a plain pipe, or `cat`; one operation is a MiB. The CPU is this process's own, its children's is
 * not in it.
 */

import process from "node:process";
import { command, pipe, tap } from "../../mod.ts";
import { serveRounds } from "./serve_rounds.ts";

const [, form = "tap", capacity = "65536"] = Deno.args;

await serveRounds(async (mebibytes) => {
  const before = process.cpuUsage();
  const counted = Number(await count(mebibytes));
  const { user, system } = process.cpuUsage(before);
  if (counted !== mebibytes * 2 ** 20) throw new Error(`Counted ${counted} bytes of ${mebibytes} MiB`);
  return { cpuMs: (user + system) / 1000 };
});

async function count(mebibytes: number): Promise<string> {
  await using children = new AsyncDisposableStack();
  const start = (...[program, args, options]: Parameters<typeof command>) =>
    void children.use(command(program, args, options).spawn());
  const { reader, writer } = pipe({ capacity: Number(capacity) });
  start("head", ["-c", `${mebibytes}M`, "/dev/zero"], { stdout: writer });
  let stdin = reader;
  if (form === "tap") stdin = tap(reader).reader;
  if (form === "cat") {
    const second = pipe();
    start("cat", [], { stdin: reader, stdout: second.writer });
    stdin = second.reader;
  }
  return await command("wc", ["-c"], { stdin }).text();
}
