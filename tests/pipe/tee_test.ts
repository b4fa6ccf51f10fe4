import { assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import { type Pipe, pipe, type PipeReader, type PipeWriter, splice, tee, teeSync, tryTee } from "../../lib/pipe/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, textOf } from "../sys/run_fixture.ts";

const SECOND = 1000;

const FORMS: Record<string, (from: PipeReader, to: PipeWriter) => Promise<number | null | undefined>> = {
  tee,
  teeSync: (from, to) => Promise.resolve(teeSync(from, to)),
  tryTee: (from, to) => Promise.resolve(tryTee(from, to)),
};

/** Two pipes, closed at the end. */
class TwoPipes implements Disposable {
  readonly from: Pipe = pipe();
  readonly to: Pipe = pipe();

  [Symbol.dispose](): void {
    for (const end of [this.from.reader, this.from.writer, this.to.reader, this.to.writer]) end.close();
  }
}

function textIn(reader: PipeReader): string {
  const into = new Uint8Array(100);
  return textOf(into.subarray(0, reader.readSync(into, { timeoutMs: 10 * SECOND }) ?? 0));
}

for (const [form, run] of Object.entries(FORMS)) {
  Deno.test(`${form}() duplicates what is there and takes nothing; null at the end of file`, async () => {
    await noLeaks(async () => {
      using pipes = new TwoPipes();
      const { from, to } = pipes;
      await from.writer.write(bytesOf("same"));
      from.writer.close();
      assertEquals([await run(from.reader, to.writer), await run(from.reader, to.writer)], [4, 4]);
      assertEquals([textIn(to.reader), textIn(from.reader)], ["samesame", "same"]);
      assertEquals([to.writer.bytesWritten, await run(from.reader, to.writer)], [8, null]);
    });
  });

  Deno.test(`${form}() duplicates what a read has read ahead`, async () => {
    await noLeaks(async () => {
      using pipes = new TwoPipes();
      const { from, to } = pipes;
      const read = from.reader.read(new Uint8Array(2));
      await from.writer.write(bytesOf("abcdef"));
      assertEquals(await watchdog(10 * SECOND, read), 2);
      await from.writer.write(bytesOf("ghi"));
      assertEquals(await run(from.reader, to.writer), 4);
      assertEquals(await splice(from.reader, to.writer, { byteLength: 4 }), 4);
      assertEquals([await run(from.reader, to.writer), textIn(to.reader)], [3, "cdefcdefghi"]);
      assertEquals(textIn(from.reader), "ghi");
    });
  });

  Deno.test(`${form}() fails as tee(2) says`, async (t) => {
    using pipes = new TwoPipes();
    const { from, to } = pipes;
    await from.writer.write(bytesOf("x"));
    await t.step("both are the same pipe", async () => {
      const error = await assertRejects(async () => await run(from.reader, from.writer), PosixError);
      assertEquals([error.code, error.syscall], ["EINVAL", "tee"]);
    });
    await t.step("nobody reads the copy", async () => {
      to.reader.close();
      const error = await assertRejects(async () => await run(from.reader, to.writer), PosixError);
      assertEquals([error.code, error.syscall, error.target], ["EPIPE", "tee", "Pipe reader to Pipe writer"]);
    });
    await t.step("an end is closed", async () => {
      to.writer.close();
      await assertRejects(async () => await run(from.reader, to.writer), ClosedError);
    });
    assertEquals(textIn(from.reader), "x");
  });
}

Deno.test("tryTee() never waits: undefined while there is nothing, or no room", () => {
  using pipes = new TwoPipes();
  const { from, to } = pipes;
  assertEquals(tryTee(from.reader, to.writer), undefined);
  while (to.writer.tryWrite(new Uint8Array(4096)) !== undefined);
  from.writer.writeSync(bytesOf("x"));
  assertEquals(tryTee(from.reader, to.writer), undefined);
});

Deno.test("tee() waits for bytes and for room, and can be given up", async (t) => {
  await t.step("for bytes", async () => {
    await noLeaks(async () => {
      using pipes = new TwoPipes();
      const { from, to } = pipes;
      const reason = new Error("enough");
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), 2);
      const caught = await assertRejects(() => tee(from.reader, to.writer, { signal: controller.signal }), Error);
      assertStrictEquals(caught, reason);
      const copied = tee(from.reader, to.writer);
      await assertRejects(() => from.reader.read(new Uint8Array(1)), Deno.errors.Busy);
      await from.writer.write(bytesOf("late"));
      assertEquals(await watchdog(10 * SECOND, copied), 4);
    });
  });
  await t.step("for room", async () => {
    using pipes = new TwoPipes();
    const { from, to } = pipes;
    while (to.writer.tryWrite(new Uint8Array(4096)) !== undefined);
    await from.writer.write(bytesOf("x"));
    await assertRejects(() => tee(from.reader, to.writer, { timeoutMs: 2 }), DOMException, "timed out after 2 ms");
    assertThrows(() => teeSync(from.reader, to.writer, { timeoutMs: 2 }), DOMException, "Duplicating Pipe reader");
    const copied = tee(from.reader, to.writer);
    await to.reader.read(new Uint8Array(65_536));
    assertEquals(await watchdog(10 * SECOND, copied), 1);
  });
});
