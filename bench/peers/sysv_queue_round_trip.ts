/** 64 bytes to a peer and back, over one System V message queue with a type for each direction, blocking. */

import { command, createSysvQueue, openSysvQueue, PosixError, type SysvMessage } from "../../mod.ts";
import { denoWords, pinned } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

const MESSAGE_BYTES = 64;
const THERE = { type: 1 };
const BACK = { type: 2 };

const [cpu = "-1", id] = Deno.args;
await (id === undefined ? ask() : echo(Number(id)));

async function ask(): Promise<void> {
  using queue = createSysvQueue("private");
  const [program, ...args] = pinned([...denoWords("sysv_queue_round_trip.ts"), cpu, String(queue.id)], Number(cpu));
  await using peer = command(program, args, { stdin: "null", stdout: "piped" }).spawn();
  await peer.stdout.getReader().read();
  const message = new Uint8Array(MESSAGE_BYTES);
  await serveRounds((operations) => {
    for (let i = 0; i < operations; i++) {
      queue.sendSync(message, THERE);
      whole(queue.receiveSync(BACK));
    }
  });
  queue.remove();
}

function echo(id: number): void {
  using queue = openSysvQueue({ id });
  console.log("ready");
  try {
    while (true) queue.sendSync(queue.receiveSync(THERE).bytes, BACK);
  } catch (error) {
    // The asker has removed the queue.
    if (!(error instanceof PosixError && (error.code === "EIDRM" || error.code === "EINVAL"))) throw error;
  }
}

function whole({ bytes }: SysvMessage): void {
  if (bytes.byteLength !== MESSAGE_BYTES) throw new Error(`Received ${bytes.byteLength} of ${MESSAGE_BYTES} bytes`);
}
