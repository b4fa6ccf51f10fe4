// Two roads that know nothing of each other, joined: what a program puts into a message queue comes out of a Unix socket, and back by a FIFO.
// deno run --allow-ffi --allow-run --allow-read --allow-write examples/bridge.ts
// Expect: over mq: and unix:, doubled, and back over fifo:: 2 4 6 8 10
import { channel, command } from "../mod.ts";

const [role, ...addresses] = Deno.args;
if (role === undefined) await lead();
else await work(addresses[0]!, addresses[1]!);

async function lead(): Promise<void> {
  const directory = await Deno.makeTempDir();
  const [queue, socket, fifo] = [`mq:/example-${Deno.pid}`, `unix:${directory}/numbers`, `fifo:${directory}/answers`];
  const program = ["run", "--allow-ffi", "--allow-read", "--allow-write", import.meta.filename!];
  const running = command(Deno.execPath(), [...program, "work", socket, fifo]).status();
  const answers = channel<number>(fifo, { mode: "listen" });
  const bridge = join(queue, socket);
  {
    await using numbers = await channel<number>(queue);
    await numbers.sendMany([1, 2, 3, 4, 5]);
  }
  console.log("over mq: and unix:, doubled, and back over fifo::", ...await Array.fromAsync(await answers));
  await bridge;
  await running;
  await Deno.remove(directory, { recursive: true });
}

/** A channel is a pair of web streams, too: the bridge is one pipe, with the back-pressure of both roads. */
async function join(from: string, to: string): Promise<void> {
  const [source, sink] = await Promise.all([
    channel<number>(from, { mode: "listen" }),
    channel<number>(to, { mode: "listen" }),
  ]);
  await source.readable.pipeTo(sink.writable);
  source.close();
  sink.close();
}

async function work(socket: string, fifo: string): Promise<void> {
  await using numbers = await channel<number>(socket);
  await using answers = await channel<number>(fifo);
  for await (const number of numbers) await answers.send(2 * number);
}
