// System V shared memory, for programs that speak it: a segment with a key, which ipcs sees too.
// deno run --allow-ffi --allow-run examples/sysv_shared_memory.ts
// Expect: the other process found: hello
// Expect: ipcs lists 100 bytes
// Expect: after remove() the key is free: ENOENT
// Expect: and what is attached lives on: hello
import { command, createSysvMemory, openSysvMemory, PosixError, struct, utf8 } from "../mod.ts";

const Note = struct({ text: utf8(100) });

const [given] = Deno.args;
if (given !== undefined) {
  using memory = openSysvMemory(Number(given), { readOnly: true });
  console.log(new TextDecoder().decode(memory.read(0, 5)));
  Deno.exit();
}

const key = 0x0ca50000 + (Deno.pid & 0xffff);
using memory = createSysvMemory(key, { size: Note.size });
// Without a header: the layout is this struct and nothing else, for programs that have never heard of Causeway.
const note = Note.at(memory);
note.text = "hello";
try {
  const found = await command(Deno.execPath(), ["run", "--allow-ffi", import.meta.filename ?? "", `${key}`]).text();
  console.log("the other process found:", found.trim());

  const listed = await command("ipcs", ["-m", "-i", `${memory.id}`]).text();
  console.log("ipcs lists", /bytes=(\d+)/.exec(listed)?.[1], "bytes");
} finally {
  // close() would only detach: a segment that nobody removes stays until the machine goes down.
  memory.remove();
}

try {
  openSysvMemory(key);
} catch (error) {
  if (!(error instanceof PosixError)) throw error;
  console.log("after remove() the key is free:", error.code);
}
console.log("and what is attached lives on:", note.text);
