// Memory without a name, given to a child: nobody else can find it, and nothing is left behind when both are killed.
// deno run --allow-ffi --allow-run examples/anonymous_memory.ts
// Expect: the child saw 1000 bytes
// Expect: the child wrote: 499500
// Expect: nobody can truncate it: size
import { command, createAnonymousMemory, fromDescriptor, i32, openAnonymousMemory, struct } from "../mod.ts";

const Sum = struct({ total: i32 });
const OFFSET = 4000;

if (Deno.args[0] === "child") {
  // The memory is the child's descriptor 0. Unsealed memory would be refused: its sender could make any access fatal.
  using memory = openAnonymousMemory(fromDescriptor(0));
  const numbers = new Int32Array(memory.bytes.buffer, 0, 1000);
  console.log(numbers.length);
  Sum.at(memory, OFFSET).total = numbers.reduce((sum, value) => sum + value, 0);
  Deno.exit();
}

using memory = createAnonymousMemory({ size: OFFSET + Sum.size, name: "numbers" });
new Int32Array(memory.bytes.buffer, 0, 1000).forEach((_, index, numbers) => numbers[index] = index);

// Giving moves: the duplicate goes to the child, ours stays here.
const child = command(Deno.execPath(), ["run", "--allow-ffi", import.meta.filename ?? "", "child"], {
  stdin: memory.duplicate(),
});
console.log("the child saw", (await child.text()).trim(), "bytes");
console.log("the child wrote:", Sum.at(memory, OFFSET).total);
console.log("nobody can truncate it:", memory.seal);
