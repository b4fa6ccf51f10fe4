// Needs: cat, dd, head, pv, sha256sum, wc
import { assert, assertEquals } from "@std/assert";
import { createHash } from "node:crypto";
import { pipe, type PipeReader, tap } from "../../lib/pipe/mod.ts";
import { command } from "../../lib/process/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, TempFolder } from "../sys/run_fixture.ts";

const SECOND = 1000;
const MEGABYTE = 1_000_000;

/** Everything up to the end of file, as text. */
async function textFrom(reader: PipeReader): Promise<string> {
  return await new Response(reader.readable).text();
}

Deno.test("tap() carries 100 MB between real programs, and to a second consumer: same SHA-256 on both", async (t) => {
  const BLOCKS = 1600;
  using folder = new TempFolder();
  const block = crypto.getRandomValues(new Uint8Array(65_536));
  const hash = createHash("sha256");
  {
    using file = Deno.createSync(folder.at("data"));
    for (let index = 0; index < BLOCKS; index++) {
      new DataView(block.buffer).setUint32(0, index);
      file.writeSync(block);
      hash.update(block);
    }
  }
  const expected = `${hash.digest("hex")}  -`;
  const sources: Record<string, string> = {
    cat: 'cat "$1"',
    dd: 'dd if="$1" bs=10007 status=none',
    pv: 'pv -q "$1"',
  };
  const sinks: Record<string, string> = { cat: "cat", dd: "dd bs=3001 status=none", pv: "pv -q" };
  for (const [tool, source] of Object.entries(sources)) {
    await t.step(tool, async () => {
      await noLeaks(async () => {
        const [stream, branch] = [pipe(), pipe()];
        await using child = command("sh", ["-c", source, "sh", folder.at("data")], { stdout: stream.writer }).spawn();
        using both = tap(stream.reader, { copyTo: branch.writer });
        const sums = [both.reader, branch.reader].map((stdin) =>
          command("sh", ["-c", `${sinks[tool]} | sha256sum`], { stdin }).text()
        );
        assertEquals(await watchdog(120 * SECOND, Promise.all(sums)), [expected, expected]);
        const { byteLength, copiedBytes, droppedBytes } = await both.done;
        const whole = BLOCKS * block.byteLength;
        assertEquals({ byteLength, copiedBytes, droppedBytes }, {
          byteLength: whole,
          copiedBytes: whole,
          droppedBytes: 0,
        });
        await child.status;
      });
    });
  }
});

Deno.test("tap() keeps its memory bounded by the pipes: a slow consumer stops the writer", async (t) => {
  for (const slow of ["next program", "second consumer"]) {
    await t.step(slow, async () => {
      await noLeaks(async () => {
        const [stream, branch] = [pipe(), pipe()];
        using both = tap(stream.reader, { copyTo: branch.writer });
        // As much as fits into two pipes on the way; the tap itself holds nothing.
        const write = stream.writer.write(new Uint8Array(8 * MEGABYTE)).then(() => stream.writer.close());
        const [slowReader, fastReader] = slow === "next program"
          ? [both.reader, branch.reader]
          : [branch.reader, both.reader];
        const fast = count(fastReader);
        // The fast one gets what fits, and then nothing: it waits for the slow one.
        await untilStill(() => both.byteLength);
        assert(both.byteLength <= 3 * 1_048_576, `${both.byteLength} bytes`);
        assert(stream.writer.bytesWritten <= 3 * 1_048_576, `${stream.writer.bytesWritten} bytes`);
        assertEquals(await watchdog(60 * SECOND, Promise.all([count(slowReader), fast])), [8 * MEGABYTE, 8 * MEGABYTE]);
        await write;
        assertEquals((await both.done).droppedBytes, 0);
      });
    });
  }
});

Deno.test('tap({ whenFull: "drop" }) never waits for the second consumer, and counts what it lost', async () => {
  await noLeaks(async () => {
    const [stream, branch] = [pipe(), pipe()];
    await using source = command("head", ["-c", "20000000", "/dev/zero"], { stdout: stream.writer }).spawn();
    using both = tap(stream.reader, { copyTo: branch.writer, whenFull: "drop" });
    // Nobody reads the copy until the stream is over.
    const counted = command("wc", ["-c"], { stdin: both.reader }).text();
    assertEquals(await watchdog(60 * SECOND, counted), "20000000");
    const { byteLength, copiedBytes, droppedBytes } = await both.done;
    assertEquals([byteLength, copiedBytes + droppedBytes], [20_000_000, 20_000_000]);
    assert(copiedBytes > 0 && copiedBytes <= 1_048_576, `${copiedBytes} copied`);
    assertEquals(await count(branch.reader), copiedBytes);
    await source.status;
  });
});

Deno.test('tap({ whenFull: "drop" }) gives a consumer that keeps up every byte', async () => {
  const [stream, branch] = [pipe(), pipe()];
  using both = tap(stream.reader, { copyTo: branch.writer, whenFull: "drop" });
  const texts = Promise.all([textFrom(both.reader), textFrom(branch.reader)]);
  for (let i = 0; i < 100; i++) await stream.writer.write(bytesOf(`${i} `));
  stream.writer.close();
  const expected = Array.from({ length: 100 }, (_, i) => `${i} `).join("");
  assertEquals(await watchdog(10 * SECOND, texts), [expected, expected]);
  assertEquals((await both.done).droppedBytes, 0);
});

Deno.test("tap() goes on without a second consumer that has gone", async (t) => {
  for (const whenFull of ["block", "drop"] as const) {
    for (const how of ["its reader is closed", "its writer is closed here"]) {
      await t.step(`${whenFull}: ${how}`, async () => {
        await noLeaks(async () => {
          const [stream, branch] = [pipe(), pipe()];
          using both = tap(stream.reader, { copyTo: branch.writer, whenFull });
          const text = textFrom(both.reader);
          await stream.writer.write(bytesOf("before "));
          await branch.reader.read(new Uint8Array(100));
          if (how === "its reader is closed") branch.reader.close();
          else branch.writer.close();
          await stream.writer.write(bytesOf("after"));
          stream.writer.close();
          assertEquals(await watchdog(10 * SECOND, text), "before after");
          const { byteLength, copiedBytes, droppedBytes, reason } = await both.done;
          assertEquals([byteLength, copiedBytes, droppedBytes, reason], [12, 7, 5, "end-of-file"]);
          branch.reader.close();
        });
      });
    }
  }
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

Deno.test('tap({ whenReaderGone: "copy" }) goes on for the copy alone, and ends when that is gone too', async () => {
  await noLeaks(async () => {
    const [stream, branch] = [pipe(), pipe()];
    const lines = 300_000;
    await using source = command("seq", [String(lines)], { stdout: stream.writer }).spawn();
    using both = tap(stream.reader, { copyTo: branch.writer, whenReaderGone: "copy" });
    const first = command("head", ["-n", "1"], { stdin: both.reader }).text();
    const all = command("wc", ["-l"], { stdin: branch.reader }).text();
    assertEquals(await watchdog(20 * SECOND, Promise.all([first, all])), ["1", String(lines)]);
    assertEquals(await source.status, { kind: "exited", code: 0 });
    const { reason, copiedBytes, droppedBytes } = await both.done;
    assertEquals([reason, droppedBytes], ["reader-gone", 0]);
    assertEquals(copiedBytes, 1_988_895);
  });
  await noLeaks(async () => {
    const [stream, branch] = [pipe(), pipe()];
    await using source = command("yes", [], { stdout: stream.writer }).spawn();
    using both = tap(stream.reader, { copyTo: branch.writer, whenReaderGone: "copy" });
    const heads = [both.reader, branch.reader].map((stdin, index) =>
      command("head", ["-n", String(1 + 100_000 * index)], { stdin }).bytes()
    );
    assertEquals((await watchdog(20 * SECOND, Promise.all(heads))).map(({ byteLength }) => byteLength), [2, 200_002]);
    assertEquals(await source.status, { kind: "signaled", signal: "SIGPIPE", number: 13 });
    assertEquals((await both.done).reason, "reader-gone");
  });
});

Deno.test('tap({ whenReaderGone: "copy" }) ends at once when both consumers go while no bytes come', async () => {
  await noLeaks(async () => {
    const [stream, branch] = [pipe(), pipe()];
    using both = tap(stream.reader, { copyTo: branch.writer, whenReaderGone: "copy" });
    both.reader.close();
    branch.reader.close();
    assertEquals((await watchdog(20 * SECOND, both.done)).reason, "reader-gone");
    stream.writer.close();
  });
});
