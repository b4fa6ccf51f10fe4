// Needs: strace, root
import { assertGreater } from "@std/assert";
import { killWhileLocking, KINDS } from "../sync/killed_life.ts";
import { watchdog } from "../helpers/watchdog.ts";

for (const kind of KINDS) {
  Deno.test(`SIGKILL at every system call of ${kind}: the other has it within a second, nothing is left`, async () => {
    const killed = await watchdog(30 * 60_000, killWhileLocking(kind, (calls) => calls));
    console.log(`${kind}: killed at each of ${killed} calls`);
    assertGreater(killed, 0);
  });
}
