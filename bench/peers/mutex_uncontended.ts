/** Lock and unlock of a mutex in shared memory that nobody else wants, by a call or by the end of a `using` scope. */

import { createAnonymousMemory, mutex, struct } from "../../mod.ts";
import { serveRounds } from "./serve_rounds.ts";

const Guarded = struct({ lock: mutex });
using memory = createAnonymousMemory({ size: Guarded.byteLength });
const { lock } = Guarded.create(memory);

await serveRounds(Deno.args[1] === "using" ? lockByScope : lockByCall);

function lockByCall(operations: number): void {
  for (let i = 0; i < operations; i++) lock.lockSync().unlock();
}

function lockByScope(operations: number): void {
  for (let i = 0; i < operations; i++) {
    using _guard = lock.lockSync();
  }
}
