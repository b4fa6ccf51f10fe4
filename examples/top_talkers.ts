// Counts who talks most in an access log, with the classic tools: the kernel moves the bytes, none passes through this program.
// deno run --allow-ffi --allow-run=cut,sort,uniq,head --allow-write=examples/.data examples/top_talkers.ts
// Expect: 198.51.
import { pipeline } from "../mod.ts";
import { makeAccessLog } from "./make_access_log.ts";

const [given] = Deno.args;
const path = given ?? "examples/.data/access.log";
if (given === undefined) await makeAccessLog(path);

const { stdout, stages } = await pipeline(
  ["cut", "-d", " ", "-f", "1", path],
  ["sort"],
  ["uniq", "-c"],
  ["sort", "-rn"],
  ["head", "-n", "5"],
).output();

console.log(stdout.trimEnd());
for (const { command: [program], status, durationMs } of stages) {
  const how = status.kind === "exited" ? `exited with ${status.code}` : `was killed by ${status.signal}`;
  console.log(`${program} ${how} after ${durationMs.toFixed(1)} ms`);
}
