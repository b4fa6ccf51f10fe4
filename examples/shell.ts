// Programs written as in a shell, without a shell: nothing is expanded, and what is interpolated is never parsed.
// deno run --allow-run --allow-ffi --allow-read --allow-write examples/shell.ts
// Expect: lines with the pattern: 2
// Expect: in both: b
// Expect: standard error came too: err, out
// Expect: sh exited with 3, and said so
// Expect: $ does not expand patterns
import { $, ExitError } from "../mod.ts";

// One value is one argument, whatever a shell would think of it; an array is several.
const pattern = "a b; rm -rf *";
const texts = [pattern, "x", pattern];
console.log("lines with the pattern:", await $`printf '%s\n' ${texts} | grep -cF ${pattern}`.text());

// <(…) is the name of a descriptor from which a program's output is read.
console.log("in both:", await $`comm -12 <(printf 'a\nb\n') <(printf 'b\nc\n')`.text());

// Redirections are followed from left to right; the kernel joins the ends.
const both = await $`sh -c 'echo out; echo err >&2' 2>&1 | sort`.text();
console.log("standard error came too:", both.split("\n").join(", "));

const path = await Deno.makeTempFile();
await $`seq 3 > ${path}`;
await $`seq 4 5 >> ${path}`;
console.log("sum:", await $`paste -sd+ < ${path}`.text());
await Deno.remove(path);

// A failure anywhere is an error that names the program.
try {
  await $`sh -c 'exit 3' | cat`;
} catch (error) {
  if (!(error instanceof ExitError) || error.status.kind !== "exited") throw error;
  console.log(`${error.command[0]} exited with ${error.status.code}, and said so`);
}

// What only a shell could do is refused, with what to use instead.
try {
  await $`ls *.ts`;
} catch (error) {
  if (!(error instanceof SyntaxError)) throw error;
  console.log(error.message);
}
