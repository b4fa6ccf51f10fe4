// Strangers meet in memory by a name: whoever comes first creates the struct, the others find it whole.
// deno run --allow-ffi --allow-run examples/open_shared.ts
// Expect: 1 of 4 processes created it
// Expect: all 4 have drawn a number: 100 101 102 103
// Expect: with another layout: ProtocolError
import { array, atomic, command, openShared, ProtocolError, struct, u32 } from "../mod.ts";

const Tickets = struct({ next: atomic(u32), drawn: array(u32, 4) });

// The other processes are this program again, with the name as their argument.
const [given] = Deno.args;
if (given !== undefined) {
  using shared = await openShared(given, Tickets, { initialise: ({ next }) => next.store(100) });
  const ticket = shared.view.next.add(1);
  shared.view.drawn[ticket - 100] = ticket;
  console.log(shared.created ? "created" : "opened");
  Deno.exit();
}

const name = `causeway-example-${Deno.pid}`;
const self = command(Deno.execPath(), ["run", "--allow-ffi", import.meta.filename ?? "", name]);
const said = await Promise.all([self, self, self, self].map((each) => each.text()));
console.log(said.filter((line) => line === "created").length, "of", said.length, "processes created it");

// The processes are gone; the memory lives until somebody unlinks it.
using shared = await openShared(name, Tickets);
try {
  console.log("all 4 have drawn a number:", shared.view.drawn.join(" "));
  const Others = struct({ next: atomic(u32) });
  await openShared(name, Others);
} catch (error) {
  if (!(error instanceof ProtocolError)) throw error;
  console.log("with another layout: ProtocolError:", error.message);
} finally {
  shared.unlink();
}
