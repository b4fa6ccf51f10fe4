// Many read or one writes: prices that are never seen half changed, whoever is killed.
// deno run --allow-ffi --allow-run examples/rw_lock.ts
// Expect: two read at a time, a writer meanwhile: undefined
// Expect: one of them was killed: the writer goes on
// Expect: a writer was killed halfway: EOWNERDEAD
// Expect: mended: 110 = 100 + 10
// Expect: read again: 110
import { command, createSharedMemory, f64, openSharedMemory, PosixError, rwLock, struct } from "../mod.ts";

const Price = struct({ lock: rwLock, net: f64, tax: f64, total: f64 }, { participants: 8 });

const [given, role] = Deno.args;
if (given !== undefined) {
  const price = Price.open(openSharedMemory(given));
  if (role === "reader") price.lock.readSync();
  else price.lock.writeSync();
  if (role === "writer") price.net = 100;
  console.log("holding");
  // It is killed before it can go on.
  await new Promise((resolve) => setTimeout(resolve, 60_000));
}

const name = `/causeway-example-${Deno.pid}`;
using memory = createSharedMemory(name, { size: Price.byteLength });
using _name = { [Symbol.dispose]: () => memory.unlink() };
const price = Price.create(memory);
[price.net, price.tax, price.total] = [90, 10, 100];

async function child(role: string) {
  const words = ["run", "--allow-ffi", import.meta.filename ?? "", name, role];
  const child = command(Deno.execPath(), words, { stdout: "piped" }).spawn();
  await child.stdout.getReader().read();
  return child;
}

{
  await using reader = await child("reader");
  using mine = await price.lock.read();
  console.log("two read at a time, a writer meanwhile:", price.lock.tryWrite());
  reader.kill("SIGKILL");
  mine.unlock();
  (await price.lock.write({ timeoutMs: 10_000 })).unlock();
  console.log("one of them was killed: the writer goes on");
}
{
  await using writer = await child("writer");
  const waiting = price.lock.read({ timeoutMs: 10_000 });
  writer.kill("SIGKILL");
  const error = await waiting.catch((error: unknown) => error);
  console.log("a writer was killed halfway:", error instanceof PosixError ? error.code : error);
}
{
  using guard = await price.lock.write();
  if (guard.previousOwnerDied) price.total = price.net + price.tax;
  guard.markConsistent();
  using _reading = guard.downgrade();
  console.log(`mended: ${price.total} = ${price.net} + ${price.tax}`);
}
using _guard = price.lock.readSync();
console.log("read again:", price.total);
