// Needs: head, seq, sha256sum, yes
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { cpuUsage } from "node:process";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import { moveDescriptor, pipe, type PipeReader, tap, type TapOptions } from "../../lib/pipe/mod.ts";
import { command } from "../../lib/process/mod.ts";
import { socketPair } from "../../lib/socket/mod.ts";
import { openFile } from "../../lib/sys/open_file.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, outputOf, TempFolder, textOf } from "../sys/run_fixture.ts";

const SECOND = 1000;
const MEGABYTE = 1_000_000;

/** Everything up to the end of file, as text. */
async function textFrom(reader: PipeReader): Promise<string> {
  return await new Response(reader.readable).text();
}

Deno.test("tap() hands everything on, counts it, and then the end of file", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    using meter = tap(reader);
    const text = textFrom(meter.reader);
    await writer.write(bytesOf("one "));
    await writer.write(bytesOf("two"));
    writer.close();
    assertEquals(await watchdog(10 * SECOND, text), "one two");
    assertEquals(await meter.done, { byteLength: 7, copiedBytes: 0, droppedBytes: 0, reason: "end-of-file" });
    assertEquals([meter.byteLength, reader.closed], [7, true]);
  });
});

Deno.test("tap() counts while the stream runs", async () => {
  const { reader, writer } = pipe();
  using meter = tap(reader);
  for (let count = 1; count <= 3; count++) {
    await writer.write(new Uint8Array(1000));
    await meter.reader.read(new Uint8Array(1000));
    assertEquals(meter.byteLength, 1000 * count);
  }
  writer.close();
  assertEquals(await meter.reader.read(new Uint8Array(1)), null);
  await meter.done;
});

Deno.test("tap() lets the program before learn by SIGPIPE that the one after has gone", async (t) => {
  await t.step("while bytes flow", async () => {
    await noLeaks(async () => {
      const { reader, writer } = pipe();
      await using yes = command("yes", [], { stdout: writer }).spawn();
      using meter = tap(reader);
      assertEquals(await command("head", ["-n", "1"], { stdin: meter.reader }).text(), "y");
      const status = await watchdog(10 * SECOND, yes.status);
      assertEquals(status, { kind: "signaled", signal: "SIGPIPE", number: 13 });
      assertEquals((await meter.done).reason, "reader-gone");
    });
  });
  await t.step("while nothing flows: the next write of the program before fails", async () => {
    await noLeaks(async () => {
      const { reader, writer } = pipe();
      using _writer = writer;
      using meter = tap(reader);
      meter.reader.close();
      assertEquals((await watchdog(10 * SECOND, meter.done)).reason, "reader-gone");
      await assertRejects(() => writer.write(bytesOf("x")), Error, "EPIPE");
    });
  });
});

Deno.test("tap() sleeps while it waits, whatever it waits for", async (t) => {
  for (const slow of ["program before", "next program", "second consumer"]) {
    await t.step(slow, async () => {
      const [stream, branch] = [pipe(), pipe()];
      using both = tap(stream.reader, { copyTo: branch.writer });
      const write = slow === "program before" ? undefined : stream.writer.write(new Uint8Array(8 * MEGABYTE));
      const fast = slow === "second consumer" ? both.reader : branch.reader;
      const reading = count(fast);
      if (write === undefined) await stream.writer.write(bytesOf("x"));
      await untilStill(() => both.byteLength);
      // The runtime may have something of its own to do (to collect garbage), but not each time.
      let used = Infinity;
      for (let tries = 0; tries < 10 && used >= 50_000; tries++) {
        const before = cpuUsage();
        await new Promise((resolve) => setTimeout(resolve, 300));
        const { user, system } = cpuUsage(before);
        used = user + system;
      }
      assert(used < 50_000, `${used} µs of CPU in 300 ms`);
      both.close();
      await Promise.all([reading, write?.catch(() => {})]);
      for (const end of [stream.writer, branch.reader, both.reader]) end.close();
    });
  }
});

Deno.test("tap() counts what comes from a file or a socket, which cannot be copied", async (t) => {
  using folder = new TempFolder();
  Deno.writeTextFileSync(folder.at("file"), "from a file");
  await t.step("a file", async () => {
    await noLeaks(async () => {
      using meter = tap(openFile(folder.at("file")));
      assertEquals(await watchdog(10 * SECOND, textFrom(meter.reader)), "from a file");
      assertEquals((await meter.done).byteLength, 11);
    });
  });
  await t.step("a socket", async () => {
    await noLeaks(async () => {
      const [left, right] = socketPair("stream");
      using meter = tap(right[moveDescriptor]());
      const text = textFrom(meter.reader);
      await left.write(bytesOf("from "));
      await left.write(bytesOf("a socket"));
      left.close();
      assertEquals(await watchdog(10 * SECOND, text), "from a socket");
    });
  });
  await t.step("no copy: tee(2) says EINVAL, and everything is closed", async () => {
    await noLeaks(async () => {
      const branch = pipe();
      using both = tap(openFile(folder.at("file")), { copyTo: branch.writer });
      const error = await assertRejects(() => both.done, PosixError);
      assertEquals([error.code, error.syscall], ["EINVAL", "tee"]);
      assertEquals([await textFrom(both.reader), await textFrom(branch.reader)], ["", ""]);
    });
  });
});

Deno.test("tap() grows pipes as far as the kernel allows, and makes none smaller", async (t) => {
  const rows: [asked: number | undefined, before: number, least: number, most: number][] = [
    [undefined, 65_536, 1_048_576, 1_048_576],
    [262_144, 65_536, 262_144, 262_144],
    [4096, 1_048_576, 65_536, 1_048_576],
    // Above the limit of unprivileged processes: as much as they may have.
    [3_000_000, 65_536, 1_048_576, 4_194_304],
  ];
  for (const [capacity, before, least, most] of rows) {
    await t.step(`${capacity} where it is ${before}`, async () => {
      const { reader, writer } = pipe({ capacity: before });
      using meter = tap(reader, { capacity });
      await writer.write(bytesOf("x"));
      await meter.reader.read(new Uint8Array(1));
      for (const end of [writer, meter.reader]) {
        assert(end.capacity >= least && end.capacity <= most, `${end.capacity}`);
      }
      assert(writer.capacity >= before);
      writer.close();
      await meter.done;
    });
  }
});

Deno.test("tap() taps can be chained: three consumers", async () => {
  await noLeaks(async () => {
    const [stream, a, b] = [pipe(), pipe(), pipe()];
    await using source = command("seq", ["100000"], { stdout: stream.writer }).spawn();
    using first = tap(stream.reader, { copyTo: a.writer });
    using second = tap(first.reader, { copyTo: b.writer });
    const sums = [a.reader, b.reader, second.reader].map((stdin) => command("sha256sum", [], { stdin }).text());
    const [one, two, three] = await watchdog(60 * SECOND, Promise.all(sums));
    assertEquals([two, three], [one, one]);
    assertEquals([(await first.done).byteLength, (await second.done).byteLength], [588_895, 588_895]);
    await source.status;
  });
});

Deno.test("tap() gives first what was read ahead, also while a read is under way that was given up", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    const read = reader.read(new Uint8Array(1));
    await writer.write(bytesOf("abc"));
    assertEquals(await read, 1);
    assertEquals(await reader.read(new Uint8Array(2)), 2);
    await assertRejects(() => reader.read(new Uint8Array(1), { timeoutMs: 1 }), DOMException);
    const branch = pipe();
    using both = tap(reader, { copyTo: branch.writer });
    const texts = Promise.all([textFrom(both.reader), textFrom(branch.reader)]);
    await writer.write(bytesOf("def"));
    await writer.write(bytesOf("ghi"));
    writer.close();
    assertEquals(await watchdog(10 * SECOND, texts), ["defghi", "defghi"]);
  });
});

Deno.test("tap() keeps packets packets, also in the copy", async () => {
  const [stream, branch] = [pipe({ packets: true }), pipe({ packets: true })];
  using both = tap(stream.reader, { copyTo: branch.writer });
  for (const packet of ["one", "two", "three"]) await stream.writer.write(bytesOf(packet));
  stream.writer.close();
  const into = new Uint8Array(100);
  for (const reader of [both.reader, branch.reader]) {
    const packets = [];
    for (let size; (size = await watchdog(10 * SECOND, reader.read(into))) !== null;) {
      packets.push(textOf(into.subarray(0, size)));
    }
    assertEquals(packets, ["one", "two", "three"]);
    reader.close();
  }
});

Deno.test("tap() is cut off by close() and by its signal", async (t) => {
  await t.step("close()", async () => {
    await noLeaks(async () => {
      const { reader, writer } = pipe();
      using _writer = writer;
      const meter = tap(reader);
      await writer.write(bytesOf("x"));
      assertEquals(await meter.reader.read(new Uint8Array(1)), 1);
      meter.close();
      meter.close();
      assertEquals((await watchdog(10 * SECOND, meter.done)).reason, "closed");
      assertEquals(await meter.reader.read(new Uint8Array(1)), null);
      await assertRejects(() => writer.write(bytesOf("x")), Error, "EPIPE");
    });
  });
  await t.step("signal", async () => {
    await noLeaks(async () => {
      const { reader, writer } = pipe();
      using _writer = writer;
      const controller = new AbortController();
      using meter = tap(reader, { signal: controller.signal });
      const reason = new Error("enough");
      setTimeout(() => controller.abort(reason));
      assertStrictEquals(await watchdog(10 * SECOND, assertRejects(() => meter.done, Error)), reason);
      assertEquals(await meter.reader.read(new Uint8Array(1)), null);
      await assertRejects(() => writer.write(bytesOf("x")), Error, "EPIPE");
    });
  });
  await t.step("somebody closes what it owns", async () => {
    const { reader, writer } = pipe();
    using _writer = writer;
    using meter = tap(reader);
    setTimeout(() => reader.close());
    await watchdog(10 * SECOND, assertRejects(() => meter.done, ClosedError));
    meter.reader.close();
  });
});

Deno.test("tap() refuses wrong arguments before anything is made", async () => {
  await noLeaks(() => {
    const { reader, writer } = pipe();
    const wrong: [options: unknown, error: typeof TypeError | typeof RangeError][] = [
      [{ whenFull: "wait" }, TypeError],
      [{ capacity: 0 }, RangeError],
      [{ capacity: 1.5 }, RangeError],
      [{ copyTo: reader }, TypeError],
    ];
    for (const [options, error] of wrong) assertThrows(() => tap(reader, options as TapOptions), error);
    assertThrows(() => tap(reader, { signal: AbortSignal.abort() }), DOMException);
    writer.close();
    assertThrows(() => tap(reader, { copyTo: writer }), ClosedError);
    // It stays usable.
    assertEquals(reader.tryRead(new Uint8Array(1)), null);
    reader.close();
    assertThrows(() => tap(reader), ClosedError);
  });
});

Deno.test("tap() takes no thread of the pool: 40 work, and files are read meanwhile", async () => {
  await noLeaks(async () => {
    const taps = Array.from({ length: 40 }, () => {
      const { reader, writer } = pipe();
      return { writer, meter: tap(reader, { capacity: 4096 }) };
    });
    await watchdog(30 * SECOND, Deno.readTextFile("/proc/self/stat"));
    for (const { writer, meter } of taps) {
      await writer.write(bytesOf("x"));
      assertEquals(await watchdog(30 * SECOND, meter.reader.read(new Uint8Array(1))), 1);
      writer.close();
      await meter.done;
      meter.reader.close();
    }
  });
});

Deno.test("tap() says which flag is missing", async () => {
  const output = outputOf("pipe_tap_light.ts", { flags: ["--allow-read", "--allow-write", "--allow-run"] });
  assertEquals(await watchdog(60 * SECOND, output), "Splicing a PipeReader requires ffi access\n".repeat(3));
});

/** Reads to the end and returns how many bytes there were. */
async function count(reader: PipeReader): Promise<number> {
  let total = 0;
  for await (const chunk of reader.readable) total += chunk.byteLength;
  return total;
}

/** Waits until a number has stopped changing. */
async function untilStill(look: () => number): Promise<void> {
  for (let before = -1, still = 0; still < 20;) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    const now = look();
    still = now === before && now > 0 ? still + 1 : 0;
    before = now;
  }
}
