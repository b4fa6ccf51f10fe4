/** 64 bytes to a peer and back, over one Unix socket with a name: blocking, on the event loop, or by Deno's own connections. */

import { command, connectUnix, listenUnix } from "../../mod.ts";
import { denoWords, pinned } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

const MESSAGE_BYTES = 64;
const message = new Uint8Array(MESSAGE_BYTES);

const [cpu = "-1", form = "stream-sync", path] = Deno.args;
if (path !== undefined) await echo(path);
else {
  const directory = await Deno.makeTempDir();
  try {
    await ask(`${directory}/socket`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

async function ask(path: string): Promise<void> {
  const [program, ...args] = pinned([...denoWords("socket_round_trip.ts"), cpu, form, path], Number(cpu));
  const peer = command(program, args);
  if (form === "deno-async") {
    using listener = Deno.listen({ transport: "unix", path });
    await using child = peer.spawn();
    using connection = await listener.accept();
    await serveRounds(async (operations) => {
      for (let i = 0; i < operations; i++) {
        await connection.write(message);
        whole(await connection.read(message));
      }
    });
    connection.close();
    await child.status;
    return;
  }
  if (form === "seqpacket-sync") {
    using listener = await listenUnix(path, { type: "seqpacket" });
    await using child = peer.spawn();
    using socket = await listener.accept();
    await serveRounds((operations) => {
      for (let i = 0; i < operations; i++) {
        socket.sendSync(message);
        whole(socket.receiveSync({ into: message })?.byteLength ?? null);
      }
    });
    socket.close();
    await child.status;
    return;
  }
  using listener = await listenUnix(path);
  await using child = peer.spawn();
  using socket = await listener.accept();
  if (form === "stream-sync") {
    await serveRounds((operations) => {
      for (let i = 0; i < operations; i++) {
        socket.writeSync(message);
        whole(socket.readSync(message));
      }
    });
  } else {
    await serveRounds(async (operations) => {
      for (let i = 0; i < operations; i++) {
        await socket.write(message);
        whole(await socket.read(message));
      }
    });
  }
  socket.close();
  await child.status;
}

async function echo(path: string): Promise<void> {
  if (form === "deno-async") {
    using connection = await Deno.connect({ transport: "unix", path });
    while (await connection.read(message) !== null) await connection.write(message);
  } else if (form === "seqpacket-sync") {
    using socket = await connectUnix(path, { type: "seqpacket" });
    while (socket.receiveSync({ into: message }) !== null) socket.sendSync(message);
  } else {
    using socket = await connectUnix(path);
    if (form === "stream-sync") { while (socket.readSync(message) !== null) socket.writeSync(message); }
    else while (await socket.read(message) !== null) await socket.write(message);
  }
}

/** What was sent in one piece into an empty socket arrives in one piece. */
function whole(count: number | null): void {
  if (count !== MESSAGE_BYTES) throw new Error(`Received ${count} of ${MESSAGE_BYTES} bytes`);
}
