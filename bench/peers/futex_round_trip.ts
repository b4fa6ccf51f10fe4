/** A turn to a peer and back by two auto-reset events in shared memory; both sides sleep. */

import { autoResetEvent, createSharedMemory, openSharedMemory, struct } from "../../mod.ts";
import { denoWords, pinned } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

const Exchange = struct({ request: autoResetEvent, reply: autoResetEvent });

async function ask(name: string): Promise<void> {
  using memory = createSharedMemory(name, { size: Exchange.byteLength });
  const { request, reply } = Exchange.create(memory);
  const [program, ...args] = pinned([...denoWords("futex_round_trip.ts"), cpu, name], Number(cpu));
  const peer = new Deno.Command(program, { args, stdin: "null", stdout: "null" }).spawn();
  // The first answer says that the peer is there.
  request.set();
  reply.waitSync();
  memory.unlink();
  await serveRounds((operations) => {
    for (let i = 0; i < operations; i++) {
      request.set();
      reply.waitSync();
    }
  });
  peer.kill("SIGKILL");
  await peer.status;
}

function echo(name: string): never {
  const memory = openSharedMemory(name);
  const { request, reply } = Exchange.open(memory);
  const parent = Deno.ppid;
  while (true) {
    // Whoever is left alone by a parent that was killed ends.
    while (!wasSet(request)) if (Deno.ppid !== parent) Deno.exit();
    reply.set();
  }
}

function wasSet(event: { waitSync(options: { timeoutMs: number }): void }): boolean {
  try {
    event.waitSync({ timeoutMs: 10_000 });
    return true;
  } catch (error) {
    if (error instanceof DOMException) return false;
    throw error;
  }
}

const [cpu = "-1", name] = Deno.args;
await (name === undefined ? ask(`/causeway-bench-${Deno.pid}`) : echo(name));
