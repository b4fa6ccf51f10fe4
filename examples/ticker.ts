// One publishes prices, three subscribe, each with its own answer to "what if I am slow?".
// deno run --allow-ffi --allow-run --allow-read --allow-write --allow-env examples/ticker.ts
// Expect: complete: 2000 of 2000 prices, 0 dropped
// Expect: newest: the last price is 1999
// Expect: late: began with price 1997
import { command, f64, struct, topic, u32 } from "../mod.ts";

/** Travels as it lies in memory: nothing is encoded. */
const Price = struct({ sequence: u32, price: f64 });

const terms = { codec: Price, maxMessageBytes: 64 };

const [role, address = `shm:example-ticker-${Deno.pid}`] = Deno.args;
if (role === undefined) await publish();
else await subscribe(role);

async function publish(): Promise<void> {
  await using prices = await topic(address, { ...terms, mode: "publish", history: 3 });
  const start = (who: string) => command(Deno.execPath(), ["run", "-A", import.meta.filename!, who, address]).text();
  const early = [start("complete"), start("newest")];
  while (prices.subscribers.length < 2) await new Promise((resolve) => setTimeout(resolve, 5));
  for (let sequence = 0; sequence < 2000; sequence++) {
    await prices.publish({ sequence, price: 100 + Math.sin(sequence / 50) });
  }
  const late = start("late");
  while (!prices.subscribers.some(({ whenFull }) => whenFull === "drop-newest")) {
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  prices.close();
  for (const said of await Promise.all([...early, late])) console.log(said);
}

async function subscribe(who: string): Promise<void> {
  const whenFull = who === "complete" ? "block" : who === "newest" ? "drop-oldest" : "drop-newest";
  const history = who === "late" ? 3 : 0;
  await using prices = await topic(address, { ...terms, whenFull, history, bufferBytes: 4096 });
  const seen: number[] = [];
  for await (const { sequence } of prices) {
    seen.push(sequence);
    if (who === "newest" && seen.length % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 20));
  }
  if (who === "complete") console.log(`complete: ${seen.length} of 2000 prices, ${prices.dropped} dropped`);
  if (who === "newest") {
    console.log(`newest: the last price is ${seen.at(-1)}, ${prices.dropped} older ones were dropped`);
  }
  if (who === "late") console.log(`late: began with price ${seen[0]}`);
}
