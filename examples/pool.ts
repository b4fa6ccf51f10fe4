// Many jobs, so many at a time: in order, with retries, until it is enough.
// Run: deno run --allow-run examples/pool.ts
// Expect: 8 bytes: abcdefgh
// Expect: the third try made it
// Expect: stopped: Pool halted: 1 job has failed
// Expect: places used: 1 2 3
import { command, pool } from "../mod.ts";

// A command for every item. Results come in the order of the items, and a failure is a result too.
{
  await using p = pool({ concurrency: 4, timeoutMs: 10_000 });
  const texts = ["ab", "abcd", "abcdefgh"];
  for await (const result of p.map(texts, (text) => command("wc", ["-c"], { stdin: { text } }))) {
    if (result.kind === "done") console.log(`${result.value.stdout.trim()} bytes: ${result.item}`);
  }
}

// What fails may be tried again: 100 ms later, then 200 ms, less a part that is left to chance.
{
  await using p = pool({ retry: { times: 5, delayMs: 10 } });
  const attempt = await p.run(({ attempt }) => {
    if (attempt < 3) throw new Error("not yet");
    return attempt;
  });
  if (attempt === 3) console.log("the third try made it");
}

// The first failure ends the others: no child outlives the pool.
{
  await using p = pool({ concurrency: 2, halt: "now" });
  const jobs = [command("sleep", ["1000"]), command("false"), command("sleep", ["1000"])];
  for await (const { index, kind } of p.map(jobs, (job) => job)) console.log(`job ${index}: ${kind}`);
  console.log(`stopped: ${p.halted?.message}`);
}

// An input without end is taken only as fast as there are places, and as results are wanted.
{
  await using p = pool({ concurrency: 3 });
  const places = new Set<number>();
  const job = async (_: number, { slot }: { slot: number }) => {
    places.add(slot);
    await new Promise((resolve) => setTimeout(resolve, 1));
  };
  for await (const { index } of p.map(endless(), job, { order: "finished" })) if (index > 20) break;
  console.log(`places used: ${[...places].sort().join(" ")}`);
}

function* endless(): Generator<number> {
  for (let n = 0;; n++) yield n;
}
