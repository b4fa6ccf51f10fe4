// Two processes make numbers, this one takes them, and a buffer with room for eight is between them. Nobody polls.
// deno run --allow-ffi --allow-run examples/producer_consumer.ts
// Expect: taken: 2000 numbers, their sum 1001000
// Expect: never more than 8 in the buffer: true
import {
  array,
  command,
  condition,
  createAnonymousMemory,
  fromDescriptor,
  i32,
  mutex,
  openAnonymousMemory,
  struct,
} from "../mod.ts";

const ROOM = 8;
const NUMBERS = 1000;

const Buffer = struct({
  lock: mutex,
  filled: condition,
  drained: condition,
  items: array(i32, ROOM),
  first: i32,
  count: i32,
});

if (Deno.args[0] === "produce") {
  using memory = openAnonymousMemory(fromDescriptor(0));
  const buffer = Buffer.open(memory);
  for (let number = 1; number <= NUMBERS; number++) {
    using guard = buffer.lock.lockSync();
    // Gives up the lock while it sleeps.
    buffer.drained.waitSync(guard, { until: () => buffer.count < ROOM, timeoutMs: 30_000 });
    buffer.items[(buffer.first + buffer.count) % ROOM] = number;
    buffer.count++;
    buffer.filled.notifyOne();
  }
  Deno.exit();
}

using memory = createAnonymousMemory({ size: Buffer.byteLength });
const buffer = Buffer.create(memory);
const words = ["run", "--allow-ffi", import.meta.filename ?? "", "produce"];
const produced = [1, 2].map(() => command(Deno.execPath(), words, { stdin: memory.duplicate() }).output());

let [taken, sum, most] = [0, 0, 0];
while (taken < 2 * NUMBERS) {
  using guard = await buffer.lock.lock();
  await buffer.filled.wait(guard, { until: () => buffer.count > 0, timeoutMs: 30_000 });
  most = Math.max(most, buffer.count);
  sum += buffer.items[buffer.first] ?? NaN;
  buffer.first = (buffer.first + 1) % ROOM;
  [taken, buffer.count] = [taken + 1, buffer.count - 1];
  buffer.drained.notifyOne();
}
await Promise.all(produced);
console.log(`taken: ${taken} numbers, their sum ${sum}`);
console.log(`never more than ${ROOM} in the buffer:`, most <= ROOM);
