// Makes a kernel pipe, gives its ends to other programs, and shows what happens when it is full, empty or broken.
// deno run --allow-ffi --allow-run=tr,sh examples/pipe.ts
// Expect: tr says: THROUGH THE KERNEL
// Expect: end of file: true
// Expect: lines of two writers that were cut: 0
// Expect: full after 65536 bytes
// Expect: broken: EPIPE
import { command, pipe, PIPE_BUF, PosixError } from "../mod.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

// Into a program and out of it: the ends that are given away are closed here, so end of file works.
{
  const [input, output] = [pipe(), pipe()];
  await using child = command("tr", ["a-z", "A-Z"], { stdin: input.reader, stdout: output.writer }).spawn();
  await input.writer.write(bytes("through the kernel"));
  input.writer.close();
  const buffer = new Uint8Array(100);
  const count = await output.reader.read(buffer) ?? 0;
  console.log("tr says:", new TextDecoder().decode(buffer.subarray(0, count)));
  console.log("end of file:", await output.reader.read(buffer) === null);
  await child.status;
}

// Several writers share one pipe: what each writes at once, up to PIPE_BUF bytes, stays together.
{
  const { reader, writer } = pipe();
  const script = 'for i in $(seq 200); do printf "%0500d\\n" "$1"; done';
  const writers = [1, 2].map((name) =>
    command("sh", ["-c", script, "sh", String(name)], { stdout: writer.duplicate() })
  );
  const children = writers.map((each) => each.spawn());
  writer.close();
  const lines = (await new Response(reader.readable).text()).trimEnd().split("\n");
  console.log("lines of two writers that were cut:", lines.filter((line) => !/^0+[12]$/.test(line)).length);
  await Promise.all(children.map((child) => child.status));
}

// Nobody reads: a write that never waits says when the pipe is full, and a write without any reader is an error, not a death.
{
  const { reader, writer } = pipe();
  while (writer.tryWrite(new Uint8Array(PIPE_BUF)) !== undefined);
  console.log("full after", writer.bytesWritten, "bytes");
  reader.close();
  try {
    await writer.write(bytes("hello?"));
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    console.log("broken:", error.code);
  }
  writer.close();
}
