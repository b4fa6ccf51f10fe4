// Hands jobs to a worker through a POSIX message queue, the urgent ones first.
// deno run --allow-ffi --allow-run --allow-read examples/message_queue.ts
// Expect: no room for a fifth job
// Expect: done: urgent repair, paint, polish, sweep
// Expect: woken by the first message after the queue was empty
import { command, createMessageQueue, openMessageQueue, unlinkMessageQueue } from "../mod.ts";

const [role, name = `/causeway-example-${Deno.pid}`] = Deno.args;
const bytesOf = (text: string) => new TextEncoder().encode(text);
const textOf = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

if (role === "worker") await work(name);
else await lead(name);

async function lead(name: string): Promise<void> {
  using jobs = createMessageQueue(name, { maxMessages: 4, messageSize: 100 });
  using results = createMessageQueue(`${name}-results`, { maxMessages: 4, messageSize: 100 });
  try {
    for (const job of ["paint", "polish", "sweep"]) jobs.sendSync(bytesOf(job), { priority: 1 });
    jobs.sendSync(bytesOf("urgent repair"), { priority: 9 });
    if (!jobs.trySend(bytesOf("lunch"))) console.log("no room for a fifth job");

    await using _worker = worker(name);
    const done: string[] = [];
    while (done.length < 4) done.push(textOf((await results.receive({ timeoutMs: 30_000 })).bytes));
    console.log(`done: ${done.join(", ")}`);

    // The queue is empty now. To sleep until there is something, without taking it:
    const arrived = results.arrival({ timeoutMs: 30_000 });
    await jobs.send(bytesOf("sharpen"));
    await arrived;
    console.log("woken by the first message after the queue was empty:", results.attributes.messages, "is there");
  } finally {
    // The kernel keeps a queue and its messages until somebody unlinks it.
    unlinkMessageQueue(jobs.name);
    unlinkMessageQueue(results.name);
  }
}

async function work(name: string): Promise<void> {
  using jobs = openMessageQueue(name, { access: "receive" });
  using results = openMessageQueue(`${name}-results`, { access: "send" });
  for await (const { bytes } of jobs) await results.send(bytes);
}

function worker(name: string) {
  return command(Deno.execPath(), ["run", "--allow-ffi", import.meta.filename!, "worker", name]).spawn();
}
