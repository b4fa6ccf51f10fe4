/** `head | cat | wc` wired by this process or by bash; one operation is a MiB. The CPU is this process's own, its children's is not in it. */

import process from "node:process";
import { pipeline } from "../../mod.ts";
import { serveRounds } from "./serve_rounds.ts";

const count = Deno.args[1] === "bash" ? countByBash : countByPipeline;

await serveRounds(async (mebibytes) => {
  const before = process.cpuUsage();
  const counted = Number(await count(mebibytes));
  const { user, system } = process.cpuUsage(before);
  if (counted !== mebibytes * 2 ** 20) throw new Error(`Counted ${counted} bytes of ${mebibytes} MiB`);
  return { cpuMs: (user + system) / 1000 };
});

function countByPipeline(mebibytes: number): Promise<string> {
  return pipeline(["head", "-c", `${mebibytes}M`, "/dev/zero"], ["cat"], ["wc", "-c"]).text();
}

async function countByBash(mebibytes: number): Promise<string> {
  const args = ["-c", `head -c ${mebibytes}M /dev/zero | cat | wc -c`];
  return new TextDecoder().decode((await new Deno.Command("bash", { args }).output()).stdout);
}
