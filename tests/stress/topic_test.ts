// Subscribers and publishers that are killed at random instants.
import { assert, assertEquals, assertRejects } from "@std/assert";
import { ChannelClosedError, topic } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Random } from "../sync/rounds.ts";

const LIMIT_MS = 60 * 60_000;

Deno.test("1,000 subscribers killed at random instants lose the others nothing, and leave nothing", () =>
  noLeaks(() => killSubscribers(1000), () => killSubscribers(4)));

Deno.test("1,000 publishers killed at random instants: what they published arrives whole and in order, then the death; they leave nothing", () =>
  noLeaks(() => killPublishers(1000), () => killPublishers(1)));

async function killSubscribers(rounds: number): Promise<void> {
  const random = new Random();
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
    for (let round = 0; round < rounds / 4; round++) {
      const child = start("topic_subscriber.ts", address, whenFull);
      await child.ready;
      await new Promise((resolve) => setTimeout(resolve, random.next() * 20));
      child.process.kill("SIGKILL");
      await child.process.status;
      told("subscribers", 4 * round);
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
  await watchdog(LIMIT_MS, all);
  running = false;
  await publishing;
  publisher.close();
  await received;
  assertEquals(expected, count);
}

async function killPublishers(rounds: number): Promise<void> {
  const random = new Random();
  const address = `shm:stress-publisher-${Deno.pid}`;
  for (let round = 0; round < rounds; round++) {
    const child = start("topic_publisher.ts", address);
    await child.ready;
    await using subscriber = await topic<number>(address);
    const until = Math.floor(random.next() * 2000);
    let last = await subscriber.receive();
    assert(last !== null);
    const error = await watchdog(
      LIMIT_MS,
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
    told("publishers", round);
  }
}

/** A line now and then: it takes minutes. */
function told(what: string, round: number): void {
  if (round > 0 && round % 100 === 0) console.log(`${round} ${what}`);
}

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
