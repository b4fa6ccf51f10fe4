// Runs programs, checks how they ended, feeds them and stops them.
// deno run --allow-run examples/command.ts
// Expect: sorted: a b c
// Expect: grep found nothing, and that was allowed
// Expect: failed as expected: sh exited with code 3
// Expect: ended by SIGTERM after the time limit
import { command, ExitError } from "../mod.ts";

console.log("kernel:", await command("uname", ["-sr"]).text());

// Standard input from text; arguments are never parsed by a shell.
const sorted = await command("sort", [], { stdin: { text: "c\na\nb\n" } }).text();
console.log("sorted:", sorted.split("\n").join(" "));

// A code that is no failure here.
const search = await command("grep", ["-c", "x"], { stdin: { text: "y\n" } }).allow(1).output();
if (search.stdout.trim() === "0") console.log("grep found nothing, and that was allowed");

// A failure is an error with the facts.
try {
  await command("sh", ["-c", "echo 'no such thing' >&2; exit 3"]).output();
} catch (error) {
  if (!(error instanceof ExitError) || error.status.kind !== "exited") throw error;
  console.log(`failed as expected: ${error.command[0]} exited with code ${error.status.code}: ${error.stderr.trim()}`);
}

// Lines as they come; leaving the loop ends the program.
for await (const line of command("yes", ["line"]).lines()) {
  console.log("first:", line);
  break;
}

// A limit: SIGTERM, and SIGKILL for whoever ignores it.
try {
  await command("sleep", ["1000"], { timeoutMs: 50, graceMs: 1000 }).output();
} catch (error) {
  if (!(error instanceof ExitError) || error.status.kind !== "signaled") throw error;
  console.log(`ended by ${error.status.signal} after the time limit`);
}
