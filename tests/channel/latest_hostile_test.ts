/** A writer that posts what is no news, again and again, and a value that closes its writer. */
import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { latest } from "../../lib/channel/latest.ts";
import { topic } from "../../lib/channel/topic.ts";
import { ClosedError } from "../../lib/errors.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

let names = 0;

/** A name that no other test has. */
function name(): string {
  return `shm:latest-hostile-${Deno.pid}-${++names}`;
}

/** Whatever is taken out of a mailbox is in it again at once. */
function posting(): Disposable {
  const original = Atomics.exchange;
  const hostile = (words: Int32Array<ArrayBuffer>, index: number, value: number) => {
    const found: number = Reflect.apply(original, Atomics, [words, index, value]);
    if (value === 0 && found > 1) Atomics.store(words, index, found);
    return found;
  };
  Reflect.set(Atomics, "exchange", hostile);
  return { [Symbol.dispose]: () => void Reflect.set(Atomics, "exchange", original) };
}

Deno.test("latest: a wait ends in time and by abort, also when the writer seems to have news each time", async () => {
  await noLeaks(async () => {
    const address = name();
    await using writer = await latest<number>(address, { mode: "write" });
    await using reader = await latest<number>(address);
    writer.set(1);
    using _hostile = posting();
    assertEquals(await reader.next(), 1);
    assertEquals(assertThrows(() => reader.nextSync({ timeoutMs: 5 }), DOMException).name, "TimeoutError");
    const late = await watchdog(30_000, assertRejects(() => reader.next({ timeoutMs: 5 }), DOMException));
    assertEquals(late.name, "TimeoutError");
    const controller = new AbortController();
    const aborted = assertRejects(() => reader.next({ signal: controller.signal }), RangeError, "enough");
    setTimeout(() => controller.abort(new RangeError("enough")), 5);
    await watchdog(30_000, aborted);
    assertEquals(reader.get(), 1);
  });
});

Deno.test("latest and topic: a value whose encoding closes the end is ClosedError", async () => {
  await using writer = await latest<unknown>(name(), { mode: "write" });
  assertThrows(() => writer.set({ toJSON: () => (writer.close(), 1) }), ClosedError);
  await using publisher = await topic<unknown>(name(), { mode: "publish" });
  assertThrows(() => publisher.publishSync({ toJSON: () => (publisher.close(), 1) }), ClosedError);
});
