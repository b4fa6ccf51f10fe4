// Three processes share two licences, and count their work; whoever is killed gives its licence back, and what it counted stays.
// deno run --allow-ffi --allow-run examples/permits.ts
// Expect: both licences are taken: 0 left
// Expect: after the killing: 2 left
// Expect: work done: 60
// Expect: never more than 2 at a time: true
import { atomic, command, createSharedMemory, i32, openSharedMemory, semaphore, struct } from "../mod.ts";

const Office = struct({ licences: semaphore(2), done: semaphore(0), inside: atomic(i32), most: atomic(i32) });

const [given, role] = Deno.args;
if (given !== undefined) {
  const { licences, done, inside, most } = Office.open(openSharedMemory(given));
  if (role === "hog") {
    licences.acquireSync();
    licences.acquireSync();
    console.log("holding");
    // It is killed before it gives them back.
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  }
  for (let job = 0; job < 20; job++) {
    using _licence = await licences.acquire();
    const now = inside.add(1) + 1;
    if (now > most.load()) most.store(now);
    await new Promise((resolve) => setTimeout(resolve, 1));
    inside.sub(1);
    // Nobody owns what is posted: it is a count.
    done.post();
  }
  Deno.exit();
}

const name = `/causeway-example-${Deno.pid}`;
using memory = createSharedMemory(name, { size: Office.byteLength });
using _name = { [Symbol.dispose]: () => memory.unlink() };
const office = Office.create(memory);
const words = (role: string) => ["run", "--allow-ffi", import.meta.filename ?? "", name, role];

{
  await using hog = command(Deno.execPath(), words("hog"), { stdout: "piped" }).spawn();
  await hog.stdout.getReader().read();
  console.log("both licences are taken:", office.licences.value, "left");
  const waiting = office.licences.acquire({ timeoutMs: 10_000 });
  hog.kill("SIGKILL");
  (await waiting).release();
  console.log("after the killing:", office.licences.value, "left");
}

const workers = [1, 2, 3].map(() => command(Deno.execPath(), words("worker")).status());
for (let job = 0; job < 60; job++) await office.done.wait({ timeoutMs: 30_000 });
await Promise.all(workers);
console.log("work done: 60");
console.log("never more than 2 at a time:", office.most.load() <= 2);
