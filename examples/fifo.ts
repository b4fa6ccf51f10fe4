// Meets other programs at a FIFO, a pipe that has a name.
// deno run --allow-read --allow-write --allow-run=mkfifo,cat,sh examples/fifo.ts
// Expect: cat read: hello from Deno
// Expect: sh wrote: hello from sh
// Expect: gave up: TimeoutError
// Expect: no FIFO: EINVAL
import { command, createFifo, openFifo, PosixError, unlinkFifo } from "../mod.ts";

const directory = Deno.makeTempDirSync();
const path = `${directory}/meeting-point`;
createFifo(path);
console.log("mode:", (Deno.statSync(path).mode! & 0o777).toString(8));

// We write, cat reads. Each waits until the other has come, whoever is first.
{
  const reading = command("cat", [path]).text();
  const writer = await openFifo(path, "write");
  await writer.write(new TextEncoder().encode("hello from Deno"));
  writer.close();
  console.log("cat read:", await reading);
}

// sh writes, we read, until the last writer has closed.
{
  const writing = command("sh", ["-c", 'echo hello from sh > "$1"', "sh", path]).status();
  const reader = await openFifo(path, "read");
  console.log("sh wrote:", (await new Response(reader.readable).text()).trim());
  await writing;
}

// Nobody comes: a wait can be given up.
try {
  await openFifo(path, "read", { timeoutMs: 50 });
} catch (error) {
  if (!(error instanceof DOMException)) throw error;
  console.log("gave up:", error.name);
}

// Anything else that has the name is refused, and left as it is.
unlinkFifo(path);
Deno.writeTextFileSync(path, "a file");
try {
  await openFifo(path, "write");
} catch (error) {
  if (!(error instanceof PosixError)) throw error;
  console.log("no FIFO:", error.code);
}
Deno.removeSync(directory, { recursive: true });
