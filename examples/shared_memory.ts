// Two processes share a table by its name; neither copies a byte to the other.
// deno run --allow-ffi --allow-run examples/shared_memory.ts
// Expect: the other process doubled: 2 4 6 8
// Expect: it looked 1 time
// Expect: the name is free: ENOENT
import { array, atomic, command, createSharedMemory, f64, openSharedMemory, PosixError, struct, u32 } from "../mod.ts";

const Table = struct({ values: array(f64, 4), looks: atomic(u32) });

// The other process is this program again, with the name as its argument.
const [given] = Deno.args;
if (given !== undefined) {
  using memory = openSharedMemory(given);
  const table = Table.open(memory);
  table.values.forEach((value, index) => table.values[index] = 2 * value);
  table.looks.add(1);
  Deno.exit();
}

const name = `/causeway-example-${Deno.pid}`;
using memory = createSharedMemory(name, { size: Table.byteLength });
try {
  const table = Table.create(memory);
  table.values.set([1, 2, 3, 4]);
  await command(Deno.execPath(), ["run", "--allow-ffi", import.meta.filename ?? "", name]).status();
  console.log("the other process doubled:", table.values.join(" "));
  console.log("it looked", table.looks.load(), "time");
} finally {
  // The name goes now; the memory goes with its last mapping.
  memory.unlink();
}

try {
  openSharedMemory(name);
} catch (error) {
  if (!(error instanceof PosixError)) throw error;
  console.log("the name is free:", error.code);
}
