/** Reading, or writing, under a reader-writer lock in shared memory that nobody else wants. */

import { createAnonymousMemory, rwLock, struct } from "../../mod.ts";
import { serveRounds } from "./serve_rounds.ts";

const Guarded = struct({ lock: rwLock });
using memory = createAnonymousMemory({ size: Guarded.byteLength });
const { lock } = Guarded.create(memory);

await serveRounds(Deno.args[1] === "write" ? write : read);

function read(operations: number): void {
  for (let i = 0; i < operations; i++) lock.readSync().unlock();
}

function write(operations: number): void {
  for (let i = 0; i < operations; i++) lock.writeSync().unlock();
}
