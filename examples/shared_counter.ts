// A counter that four processes increment, three ways: wrong, locked, atomic.
// deno run --allow-ffi --allow-run examples/shared_counter.ts
// Expect: locked: 400000 of 400000
// Expect: atomic: 400000 of 400000
import {
  atomic,
  barrier,
  command,
  createAnonymousMemory,
  fromDescriptor,
  i32,
  mutex,
  openAnonymousMemory,
  struct,
} from "../mod.ts";

const PROCESSES = 4;
const ROUNDS = 100_000;

const Counters = struct({ start: barrier(PROCESSES), lock: mutex, wrong: i32, locked: i32, atomic: atomic(i32) });

if (Deno.args[0] === "count") {
  using memory = openAnonymousMemory(fromDescriptor(0));
  const counters = Counters.open(memory);
  // All at the same time, else nobody gets in anybody's way.
  counters.start.waitSync({ timeoutMs: 30_000 });
  for (let round = 0; round < ROUNDS; round++) {
    // Reads, adds, writes: what another process writes in between is lost.
    counters.wrong += 1;
  }
  counters.start.waitSync();
  for (let round = 0; round < ROUNDS; round++) {
    using _guard = counters.lock.lockSync();
    counters.locked += 1;
  }
  counters.start.waitSync();
  for (let round = 0; round < ROUNDS; round++) counters.atomic.add(1);
  counters.start.waitSync();
  Deno.exit();
}

using memory = createAnonymousMemory({ size: Counters.byteLength });
const counters = Counters.create(memory);
const words = ["run", "--allow-ffi", import.meta.filename ?? "", "count"];
const count = () => command(Deno.execPath(), words, { stdin: memory.duplicate() }).output();
await Promise.all(Array.from({ length: PROCESSES }, count));

const right = PROCESSES * ROUNDS;
console.log(`wrong: ${counters.wrong} of ${right}`);
console.log(`locked: ${counters.locked} of ${right}`);
console.log(`atomic: ${counters.atomic.load()} of ${right}`);
