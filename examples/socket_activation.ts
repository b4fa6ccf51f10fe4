// A service that never misses a client: its socket is made by whoever starts it, and outlives it. systemd's LISTEN_FDS convention, both sides.
// deno run --allow-ffi --allow-env --allow-read --allow-write=/tmp --allow-run examples/socket_activation.ts
// Expect: asked before the service runs
// Expect: service 1: was given "clock", a stream listener
// Expect: service 2: was given "clock", a stream listener
// Expect: answers: 1 2
import {
  command,
  connectUnix,
  inheritedSockets,
  listenUnix,
  socketsToInherit,
  type StreamSocket,
  type UnixListener,
} from "../mod.ts";

if (Deno.args[0] === "service") await serve(Deno.args[1] ?? "");
else await manage();

/** Answers one client, and ends: the next one is for the next service. */
async function serve(number: string): Promise<void> {
  for (const given of inheritedSockets()) {
    if (given.kind !== "listener" || given.listener.type !== "stream") throw new Error(`Cannot serve a ${given.kind}`);
    console.log(`service ${number}: was given ${JSON.stringify(given.name)}, a ${given.listener.type} listener`);
    using listener = given.listener;
    for await (const connection of listener) {
      using socket = connection;
      if (socket.type === "stream") await socket.write(new TextEncoder().encode(number));
      break;
    }
  }
}

async function manage(): Promise<void> {
  const directory = await Deno.makeTempDir({ dir: "/tmp" });
  {
    using listener = await listenUnix(`${directory}/clock`);
    // Nobody serves yet: the connection waits in the kernel's queue.
    using first = await connectUnix(listener.path);
    console.log("asked before the service runs");
    await start(1, listener);
    using second = await connectUnix(listener.path);
    await start(2, listener);
    console.log("answers:", await answer(first), await answer(second));
  }
  await Deno.remove(directory);
}

/** Gives the socket to a service. The shell knows the pid that LISTEN_PID must have: it is its own, until it becomes the service. */
async function start(number: number, listener: UnixListener): Promise<void> {
  const service = ["run", "--allow-ffi", "--allow-env", import.meta.filename!, "service", `${number}`];
  const words = ["-c", 'LISTEN_PID=$$ exec "$@"', "sh", Deno.execPath(), ...service];
  const inherit = [socketsToInherit({ clock: listener.duplicate() })];
  await command("sh", words, { inherit, stdout: "inherit" }).status();
}

async function answer(socket: StreamSocket): Promise<string> {
  const buffer = new Uint8Array(8);
  return new TextDecoder().decode(buffer.subarray(0, await socket.read(buffer) ?? 0));
}
