/** From the SIGKILL of a mutex's owner until somebody else has it. */

import { createSharedMemory, mutex, openSharedMemory, struct } from "../../mod.ts";
import { denoWords } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

const Guarded = struct({ lock: mutex });

async function measure(name: string): Promise<void> {
  using memory = createSharedMemory(name, { size: Guarded.byteLength });
  using _name = { [Symbol.dispose]: () => memory.unlink() };
  const { lock } = Guarded.create(memory);
  const [program, ...args] = [...denoWords("mutex_recovery.ts"), "-1", name];
  // Only the recoveries count, not the starts.
  await serveRounds(async (operations) => {
    let milliseconds = 0;
    for (let i = 0; i < operations; i++) {
      const owner = new Deno.Command(program!, { args, stdin: "null", stdout: "piped" }).spawn();
      const said = owner.stdout.getReader();
      await said.read();
      const start = performance.now();
      owner.kill("SIGKILL");
      const guard = lock.lockSync();
      milliseconds += performance.now() - start;
      if (!guard.previousOwnerDied) throw new Error("The owner did not have the lock");
      guard.markConsistent();
      guard.unlock();
      await said.cancel();
      await owner.status;
    }
    return { nanoseconds: milliseconds * 1e6 };
  });
}

function own(name: string): void {
  const { lock } = Guarded.open(openSharedMemory(name));
  lock.lockSync();
  console.log("mine");
  const parent = Deno.ppid;
  // Whoever is left alone by a parent that was killed ends.
  setInterval(() => Deno.ppid === parent || Deno.exit(), 1000);
}

const name = Deno.args[1];
await (name === undefined ? measure(`/causeway-bench-${Deno.pid}`) : own(name));
