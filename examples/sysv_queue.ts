// Talks to a perl program through a System V message queue, the way of programs written in the last century.
// deno run --allow-ffi --allow-run --allow-read examples/sysv_queue.ts
// Needs: perl
// Expect: perl answered: HELLO
// Expect: perl answered: GOOD BYE
// Expect: removed under a waiter: EIDRM
import { command, createSysvQueue, ftok, openSysvQueue, PosixError } from "../mod.ts";

const REQUEST = 1;
const ANSWER = 2;
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

// Programs that know the same file and number make the same key of them.
const key = ftok(import.meta.filename!, Deno.pid);
using queue = createSysvQueue(key);
console.log(`queue ${queue.id} has the key 0x${(key >>> 0).toString(16).padStart(8, "0")}`);

const script = `
  my $queue = msgget($ARGV[0], 0) // die "msgget: $!";
  while (msgrcv($queue, my $message, 8192, ${REQUEST}, 0)) {
    msgsnd($queue, pack("l! a*", ${ANSWER}, uc substr($message, 8)), 0) or die "msgsnd: $!";
  }`;

try {
  await using _perl = command("perl", ["-e", script, "--", String(key)]).spawn();
  for (const word of ["hello", "good bye"]) {
    queue.sendSync(new TextEncoder().encode(word), { type: REQUEST });
    // Each side takes the other's type only: one queue carries both directions.
    const answer = await queue.receive({ type: ANSWER, timeoutMs: 10_000 });
    console.log("perl answered:", text(answer.bytes));
  }
  const { lastSender, messages, maxBytes } = queue.attributes;
  console.log(`last sent by process ${lastSender}; ${messages} messages left, room for ${maxBytes} bytes`);
} finally {
  // Nobody receives the removal as a message; who waits gets an error.
  using other = openSysvQueue({ id: queue.id });
  const waiting = other.receive({ type: ANSWER });
  queue.remove();
  await waiting.catch((error) => {
    if (!(error instanceof PosixError)) throw error;
    console.log("removed under a waiter:", error.code);
  });
}
