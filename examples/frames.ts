// A camera's pictures, 1 MiB each, from one process to another. They are written once, where the other one reads them: on loan.
// deno run --allow-ffi --allow-run --allow-read --allow-write examples/frames.ts
// Expect: 1000 frames of 1 MiB seen, 0 lost, 0 torn
// Expect: the viewer holds a frame, the camera writes to it, and the viewer sees that
import { channel, command } from "../mod.ts";

const SIZE = 1024 * 1024;
const FRAMES = 1000;
const terms = { codec: "bytes", maxMessageBytes: SIZE } as const;

const [address] = Deno.args;
if (address === undefined) await camera(`shm:example-frames-${Deno.pid}`);
else await viewer(address);

async function camera(address: string): Promise<void> {
  const flags = ["--allow-ffi", "--allow-read", "--allow-write"];
  const seen = command(Deno.execPath(), ["run", ...flags, import.meta.filename!, address]).text();
  await using out = await channel<Uint8Array>(address, { ...terms, mode: "listen" });
  const start = performance.now();
  for (let number = 0; number < FRAMES; number++) {
    using frame = await out.inPlace!.loan(SIZE);
    frame.bytes.fill(number); // the camera's hardware would write here
    frame.send(); // says that it is there: no byte moves
  }
  await out.receive(); // the viewer has them all
  const seconds = (performance.now() - start) / 1000;

  // What only a proof may do: write after sending. Had anybody copied the frame, the viewer could not see it.
  const frame = await out.inPlace!.loan(SIZE);
  frame.send();
  await out.receive(); // the viewer has it before it
  frame.bytes.fill(42);

  console.log((await seen).trimEnd());
  const rate = FRAMES / seconds;
  console.log(
    `${Math.round(rate)} frames a second, ${(rate / 1024).toFixed(1)} GiB/s: each written once, never copied`,
  );
}

async function viewer(address: string): Promise<void> {
  await using incoming = await channel<Uint8Array>(address, terms);
  let [lost, torn] = [0, 0];
  for (let number = 0; number < FRAMES; number++) {
    using frame = await incoming.inPlace!.borrow();
    const { 0: first, [SIZE / 2]: middle, [SIZE - 1]: last } = frame!.bytes;
    if (first !== number % 256) lost++;
    if (first !== middle || first !== last) torn++;
  }
  await incoming.send(new Uint8Array());
  console.log(`${FRAMES} frames of 1 MiB seen, ${lost} lost, ${torn} torn`);
  const frame = await incoming.inPlace!.borrow();
  await incoming.send(new Uint8Array());
  while (frame!.bytes[SIZE - 1] !== 42) await new Promise((resolve) => setTimeout(resolve, 1));
  console.log("the viewer holds a frame, the camera writes to it, and the viewer sees that");
}
