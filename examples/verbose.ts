// Says which program is started, and how it ended: `verbose` of other libraries, as a listener of one's own.
// deno run --allow-ffi --allow-run examples/verbose.ts
// Expect: $ sort -u
// Expect: $ printf '%s\n' 'two words'
// Expect: sort exited with code 0
// Expect: sh was killed by SIGKILL
// Expect: nobody listens any more
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { $, command, displayCommand, type ProcessEvent } from "../mod.ts";

// Every room tells on this channel what it does; an event is made only while somebody listens.
function verbose(message: unknown): void {
  const event = message as ProcessEvent;
  if (event.kind === "process.spawn") console.log("$", displayCommand(event.words));
  if (event.kind === "process.exit") {
    const [program] = event.words;
    const { status } = event;
    console.log(
      program,
      status.kind === "exited" ? `exited with code ${status.code}` : `was killed by ${status.signal}`,
    );
  }
}

subscribe("causeway", verbose);

// Programs of a pipeline, of `$` and of `command` alike, whoever started them in this program.
await $`printf '%s\n' ${"two words"} | sort -u`;
await command("sh", ["-c", "kill -KILL $$"]).status();

unsubscribe("causeway", verbose);
await command("true").status();
console.log("nobody listens any more");
