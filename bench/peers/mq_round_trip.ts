/** 64 bytes to a peer and back, over two POSIX message queues, blocking or on the event loop. */

import { command, createMessageQueue, openMessageQueue, type QueueMessage, unlinkMessageQueue } from "../../mod.ts";
import { denoWords, pinned } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

const MESSAGE_BYTES = 64;
const LIMITS = { maxMessages: 4, messageSize: MESSAGE_BYTES };

const [cpu = "-1", form = "sync", name] = Deno.args;
await (name === undefined ? ask(`/causeway-bench-${Deno.pid}`) : echo(name));

async function ask(name: string): Promise<void> {
  using there = createMessageQueue(`${name}-there`, LIMITS);
  using back = createMessageQueue(`${name}-back`, LIMITS);
  const [program, ...args] = pinned([...denoWords("mq_round_trip.ts"), cpu, form, name], Number(cpu));
  await using peer = command(program, args, { stdin: "null", stdout: "piped" }).spawn();
  // The peer's "ready" says that it has opened both.
  await peer.stdout.getReader().read();
  for (const queue of [there, back]) unlinkMessageQueue(queue.name);
  const message = new Uint8Array(MESSAGE_BYTES);
  const into = new Uint8Array(MESSAGE_BYTES);
  if (form === "sync") {
    await serveRounds((operations) => {
      for (let i = 0; i < operations; i++) {
        there.sendSync(message);
        whole(back.receiveSync({ into }));
      }
    });
  } else {
    await serveRounds(async (operations) => {
      for (let i = 0; i < operations; i++) {
        await there.send(message);
        whole(await back.receive({ into }));
      }
    });
  }
}

async function echo(name: string): Promise<void> {
  using there = openMessageQueue(`${name}-there`, { access: "receive" });
  using back = openMessageQueue(`${name}-back`, { access: "send" });
  const into = new Uint8Array(MESSAGE_BYTES);
  console.log("ready");
  while (true) {
    if (form === "sync") back.sendSync(there.receiveSync({ into }).bytes);
    else await back.send((await there.receive({ into })).bytes);
  }
}

function whole({ bytes }: QueueMessage): void {
  if (bytes.byteLength !== MESSAGE_BYTES) throw new Error(`Received ${bytes.byteLength} of ${MESSAGE_BYTES} bytes`);
}
