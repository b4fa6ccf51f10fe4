// Needs: perl, root, strace
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { PosixError } from "../../lib/errors.ts";
import { pipe, PIPE_BUF } from "../../lib/pipe/mod.ts";
import { command } from "../../lib/process/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, failureOf, outputOf, TempFolder, textOf } from "../sys/run_fixture.ts";

const SECOND = 1000;

Deno.test("pipe() hands bytes over in order, whole, in all three forms", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    using _reader = reader;
    using _writer = writer;
    const into = new Uint8Array(100);
    assertEquals(reader.tryRead(into), undefined);
    await writer.write(bytesOf("async "));
    writer.writeSync(bytesOf("sync "));
    assertEquals(writer.tryWrite(bytesOf("try")), 3);
    assertEquals(reader.bytesAvailable, 14);
    assertEquals(await reader.read(into.subarray(0, 6)), 6);
    assertEquals(reader.readSync(into.subarray(6, 11)), 5);
    assertEquals(reader.tryRead(into.subarray(11)), 3);
    assertEquals(textOf(into.subarray(0, 14)), "async sync try");
    assertEquals([reader.tryRead(into), reader.bytesAvailable, writer.bytesWritten], [undefined, 0, 14]);
  });
});

Deno.test("pipe() reader gets the rest and then the end of file, for good, when the writer closes", async () => {
  await noLeaks(async () => {
    for (const adopted of [false, true]) {
      const { reader, writer } = pipe();
      using _reader = reader;
      const into = new Uint8Array(100);
      if (adopted) {
        const first = reader.read(into);
        await writer.write(bytesOf("x"));
        assertEquals(await first, 1);
      }
      await writer.write(bytesOf("rest"));
      writer.close();
      assertEquals(await reader.read(into), 4);
      assertEquals(await reader.read(into), null);
      assertEquals(await reader.read(into), null);
      assertEquals([reader.readSync(into), reader.tryRead(into), reader.bytesAvailable], [null, null, 0]);
    }
  });
});

Deno.test("pipe() reader waiting on the event loop gets the end of file when the writer closes", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    using _reader = reader;
    const end = reader.read(new Uint8Array(10));
    writer.close();
    assertEquals(await watchdog(10 * SECOND, end), null);
    assertEquals(await reader.read(new Uint8Array(10)), null);
  });
});

Deno.test("pipe() writer without a reader gets EPIPE, and the process lives", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    using _writer = writer;
    reader.close();
    const writes = [
      () => writer.write(bytesOf("x")),
      () => Promise.resolve().then(() => writer.writeSync(bytesOf("x"))),
      () => Promise.resolve().then(() => writer.tryWrite(bytesOf("x"))),
    ];
    for (const write of writes) {
      const error = await assertRejects(write, PosixError);
      assertEquals([error.code, error.errno, error.syscall], ["EPIPE", 32, "write"]);
    }
  });
});

Deno.test("PipeWriter.write() of at most PIPE_BUF bytes never mixes with what other processes write", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    const program = "use strict; my ($c, $n, $size) = @ARGV; syswrite(STDOUT, $c x $size) == $size or die for 1..$n";
    const letters = ["a", "b", "c", "d"];
    const children = letters.map((letter) =>
      command("perl", ["-e", program, letter, "500", String(PIPE_BUF)], { stdout: writer.duplicate() }).spawn()
    );
    writer.close();
    const bytes = await watchdog(60 * SECOND, new Response(reader.readable).bytes());
    const counts = new Map<number, number>();
    for (let at = 0; at < bytes.byteLength; at += PIPE_BUF) {
      const record = bytes.subarray(at, at + PIPE_BUF);
      const letter = record[0]!;
      assert(record.every((byte) => byte === letter), `Record ${at / PIPE_BUF} is mixed`);
      counts.set(letter, (counts.get(letter) ?? 0) + 1);
    }
    assertEquals(letters.map((letter) => counts.get(letter.charCodeAt(0))), [500, 500, 500, 500]);
    for (const child of children) await child.status;
  });
});

Deno.test("PipeWriter.tryWrite() that does not fit writes nothing up to PIPE_BUF, and a part of more", () => {
  const { reader, writer } = pipe();
  using _reader = reader;
  using _writer = writer;
  writer.writeSync(new Uint8Array(65_536 - PIPE_BUF));
  writer.writeSync(new Uint8Array(1));
  assertEquals(writer.tryWrite(new Uint8Array(PIPE_BUF)), undefined);
  assertEquals(reader.bytesAvailable, 65_536 - PIPE_BUF + 1);
  const part = writer.tryWrite(new Uint8Array(PIPE_BUF + 1));
  assert(part !== undefined && part > 0 && part < PIPE_BUF + 1, `wrote ${part}`);
  assertEquals(reader.bytesAvailable, 65_536 - PIPE_BUF + 1 + part);
});

Deno.test("pipe() capacity can be read and set, through either end", () => {
  const { reader, writer } = pipe();
  using _reader = reader;
  using _writer = writer;
  assertEquals([reader.capacity, writer.capacity], [65_536, 65_536]);
  writer.capacity = 100_000;
  assertEquals([reader.capacity, writer.capacity], [131_072, 131_072]);
  reader.capacity = 1;
  assertEquals(writer.capacity, 4096);
  writer.capacity = 65_536;
  writer.writeSync(new Uint8Array(10_000));
  const error = assertThrows(() => writer.capacity = 4096, PosixError);
  assertEquals([error.code, error.syscall], ["EBUSY", "fcntl(F_SETPIPE_SZ)"]);
  for (const wrong of [0, -1, 1.5, NaN, 2 ** 31]) {
    assertThrows(() => writer.capacity = wrong, RangeError);
    assertThrows(() => pipe({ capacity: wrong }), RangeError);
  }
  const small = pipe({ capacity: 4096 });
  assertEquals(small.reader.capacity, 4096);
  small.reader.close();
  small.writer.close();
});

Deno.test("pipe() capacity above fs.pipe-max-size is EPERM with a hint, and leaves nothing behind", async () => {
  const max = Number(await Deno.readTextFile("/proc/sys/fs/pipe-max-size"));
  const output = await outputOf("pipe_capacity.ts", {
    flags: ["--allow-ffi"],
    args: [String(max), String(2 * max)],
    through: Deno.uid() === 0 ? ["setpriv", "--bounding-set", "-sys_resource"] : [],
  });
  assertEquals(JSON.parse(output), [max, "EPERM", "raise fs.pipe-max-size"]);
});

Deno.test("Without a descriptor left everything that needs one says EMFILE, and goes on when there is one", async () => {
  using folder = new TempFolder();
  const output = outputOf("pipe_out_of_descriptors.ts", {
    flags: ["--allow-ffi", "--allow-read", "--allow-write"],
    args: [folder.at("fifo")],
    through: ["sh", "-c", 'ulimit -n 256 && exec "$@"', "sh"],
  });
  assertEquals(JSON.parse(await watchdog(60 * SECOND, output)), {
    pipe: "EMFILE pipe2",
    "openFifo read": "EMFILE open",
    "openFifo write": "EMFILE open",
    "reader.duplicate": "EMFILE open",
    "writer.duplicate": "EMFILE open",
    pipeReader: "EMFILE open",
    tap: "EMFILE pipe2",
    "splice of 1 MB": 1_000_000,
    "tap with two more": 5,
  });
});

Deno.test("pipe() says ENFILE when the whole system has no file left", async () => {
  const through = [
    "strace",
    "-f",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    "trace=pipe2",
    "-e",
    "inject=pipe2:error=ENFILE:when=2+",
  ];
  const said = await failureOf("pipe_splice_once.ts", { flags: ["--allow-ffi"], through });
  assertStringIncludes(said, "pipe2 failed: Too many open files in system (ENFILE)");
});

Deno.test("pipe({ packets: true }) keeps the boundaries of writes", async () => {
  await noLeaks(async () => {
    const { reader, writer } = pipe({ packets: true });
    using _reader = reader;
    using copy = writer.duplicate();
    const into = new Uint8Array(PIPE_BUF);
    const waiting = reader.read(into);
    await writer.write(bytesOf("one"));
    assertEquals(await watchdog(10 * SECOND, waiting), 3);
    await writer.write(bytesOf("two"));
    await copy.write(bytesOf("three"));
    await writer.write(new Uint8Array(PIPE_BUF + 10));
    using second = reader.duplicate();
    assertEquals(await second.read(into), 3);
    assertEquals(await reader.read(into.subarray(0, 2)), 2);
    assertEquals([reader.readSync(into), reader.tryRead(into)], [PIPE_BUF, 10]);
    writer.close();
    copy.close();
    assertEquals(await reader.read(into), null);
  });
});
