/** Taking a permit in shared memory and giving it back: owned, or without an owner. Nobody else wants one. */

import { createAnonymousMemory, semaphore, struct } from "../../mod.ts";
import { serveRounds } from "./serve_rounds.ts";

const Shared = struct({ permits: semaphore(1) });
using memory = createAnonymousMemory({ size: Shared.byteLength });
const { permits } = Shared.create(memory);

await serveRounds(Deno.args[1] === "wait" ? waitAndPost : acquireAndRelease);

function acquireAndRelease(operations: number): void {
  for (let i = 0; i < operations; i++) permits.acquireSync().release();
}

function waitAndPost(operations: number): void {
  for (let i = 0; i < operations; i++) {
    permits.waitSync();
    permits.post();
  }
}
