// Needs: perl
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import { pipe, type PipeReader } from "../../lib/pipe/mod.ts";
import { command } from "../../lib/process/mod.ts";
import { moveDescriptor } from "../../lib/sys/inheritable.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, outputOf } from "../sys/run_fixture.ts";

const SECOND = 1000;

Deno.test("pipe() writer that waits on a full pipe gets EPIPE when the reader goes", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    using _writer = writer;
    const write = assertRejects(() => writer.write(new Uint8Array(1_000_000)), PosixError, "EPIPE");
    await full(reader);
    reader.close();
    await watchdog(10 * SECOND, write);
    assertEquals(writer.bytesWritten, 65_536);
  });
});

Deno.test("PipeReader.read() can be given up: nothing is lost, timers run on", async (t) => {
  const { reader, writer } = pipe();
  using _reader = reader;
  using _writer = writer;
  const into = new Uint8Array(10);
  await t.step("abort rejects with the reason", async () => {
    await noLeaks(async () => {
      const controller = new AbortController();
      const reason = new Error("enough");
      let ticks = 0;
      const timer = setInterval(() => ++ticks === 3 && controller.abort(reason), 1);
      const caught = await assertRejects(() => reader.read(into, { signal: controller.signal }), Error);
      clearInterval(timer);
      assertStrictEquals(caught, reason);
      assertEquals(ticks, 3);
    });
  });
  await t.step("a signal that has aborted rejects at once", async () => {
    await assertRejects(() => reader.read(into, { signal: AbortSignal.abort() }), DOMException, "abort");
  });
  await t.step("timeout says what and how long", async () => {
    for (
      const read of [
        reader.read.bind(reader),
        (_: Uint8Array, o: object) => Promise.resolve().then(() => reader.readSync(into, o)),
      ]
    ) {
      const error = await assertRejects(() => read(into, { timeoutMs: 3 }), DOMException);
      assertEquals([error.name, error.message], ["TimeoutError", "Reading from Pipe reader timed out after 3 ms"]);
    }
  });
  await t.step("what comes later is there", async () => {
    await writer.write(bytesOf("later"));
    assertEquals(await reader.read(into, { timeoutMs: 0 }), 5);
  });
  await t.step("timeoutMs must be a number of at least 0", async () => {
    await assertRejects(() => reader.read(into, { timeoutMs: -1 }), RangeError);
    assertThrows(() => reader.readSync(into, { timeoutMs: NaN }), RangeError);
  });
});

Deno.test("PipeReader forms can be mixed, waits given up or not: nothing is lost, doubled or torn", async () => {
  const COUNT = 20_000;
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    using _reader = reader;
    const script = fromFileUrl(new URL("../fixtures/pipe_write_numbers.pl", import.meta.url));
    await using child = command("perl", [script, String(COUNT)], { stdout: writer }).spawn();
    const whole = new Uint8Array(4 * COUNT + 1);
    let at = 0;
    const into = () => whole.subarray(at, at + 1 + Math.floor(Math.random() * 50));
    const forms: (() => Promise<number | null | undefined> | number | null | undefined)[] = [
      () => reader.tryRead(into()),
      () => reader.readSync(into(), { timeoutMs: Math.random() }),
      () => reader.read(into()),
      () => reader.read(into(), { timeoutMs: Math.random() }),
      () => {
        const controller = new AbortController();
        const read = reader.read(into(), { signal: controller.signal });
        if (Math.random() < 0.5) queueMicrotask(() => controller.abort());
        else setTimeout(() => controller.abort());
        return read;
      },
    ];
    await watchdog(60 * SECOND, async () => {
      while (true) {
        try {
          const count = await forms[Math.floor(Math.random() * forms.length)]!();
          if (count === null) return;
          at += count ?? 0;
        } catch (error) {
          if (!(error instanceof DOMException)) throw error;
        }
      }
    });
    assertEquals(at, 4 * COUNT);
    const words = new DataView(whole.buffer);
    for (let index = 0; index < COUNT; index++) assertEquals(words.getUint32(4 * index, true), index);
    await child.status;
  });
});

Deno.test("PipeWriter.write() given up tells by bytesWritten how far it went", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe({ capacity: 8192 });
    using _reader = reader;
    using _writer = writer;
    await writer.write(bytesOf("first"));
    const before = writer.bytesWritten;
    await assertRejects(() => writer.write(new Uint8Array(20_000), { timeoutMs: 3 }), DOMException, "timed out");
    assert(writer.bytesWritten > before && writer.bytesWritten <= 8192);
    assertEquals(reader.bytesAvailable, writer.bytesWritten);
    assertThrows(() => writer.writeSync(new Uint8Array(20_000), { timeoutMs: 3 }), DOMException, "timed out");
  });
});

Deno.test("PipeReader and PipeWriter after close() throw ClosedError, also what is pending", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    const pendingRead = assertRejects(() => reader.read(new Uint8Array(1)), ClosedError, "Pipe reader");
    reader.close();
    await watchdog(10 * SECOND, pendingRead);

    const other = pipe();
    const pendingWrite = assertRejects(() => other.writer.write(new Uint8Array(100_000)), ClosedError, "Pipe writer");
    const queued = assertRejects(() => other.writer.write(bytesOf("x")), ClosedError);
    other.writer.close();
    await watchdog(10 * SECOND, Promise.all([pendingWrite, queued]));
    other.reader.close();

    writer.close();
    for (const end of [reader, writer]) {
      end.close();
      end[Symbol.dispose]();
      assertEquals(end.closed, true);
      assertThrows(() => end.duplicate(), ClosedError);
      assertThrows(() => end[moveDescriptor](), ClosedError);
      assertThrows(() => end.capacity, ClosedError);
    }
    await assertRejects(() => reader.read(new Uint8Array(1)), ClosedError, "Pipe reader is closed");
    await assertRejects(() => writer.write(new Uint8Array(1)), ClosedError, "Pipe writer is closed");
    assertThrows(() => reader.readSync(new Uint8Array(1)), ClosedError);
    assertThrows(() => reader.tryRead(new Uint8Array(0)), ClosedError);
    assertThrows(() => writer.writeSync(new Uint8Array(1)), ClosedError);
    assertThrows(() => writer.tryWrite(new Uint8Array(0)), ClosedError);
  });
});

Deno.test("PipeReader.read() with no room reads nothing; a second one at a time is refused", async () => {
  const { reader, writer } = pipe();
  using _reader = reader;
  using _writer = writer;
  const none = new Uint8Array();
  assertEquals([await reader.read(none), reader.readSync(none), reader.tryRead(none)], [0, 0, 0]);
  await writer.write(none);
  assertEquals(writer.tryWrite(none), 0);
  const first = reader.read(new Uint8Array(1));
  await assertRejects(() => reader.read(new Uint8Array(1)), Deno.errors.Busy);
  await writer.write(bytesOf("x"));
  assertEquals(await first, 1);
});

Deno.test("PipeWriter.write() queues up: bytes of two writes never mix", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe({ capacity: 4096 });
    using _reader = reader;
    const sizes = [100_000, 1, 50_000, 4096];
    const all = Promise.all(sizes.map((size, index) => writer.write(new Uint8Array(size).fill(index))));
    assertEquals(writer.tryWrite(bytesOf("x")), undefined);
    assertThrows(() => writer.writeSync(bytesOf("x")), Deno.errors.Busy);
    assertThrows(() => writer[moveDescriptor](), Deno.errors.Busy);
    const whole = new Response(reader.readable).bytes();
    await watchdog(10 * SECOND, all);
    writer.close();
    const expected = new Uint8Array(sizes.reduce((sum, size) => sum + size));
    sizes.reduce((at, size, index) => (expected.fill(index, at, at + size), at + size), 0);
    assertEquals(await whole, expected);
  });
});

Deno.test("PipeWriter.write() given up in the queue writes nothing", async () => {
  const { reader, writer } = pipe();
  using _reader = reader;
  using _writer = writer;
  const first = writer.write(new Uint8Array(65_537));
  await assertRejects(() => writer.write(bytesOf("second"), { timeoutMs: 1 }), DOMException, "timed out");
  reader.tryRead(new Uint8Array(65_536));
  await watchdog(10 * SECOND, first);
  assertEquals([reader.bytesAvailable, writer.bytesWritten], [1, 65_537]);
});

Deno.test("PipeReader.readable and PipeWriter.writable carry a stream to its end", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    const source = new Uint8Array(3_000_000).map((_, index) => index);
    const writing = ReadableStream.from([source.subarray(0, 1), source.subarray(1)]).pipeTo(writer.writable);
    assertStrictEquals(reader.readable, reader.readable);
    const whole = await watchdog(20 * SECOND, new Response(reader.readable).bytes());
    await writing;
    assertEquals(whole, source);
    assertEquals([reader.closed, writer.closed], [true, true]);
  });
});

Deno.test("PipeReader.readable cancelled while it waits closes the reader", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    const stream = reader.readable.getReader();
    const pending = stream.read();
    await stream.cancel();
    assertEquals((await pending).done, true);
    assertEquals(reader.closed, true);
    assertThrows(() => writer.tryWrite(bytesOf("x")), PosixError, "EPIPE");
    writer.close();
  });
});

Deno.test("PipeReader.readable fails when the reader is closed under it", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    const pending = reader.readable.getReader().read();
    reader.close();
    await assertRejects(() => pending, ClosedError);
    writer.close();
  });
});

Deno.test("PipeWriter.writable aborted on a full pipe does not wait for a reader", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    using _reader = reader;
    const stream = writer.writable.getWriter();
    const write = stream.write(new Uint8Array(1_000_000)).catch((error: unknown) => error);
    await full(reader);
    await watchdog(10 * SECOND, stream.abort(new Error("enough")));
    assertEquals((await write as Error).message, "enough");
    assertEquals(writer.closed, true);
  });
});

Deno.test("PipeReader.duplicate() is an end of its own: what a child does to it does not block the kept one", async () => {
  const flags = ["--allow-ffi", "--allow-run=true,false"];
  // An end that blocks stops its whole process: only another can end it.
  const output = await outputOf("pipe_duplicate.ts", { flags, through: ["timeout", "30"] });
  assertEquals(output, "kept ends do not wait\n");
});

Deno.test("PipeWriter.duplicate() without a reader is as broken as its original", () => {
  const { reader, writer } = pipe();
  using _writer = writer;
  reader.close();
  using copy = writer.duplicate();
  assertThrows(() => copy.tryWrite(bytesOf("x")), PosixError, "EPIPE");
});

Deno.test("moveDescriptor gives an end away blocking, as a child expects it", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    const end = reader.read(new Uint8Array(10), { timeoutMs: 1 });
    await assertRejects(() => end, DOMException);
    await using child = command("cat", [], { stdin: reader, stdout: "piped" }).spawn();
    assertEquals([reader.closed, writer.closed], [true, false]);
    await assertRejects(() => reader.read(new Uint8Array(1)), ClosedError, "Pipe reader was given away");
    await writer.write(bytesOf("through cat"));
    writer.close();
    assertEquals(await new Response(child.stdout).text(), "through cat");
    await child.status;
  });
});

Deno.test("moveDescriptor refuses while bytes were read ahead", async () => {
  const { reader, writer } = pipe();
  using _reader = reader;
  using _writer = writer;
  const first = reader.read(new Uint8Array(1));
  await writer.write(bytesOf("abc"));
  assertEquals(await first, 1);
  assertEquals(reader.bytesAvailable, 2);
  assertThrows(() => reader[moveDescriptor](), TypeError, "2 bytes were read ahead");
  assertEquals(reader.tryRead(new Uint8Array(10)), 2);
  reader[moveDescriptor]().close();
});

/** Waits until a pipe of the usual size is full. */
async function full(reader: PipeReader): Promise<void> {
  while (reader.bytesAvailable < 65_536) await new Promise((resolve) => setTimeout(resolve));
}
