// A log that programs write to by datagrams: the kernel says who wrote each line, and whoever has an address gets an answer.
// deno run --allow-ffi --allow-read=/tmp --allow-write=/tmp --allow-run=python3 examples/datagram.ts
// Needs: python3
// Expect: python3 (its own pid: true) wrote: started
// Expect: python3 (its own pid: true) wrote: working
// Expect: python3: 2 lines, says the log
// Expect: a client that gives no address gets no answer: undefined
// Expect: nobody is left: ECONNREFUSED
import { bindUnix, command, connectUnix, type PosixError } from "../mod.ts";

// Python's side: two lines, then a question, from a name that the kernel chooses (binding to an empty one).
const CLIENT = `
import os, socket, sys
log = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
log.bind("")
log.connect(sys.argv[1])
for line in (f"{os.getpid()} started", f"{os.getpid()} working", "?"):
    log.send(line.encode())
print("python3:", log.recv(100).decode())
`;

const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);

const directory = await Deno.makeTempDir({ dir: "/tmp" });
const path = `${directory}/log`;
{
  using log = await bindUnix(path, { mode: 0o600, credentials: true });
  const asked = command("python3", ["-c", CLIENT, path]).text();
  let lines = 0;
  for await (const datagram of log) {
    if (text(datagram.bytes) === "?") {
      if (datagram.from !== undefined) await log.send(bytes(`${lines} lines, says the log`), { to: datagram.from });
      break;
    }
    // What the line says of its sender could be a lie. What the kernel says is not.
    const [pid, said] = text(datagram.bytes).split(" ");
    console.log(`python3 (its own pid: ${datagram.credentials?.pid === Number(pid)}) wrote:`, said);
    lines++;
  }
  console.log(await asked);

  using nameless = await connectUnix(path, { type: "datagram" });
  await nameless.send(bytes("hello"));
  console.log("a client that gives no address gets no answer:", (await log.receive()).from);

  log.close(); // the name stays, stale
  const failure = await nameless.send(bytes("anybody there?")).catch((error: PosixError) => error.code);
  console.log("nobody is left:", failure);
}
await Deno.remove(directory, { recursive: true });
