// One lock, two processes: one is killed while it holds the lock, and the other goes on.
// deno run --allow-ffi --allow-run examples/mutex.ts
// Expect: the child holds the lock: true
// Expect: its owner died: true
// Expect: half a transfer: 70 + 0
// Expect: mended: 100 + 0
// Expect: the next owner hears of no death: false
import { command, createSharedMemory, i64, type Infer, mutex, openSharedMemory, struct } from "../mod.ts";

const Bank = struct({ lock: mutex, giro: i64, savings: i64 });

// Every transfer leaves the sum as it was; a death in between does not.
function mend(bank: Infer<typeof Bank>): void {
  bank.giro = 100n - bank.savings;
}

const [given] = Deno.args;
if (given !== undefined) {
  const bank = Bank.open(openSharedMemory(given));
  bank.lock.lockSync();
  bank.giro -= 30n;
  console.log("holding");
  // It never gets to the second half.
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}

const name = `/causeway-example-${Deno.pid}`;
using memory = createSharedMemory(name, { size: Bank.byteLength });
const bank = Bank.create(memory);
bank.giro = 100n;

const words = ["run", "--allow-ffi", import.meta.filename ?? "", name];
await using child = command(Deno.execPath(), words, { stdout: "piped" }).spawn();
await child.stdout.getReader().read();
memory.unlink();
console.log("the child holds the lock:", bank.lock.tryLock() === undefined);

child.kill("SIGKILL");
{
  using guard = await bank.lock.lock({ timeoutMs: 10_000 });
  console.log("its owner died:", guard.previousOwnerDied);
  console.log("half a transfer:", `${bank.giro} + ${bank.savings}`);
  mend(bank);
  guard.markConsistent();
  console.log("mended:", `${bank.giro} + ${bank.savings}`);
}
using guard = bank.lock.lockSync();
console.log("the next owner hears of no death:", guard.previousOwnerDied);
