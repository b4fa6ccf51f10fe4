/** What becomes of subscribers between the door and their first message. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { goTo } from "../../lib/channel/rendezvous.ts";
import type { Terms } from "../../lib/channel/rendezvous_terms.ts";
import { createRing, openRingSender, ringByteLength } from "../../lib/channel/ring.ts";
import { topic } from "../../lib/channel/topic.ts";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import { createAnonymousMemory } from "../../lib/memory/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const TERMS: Terms = { kind: "topic", codec: "text", fingerprint: 0n, maxMessageBytes: 2000 };
const SMALL = { codec: "text", maxMessageBytes: 2000 } as const;
const MESSAGE = "x".repeat(2000);

let names = 0;

/** A name that no other test has. */
function name(): string {
  return `topic-handshake-${Deno.pid}-${++names}`;
}

Deno.test("topic: a subscriber that dies in the handshake does not hold up publishSync for ever", async () => {
  const at = name();
  await using publisher = await topic<string>(`shm:${at}`, { ...SMALL, mode: "publish" });
  // It blocks, has been passed its lane, and is gone before it has opened it.
  const welcome = await goTo(at, TERMS, [0, 0, 8192]);
  welcome[Symbol.dispose]();
  while (publisher.tryPublish(MESSAGE) !== undefined);
  // It could be on its way.
  const error = assertThrows(() => publisher.publishSync(MESSAGE, { timeoutMs: 10 }), DOMException);
  assertEquals(error.name, "TimeoutError");
  assertEquals(publisher.subscribers.length, 1);
  assertEquals(publisher.publishSync(MESSAGE), 0);
  assertEquals(publisher.subscribers, []);
});

Deno.test("topic: close() ends a publish that waits for a subscriber", async () => {
  await noLeaks(async () => {
    const at = name();
    await using publisher = await topic<string>(`shm:${at}`, { ...SMALL, mode: "publish" });
    await using _subscriber = await topic<string>(`shm:${at}`, { ...SMALL, bufferBytes: 8192 });
    while (publisher.tryPublish(MESSAGE) !== undefined);
    const waiting = assertRejects(() => publisher.publish(MESSAGE), ClosedError);
    const behind = assertRejects(() => publisher.publish(MESSAGE), ClosedError);
    // Both wait from the next turn of the event loop on.
    await new Promise((resolve) => setTimeout(resolve));
    publisher.close();
    await watchdog(30_000, Promise.all([waiting, behind]));
  });
});

Deno.test("topic: a history that there is no room for is no slowness of a subscriber with whenFull error", async () => {
  const address = `shm:${name()}`;
  await using publisher = await topic<string>(address, { ...SMALL, mode: "publish", history: 10 });
  for (let n = 0; n < 10; n++) await publisher.publish(MESSAGE);
  await using subscriber = await topic<string>(address, {
    ...SMALL,
    bufferBytes: 8192,
    history: 10,
    whenFull: "error",
  });
  assertEquals(subscriber.dropped, 6);
  for (let n = 0; n < 4; n++) assertEquals(await subscriber.receive(), MESSAGE);
  publisher.close();
  assertEquals(await subscriber.receive(), null);
});

Deno.test("topic: a publisher whose thread holds as many words as it can turns subscribers away, and goes on", async () => {
  await noLeaks(async () => {
    const at = name();
    await using publisher = await topic<string>(`shm:${at}`, { ...SMALL, mode: "publish" });
    {
      using _all = everyWord();
      const error = await watchdog(60_000, assertRejects(() => goTo(at, TERMS, [0, 0, 8192], { timeoutMs: 100 })));
      assertEquals(error instanceof DOMException && error.name, "TimeoutError");
    }
    await using subscriber = await topic<string>(`shm:${at}`, SMALL);
    assertEquals(await publisher.publish("still here"), 1);
    assertEquals(await subscriber.receive(), "still here");
  });
});

/** Takes robust words until this thread has no more. */
function everyWord(): Disposable {
  const size = ringByteLength(64);
  const memory = createAnonymousMemory({ size: 4096 * size });
  for (let ring = 0; ring < 4096; ring++) {
    createRing(memory, { offset: ring * size, capacity: 64 });
    try {
      openRingSender(memory, { offset: ring * size });
    } catch (error) {
      if (error instanceof PosixError && error.code === "EAGAIN") return memory;
      throw error;
    }
  }
  throw new Error("There is no end of words");
}
