/** 64 bytes to a peer and back, over two FIFOs, blocking or on the event loop. */

import { command, createFifo, openFifo } from "../../mod.ts";
import { denoWords, pinned } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

const MESSAGE_BYTES = 64;

const [cpu = "-1", form = "sync", folder] = Deno.args;
await (folder === undefined ? ask(Deno.makeTempDirSync()) : echo(folder));

async function ask(folder: string): Promise<void> {
  for (const name of ["requests", "replies"]) createFifo(`${folder}/${name}`);
  const [program, ...args] = pinned([...denoWords("fifo_round_trip.ts"), cpu, form, folder], Number(cpu));
  const peer = command(program, args).spawn();
  using writer = await openFifo(`${folder}/requests`, "write");
  using reader = await openFifo(`${folder}/replies`, "read");
  Deno.removeSync(folder, { recursive: true });
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

async function echo(folder: string): Promise<void> {
  using reader = await openFifo(`${folder}/requests`, "read");
  using writer = await openFifo(`${folder}/replies`, "write");
  const message = new Uint8Array(MESSAGE_BYTES);
  if (form === "sync") { while (reader.readSync(message) !== null) writer.writeSync(message); }
  else while (await reader.read(message) !== null) await writer.write(message);
}

/** A write of at most PIPE_BUF bytes is atomic, so a read gets all of it. */
function whole(count: number | null): void {
  if (count !== MESSAGE_BYTES) throw new Error(`Read ${count} of ${MESSAGE_BYTES} bytes`);
}
