/** 64 bytes to a peer and back, over two pipes, blocking or on the event loop. */

import { command, fromDescriptor, pipe, pipeReader, pipeWriter } from "../../mod.ts";
import { denoWords, pinned } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

const MESSAGE_BYTES = 64;

const [cpu = "-1", form = "sync", role] = Deno.args;
await (role === "peer" ? echo() : ask());

async function ask(): Promise<void> {
  const { reader: requests, writer } = pipe();
  const { reader, writer: replies } = pipe();
  const [program, ...args] = pinned([...denoWords("pipe_round_trip.ts"), cpu, form, "peer"], Number(cpu));
  const peer = command(program, args, { stdin: requests, stdout: replies }).spawn();
  using _reader = reader;
  const message = new Uint8Array(MESSAGE_BYTES);
  if (form === "sync") {
    await serveRounds((operations) => {
      for (let i = 0; i < operations; i++) {
        writer.writeSync(message);
        whole(reader.readSync(message));
      }
    });
  } else {
    await serveRounds(async (operations) => {
      for (let i = 0; i < operations; i++) {
        await writer.write(message);
        whole(await reader.read(message));
      }
    });
  }
  writer.close();
  await peer.status;
}

async function echo(): Promise<void> {
  using reader = pipeReader(fromDescriptor(0));
  using writer = pipeWriter(fromDescriptor(1));
  const message = new Uint8Array(MESSAGE_BYTES);
  if (form === "sync") { while (reader.readSync(message) !== null) writer.writeSync(message); }
  else while (await reader.read(message) !== null) await writer.write(message);
}

/** A write of at most PIPE_BUF bytes is atomic, so a read gets all of it. */
function whole(count: number | null): void {
  if (count !== MESSAGE_BYTES) throw new Error(`Read ${count} of ${MESSAGE_BYTES} bytes`);
}
