/**
 * 64 bytes one way through a channel, by sendMany and receiveMany, of which the last is answered. channel_stream.ts CPU ROAD
 *
 * ROAD `unix`, `tcp`, `fifo`, `mq`, `shm`. The peer listens: on some roads messages go to the listener only, so it answers on its standard output.
 */

import { channel, command } from "../../mod.ts";
import { denoWords, pinned, pinRunning } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

const BATCH = 64;
const LAST = 1;
const batch = new Array<Uint8Array>(BATCH).fill(new Uint8Array(64));
const last = new Uint8Array(64).fill(LAST);

const [cpu = "-1", road = "unix", address] = Deno.args;

if (address !== undefined) await receive(address);
else {
  const directory = await Deno.makeTempDir();
  try {
    await send(addressIn(directory));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function addressIn(directory: string): string {
  if (road === "unix" || road === "fifo") return `${road}:${directory}/road`;
  if (road !== "tcp") return `${road}:${road === "mq" ? "/" : ""}causeway-bench-${Deno.pid}`;
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  return `tcp:127.0.0.1:${listener.addr.port}`;
}

async function send(address: string): Promise<void> {
  // A ring's end whose process may run on one CPU does not spin.
  const words = pinned([...denoWords("channel_stream.ts"), cpu, road, address], road === "shm" ? -1 : Number(cpu));
  const [program, ...args] = words;
  await using peer = command(program, args, { stdout: "piped", stderr: "inherit" }).spawn();
  {
    await using end = await channel(address, { codec: "bytes" });
    const answers = peer.stdout.getReader();
    if (road === "shm") await pinRunning(peer.pid, Number(cpu));
    await serveRounds(async (operations) => {
      for (let left = operations; left > 0; left -= BATCH) {
        await end.sendMany(left > BATCH ? batch : [...batch.slice(0, left - 1), last]);
      }
      if ((await answers.read()).done) throw new Error("The receiver is gone");
    });
    answers.releaseLock();
  }
  await peer.status;
}

async function receive(address: string): Promise<void> {
  using end = await channel(address, { mode: "listen", codec: "bytes" });
  const answer = new Uint8Array(1);
  while (true) {
    const messages = await end.receiveMany();
    if (messages === null) return;
    // One write for each end of a round, of which there can be no two in what came.
    if (messages.at(-1)![0] === LAST) Deno.stdout.writeSync(answer);
  }
}
