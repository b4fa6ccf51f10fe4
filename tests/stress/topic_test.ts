// Subscribers and publishers that are killed at random instants.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ChannelClosedError, topic } from "../../mod.ts";
import { watchdog } from "../helpers/watchdog.ts";

Deno.test("1,000 subscribers killed at random instants lose the others nothing", async () => {
  const address = `shm:stress-topic-${Deno.pid}`;
  const small = { codec: "text", maxMessageBytes: 2000, bufferBytes: 8192 } as const;
  await using publisher = await topic<string>(address, { ...small, mode: "publish" });
  await using living = await topic<string>(address, { ...small });
  let expected = 0;
  const received = (async () => {
    for await (const message of living) assertEquals(Number(message), expected++);
  })();
  let count = 0;
  const lives = async (whenFull: string) => {
    for (let round = 0; round < 250; round++) {
      const child = start("topic_subscriber.ts", address, whenFull);
      await child.ready;
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 20));
      child.process.kill("SIGKILL");
      await child.process.status;
    }
  };
  let running = true;
  const publishing = (async () => {
    while (running) {
      await publisher.publish(String(count++).padEnd(2000));
      if (count % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    }
  })();
  const all = Promise.all([lives("block"), lives("block"), lives("drop-oldest"), lives("drop-oldest")]);
  await watchdog(60 * 60_000, all);
  running = false;
  await publishing;
  publisher.close();
  await received;
  assertEquals(expected, count);
});

Deno.test("1,000 publishers killed at random instants: what they published arrives whole and in order, then the death", async () => {
  const address = `shm:stress-publisher-${Deno.pid}`;
  for (let round = 0; round < 1000; round++) {
    const child = start("topic_publisher.ts", address);
    await child.ready;
    await using subscriber = await topic<number>(address);
    const until = Math.floor(Math.random() * 2000);
    let last = await subscriber.receive();
    assert(last !== null);
    const error = await watchdog(
      10 * 60_000,
      assertRejects(async () => {
        for (let count = 0;; count++) {
          const next: number | null = await subscriber.receive();
          assertEquals(next, last! + 1);
          last = next;
          if (count === until) child.process.kill("SIGKILL");
        }
      }, ChannelClosedError),
    );
    assertEquals(error.reason, "died");
    await child.process.status;
  }
});

/** Starts a fixture that prints a line when it is ready. */
function start(fixture: string, ...args: string[]): { process: Deno.ChildProcess; ready: Promise<void> } {
  const script = new URL(`../fixtures/${fixture}`, import.meta.url).pathname;
  const process = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", script, ...args],
    stdout: "piped",
  }).spawn();
  const ready = (async () => {
    const reader = process.stdout.getReader();
    await reader.read();
    await reader.cancel();
  })();
  return { process, ready };
}
