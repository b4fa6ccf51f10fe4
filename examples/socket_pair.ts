// A private road to a child: messages that stay whole, and an open pipe that travels with one of them.
// deno run --allow-ffi --allow-run=python3 examples/socket_pair.ts
// Needs: python3
// Expect: child of this process: true
// Expect: receipt: 3 messages
// Expect: through the pipe: written by the child
// Expect: child ended: null
import { command, pipe, socketPair } from "../mod.ts";

// The child's standard input is its end of the pair. It receives messages until one brings a descriptor, and writes there.
const CHILD = `
import os, socket
road = socket.socket(fileno=0)
count, descriptors = 0, []
while not descriptors:
    message, descriptors, flags, _ = socket.recv_fds(road, 100, 1)
    count += 1
road.send(f"{count} messages".encode())
os.write(descriptors[0], b"written by the child")
`;

const [ours, theirs] = socketPair("seqpacket", { descriptors: true });
using road = ours;
console.log("child of this process:", road.peer.pid === Deno.pid);

// Giving the end to the child closes it here: the child's is the only one.
const child = command("python3", ["-c", CHILD], { stdin: theirs }).output();
const { reader, writer } = pipe();
using answers = reader;
const bytes = (text: string) => new TextEncoder().encode(text);
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

await road.send(bytes("one"));
await road.send(bytes("two"));
// The writer moves with the message, so the end of the child's writing is the end of the pipe.
await road.sendDescriptors(bytes("three, and a pipe"), [writer]);

const receipt = await road.receive({ timeoutMs: 10_000 });
console.log("receipt:", text(receipt!.bytes));
console.log("through the pipe:", await new Response(answers.readable).text());
await child;
console.log("child ended:", await road.receive());
