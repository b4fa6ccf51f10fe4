// A service that any program of this user can ask: it listens at a path that nobody else may open, and Python asks.
// deno run --allow-read=/tmp --allow-write=/tmp --allow-net --allow-run=python3 examples/socket.ts
// Needs: python3
// Expect: -rw------- service
// Expect: python3: 6 times 7 is 42
// Expect: name left behind: false
import { command, connectUnix, listenUnix, type StreamSocket } from "../mod.ts";

// Python's side: ask, end the question, read the whole answer.
const ASK = `
import socket, sys
with socket.socket(socket.AF_UNIX) as service:
    service.connect(sys.argv[1])
    service.sendall(b"6 7")
    service.shutdown(socket.SHUT_WR)
    print("python3:", service.makefile().read())
`;

async function answer(socket: StreamSocket): Promise<void> {
  using caller = socket;
  // The caller has closed its direction, so the question has an end; ours is still open.
  const [a, b] = (await new Response(caller.readable).text()).split(" ").map(Number);
  await caller.write(new TextEncoder().encode(`${a} times ${b} is ${a! * b!}`));
}

const directory = await Deno.makeTempDir({ dir: "/tmp" });
const path = `${directory}/service`;
{
  // A name that a killed predecessor left would be replaced; that of a living one never.
  using listener = await listenUnix(path, { mode: 0o600 });
  const mode = (await Deno.lstat(path)).mode! & 0o777;
  console.log(mode === 0o600 ? "-rw-------" : mode.toString(8), "service");

  const asked = command("python3", ["-c", ASK, path]).text();
  await answer(await listener.accept());
  console.log(await asked);

  // Both ends in one process, to show a deadline: nobody answers this one.
  using caller = await connectUnix(path);
  const failure = await caller.read(new Uint8Array(64), { timeoutMs: 50 }).catch((error: DOMException) => error.name);
  console.log("unanswered:", failure);
}
const left = await Deno.lstat(path).then(() => true, () => false);
console.log("name left behind:", left);
await Deno.remove(directory);
