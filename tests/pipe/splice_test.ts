// Needs: cat, dd, sh, strace
import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import {
  createFifo,
  type Fd,
  moveDescriptor,
  openFifo,
  type Pipe,
  pipe,
  type PipeReader,
  type PipeWriter,
  splice,
  spliceSync,
  trySplice,
} from "../../lib/pipe/mod.ts";
import { command } from "../../lib/process/mod.ts";
import { socketPair } from "../../lib/socket/mod.ts";
import { statusFlags } from "../../lib/sys/fd.ts";
import { openFile } from "../../lib/sys/open_file.ts";
import { Fd as OwnedFd } from "../../lib/sys/fd.ts";
import { libc } from "../../lib/sys/libc.ts";
import { O } from "../../lib/sys/linux.ts";
import { cString } from "../../lib/sys/memory.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, outputOf, TempFolder, textOf } from "../sys/run_fixture.ts";

const SECOND = 1000;

/** The three forms, each as a promise of how many bytes went until the end of file. */
const FORMS: Record<string, (from: PipeReader | Fd, to: PipeWriter | Fd) => Promise<number>> = {
  splice: (from, to) => splice(from, to),
  spliceSync: (from, to) => Promise.resolve(spliceSync(from, to)),
  trySplice: (from, to) => {
    let total = 0;
    for (let count; (count = trySplice(from, to)) !== null;) total += count ?? 0;
    return Promise.resolve(total);
  },
};

/** Two pipes, closed at the end. */
class TwoPipes implements Disposable {
  readonly from: Pipe = pipe();
  readonly to: Pipe = pipe();

  [Symbol.dispose](): void {
    for (const end of [this.from.reader, this.from.writer, this.to.reader, this.to.writer]) end.close();
  }
}

/** Opens a file with flags of its own. */
function open(path: string, flags: number): OwnedFd {
  const raw = libc().open(cString(path, "path"), flags | O.CLOEXEC, 0o600);
  if (raw === -1) throw new Error(`Cannot open ${path}`);
  return OwnedFd.own(raw, path);
}

function textIn(reader: PipeReader): string {
  const into = new Uint8Array(100);
  return textOf(into.subarray(0, reader.readSync(into, { timeoutMs: 10 * SECOND }) ?? 0));
}

for (const [form, run] of Object.entries(FORMS)) {
  Deno.test(`${form}() moves bytes in order until the end of file, and leaves both ends open`, async () => {
    await noLeaks(async () => {
      using pipes = new TwoPipes();
      const { from, to } = pipes;
      await from.writer.write(bytesOf("one two"));
      from.writer.close();
      assertEquals(await run(from.reader, to.writer), 7);
      assertEquals([to.writer.bytesWritten, textIn(to.reader)], [7, "one two"]);
      assertEquals([from.reader.closed, to.writer.closed], [false, false]);
      assertEquals(await run(from.reader, to.writer), 0);
      assertEquals(await from.reader.read(new Uint8Array(1)), null);
    });
  });

  Deno.test(`${form}() gives first what a read has read ahead`, async () => {
    await noLeaks(async () => {
      using pipes = new TwoPipes();
      const { from, to } = pipes;
      // Waits, so that the event loop reads more than it was asked for.
      const read = from.reader.read(new Uint8Array(2));
      await from.writer.write(bytesOf("abcdef"));
      assertEquals(await watchdog(10 * SECOND, read), 2);
      await from.writer.write(bytesOf("ghi"));
      from.writer.close();
      assertEquals(await run(from.reader, to.writer), 7);
      assertEquals(textIn(to.reader), "cdefghi");
    });
  });

  Deno.test(`${form}() without a reader throws EPIPE and loses nothing`, async () => {
    await noLeaks(async () => {
      using pipes = new TwoPipes();
      const { from, to } = pipes;
      await from.writer.write(bytesOf("kept"));
      to.reader.close();
      const error = await assertRejects(async () => await run(from.reader, to.writer), PosixError);
      assertEquals([error.code, error.syscall, error.target], ["EPIPE", "splice", "Pipe reader to Pipe writer"]);
      assertEquals(textIn(from.reader), "kept");
    });
  });

  Deno.test(`${form}() joins pipes with files, FIFOs and stream sockets`, async (t) => {
    using folder = new TempFolder();
    Deno.writeTextFileSync(folder.at("in"), "from a file");
    await t.step("from a file", async () => {
      using pipes = new TwoPipes();
      using file = openFile(folder.at("in"));
      assertEquals([await run(file, pipes.to.writer), textIn(pipes.to.reader)], [11, "from a file"]);
    });
    await t.step("to a file", async () => {
      using pipes = new TwoPipes();
      using file = openFile(folder.at("out"), { write: true, createMode: 0o600 });
      await pipes.from.writer.write(bytesOf("to a file"));
      pipes.from.writer.close();
      assertEquals(await run(pipes.from.reader, file), 9);
      assertEquals(Deno.readTextFileSync(folder.at("out")), "to a file");
    });
    await t.step("from a FIFO", async () => {
      using pipes = new TwoPipes();
      createFifo(folder.at("fifo"));
      const [reader, writer] = await Promise.all([
        openFifo(folder.at("fifo"), "read"),
        openFifo(folder.at("fifo"), "write"),
      ]);
      using _reader = reader;
      await writer.write(bytesOf("from a FIFO"));
      writer.close();
      assertEquals([await run(reader, pipes.to.writer), textIn(pipes.to.reader)], [11, "from a FIFO"]);
    });
    await t.step("from and to a stream socket, which stays as blocking as it was", async () => {
      using pipes = new TwoPipes();
      const [left, right] = socketPair("stream");
      using out = left[moveDescriptor]();
      using back = right[moveDescriptor]();
      for (const end of [out, back]) libc().fcntl(end.raw, 4, statusFlags(end) & ~O.NONBLOCK);
      await pipes.from.writer.write(bytesOf("through a socket"));
      pipes.from.writer.close();
      assertEquals(await run(pipes.from.reader, out), 16);
      out.close();
      assertEquals([await run(back, pipes.to.writer), textIn(pipes.to.reader)], [16, "through a socket"]);
      assertEquals(statusFlags(back) & O.NONBLOCK, 0);
    });
  });

  Deno.test(`${form}() fails as splice(2) says`, async (t) => {
    using folder = new TempFolder();
    using pipes = new TwoPipes();
    const { from, to } = pipes;
    await from.writer.write(bytesOf("x"));
    await to.writer.write(bytesOf("x"));
    using reading = open(folder.at("file"), O.RDONLY | O.CREAT);
    using writing = open(folder.at("file"), O.WRONLY);
    using appending = open(folder.at("file"), O.WRONLY | O.APPEND);
    using directory = open(folder.path, O.RDONLY);
    using full = open("/dev/full", O.WRONLY);
    const rows: [what: string, code: string, from: PipeReader | Fd, to: PipeWriter | Fd][] = [
      ["neither is a pipe", "EINVAL", reading, full],
      ["both are the same pipe", "EINVAL", from.reader, from.writer],
      ["the file is open for appending", "EINVAL", from.reader, appending],
      ["the source is open for writing", "EBADF", writing, to.writer],
      ["the sink is open for reading", "EBADF", from.reader, reading],
      ["the source is a directory", "EINVAL", directory, to.writer],
      ["the file does not take part", "EINVAL", from.reader, full],
    ];
    for (const [what, code, source, sink] of rows) {
      await t.step(what, async () => {
        const error = await assertRejects(async () => await run(source, sink), PosixError);
        assertEquals([error.code, error.syscall], [code, "splice"]);
      });
    }
    assertEquals([textIn(from.reader), textIn(to.reader)], ["x", "x"]);
  });

  Deno.test(`${form}() refuses wrong arguments before any call`, async () => {
    using pipes = new TwoPipes();
    const { from, to } = pipes;
    const wrong: unknown[] = [undefined, null, 3, "fd", {}, to.writer];
    // deno-lint-ignore no-explicit-any -- what only untyped callers can pass
    for (const value of wrong) await assertRejects(async () => await run(value as any, to.writer), TypeError);
    // deno-lint-ignore no-explicit-any -- what only untyped callers can pass
    await assertRejects(async () => await run(from.reader, from.reader as any), TypeError, "must be a PipeWriter");
    from.reader.close();
    await assertRejects(async () => await run(from.reader, to.writer), ClosedError);
  });
}

Deno.test("splice() of byteLength moves so many and leaves the rest", async () => {
  using pipes = new TwoPipes();
  const { from, to } = pipes;
  await from.writer.write(bytesOf("abcdefghij"));
  assertEquals(await splice(from.reader, to.writer, { byteLength: 3, timeoutMs: 0 }), 3);
  assertEquals(spliceSync(from.reader, to.writer, { byteLength: 2 }), 2);
  assertEquals(trySplice(from.reader, to.writer, { byteLength: 1 }), 1);
  assertEquals(await splice(from.reader, to.writer, { byteLength: 0 }), 0);
  assertEquals(trySplice(from.reader, to.writer, { byteLength: 0 }), 0);
  assertEquals([textIn(to.reader), textIn(from.reader)], ["abcdef", "ghij"]);
  for (const byteLength of [-1, 1.5, NaN]) {
    await assertRejects(() => splice(from.reader, to.writer, { byteLength }), RangeError);
    assertThrows(() => spliceSync(from.reader, to.writer, { byteLength }), RangeError);
    assertThrows(() => trySplice(from.reader, to.writer, { byteLength }), RangeError);
  }
});

Deno.test("trySplice() never waits: undefined while there is nothing, or no room", () => {
  using pipes = new TwoPipes();
  const { from, to } = pipes;
  assertEquals(trySplice(from.reader, to.writer), undefined);
  while (to.writer.tryWrite(new Uint8Array(4096)) !== undefined);
  from.writer.writeSync(bytesOf("x"));
  assertEquals(trySplice(from.reader, to.writer), undefined);
  assertEquals(from.reader.bytesAvailable, 1);
});

Deno.test("splice() can be given up while it waits for either end: nothing is lost, timers run on", async (t) => {
  await t.step("for bytes: abort rejects with the reason", async () => {
    await noLeaks(async () => {
      using pipes = new TwoPipes();
      const { from, to } = pipes;
      const controller = new AbortController();
      const reason = new Error("enough");
      let ticks = 0;
      const timer = setInterval(() => ++ticks === 3 && controller.abort(reason), 1);
      const caught = await assertRejects(() => splice(from.reader, to.writer, { signal: controller.signal }), Error);
      clearInterval(timer);
      assertStrictEquals(caught, reason);
      await from.writer.write(bytesOf("later"));
      from.writer.close();
      assertEquals([await splice(from.reader, to.writer), textIn(to.reader)], [5, "later"]);
    });
  });
  await t.step("for room: timeout says what and how long", async () => {
    for (
      const wait of [
        (pipes: TwoPipes) => splice(pipes.from.reader, pipes.to.writer, { timeoutMs: 3 }),
        (pipes: TwoPipes) =>
          Promise.resolve().then(() => spliceSync(pipes.from.reader, pipes.to.writer, { timeoutMs: 3 })),
      ]
    ) {
      using pipes = new TwoPipes();
      while (pipes.to.writer.tryWrite(new Uint8Array(4096)) !== undefined);
      pipes.to.writer.capacity = 65_536;
      pipes.from.writer.writeSync(bytesOf("stays"));
      // Fills what the splice grows the pipe to.
      await splice(pipes.from.reader, pipes.to.writer, { byteLength: 0 });
      const filler = new Uint8Array(65_536);
      pipes.to.writer.capacity = 1_048_576;
      while (pipes.to.writer.tryWrite(filler) !== undefined);
      const error = await assertRejects(() => wait(pipes), DOMException);
      assertEquals([error.name, error.message], [
        "TimeoutError",
        "Splicing Pipe reader to Pipe writer timed out after 3 ms",
      ]);
      assertEquals(textIn(pipes.from.reader), "stays");
    }
  });
  await t.step("a signal that has aborted rejects at once", async () => {
    using pipes = new TwoPipes();
    const { from, to } = pipes;
    await assertRejects(() => splice(from.reader, to.writer, { signal: AbortSignal.abort() }), DOMException, "abort");
  });
  await t.step("closing either end rejects with ClosedError", async () => {
    for (const end of ["from", "to"] as const) {
      using pipes = new TwoPipes();
      if (end === "to") {
        pipes.to.writer.capacity = 1_048_576;
        while (pipes.to.writer.tryWrite(new Uint8Array(65_536)) !== undefined);
        pipes.from.writer.writeSync(bytesOf("x"));
      }
      const spliced = assertRejects(() => splice(pipes.from.reader, pipes.to.writer), ClosedError);
      setTimeout(() => end === "from" ? pipes.from.reader.close() : pipes.to.writer.close());
      await watchdog(10 * SECOND, spliced);
    }
  });
});

Deno.test("splice() after a read that was given up keeps the order", async () => {
  using pipes = new TwoPipes();
  const { from, to } = pipes;
  // The event loop must not finish that read later: it would take bytes out of the middle.
  await assertRejects(() => from.reader.read(new Uint8Array(1), { timeoutMs: 1 }), DOMException);
  const spliced = splice(from.reader, to.writer);
  for (let i = 0; i < 20; i++) await from.writer.write(new Uint8Array(10_000).fill(i));
  from.writer.close();
  assertEquals(await watchdog(10 * SECOND, spliced), 200_000);
  const into = new Uint8Array(200_001);
  let at = 0;
  while (at < 200_000) at += to.reader.readSync(into.subarray(at)) ?? 0;
  for (let i = 0; i < 20; i++) assert(into.subarray(i * 10_000, (i + 1) * 10_000).every((byte) => byte === i));
});

Deno.test("splice() keeps other reads out, and lets writes queue up", async () => {
  using pipes = new TwoPipes();
  const { from, to } = pipes;
  const spliced = splice(from.reader, to.writer, { byteLength: 5 });
  await assertRejects(() => from.reader.read(new Uint8Array(1)), Deno.errors.Busy);
  await assertRejects(() => splice(from.reader, to.writer), Deno.errors.Busy);
  assertThrows(() => trySplice(from.reader, to.writer), Deno.errors.Busy);
  assertThrows(() => to.writer.writeSync(bytesOf("x")), Deno.errors.Busy);
  const written = to.writer.write(bytesOf(" and after"));
  const second = pipe();
  assertEquals(trySplice(second.reader, to.writer), undefined);
  second.reader.close();
  second.writer.close();
  await from.writer.write(bytesOf("first"));
  assertEquals(await watchdog(10 * SECOND, spliced), 5);
  await written;
  assertEquals(textIn(to.reader), "first and after");
  const read = from.reader.read(new Uint8Array(1));
  await assertRejects(() => splice(from.reader, to.writer), Deno.errors.Busy);
  assertThrows(() => spliceSync(from.reader, to.writer), Deno.errors.Busy);
  await from.writer.write(bytesOf("x"));
  assertEquals(await read, 1);
});

Deno.test("splice() from a FIFO that nobody has opened for writing waits for the first writer", async () => {
  using folder = new TempFolder();
  using to = pipe().reader;
  createFifo(folder.at("fifo"));
  const out = pipe();
  using _reader = out.reader;
  using _writer = out.writer;
  using reader = await openFifo(folder.at("fifo"), "read", { waitForPeer: false });
  const spliced = splice(reader, out.writer);
  await assertRejects(() => splice(reader, out.writer), Deno.errors.Busy);
  const writer = await openFifo(folder.at("fifo"), "write");
  await writer.write(bytesOf("hello"));
  writer.close();
  assertEquals([await watchdog(10 * SECOND, spliced), textIn(out.reader)], [5, "hello"]);
  assertEquals(to.closed, false);
});

Deno.test("splice() lets timers run while a file is always ready", async () => {
  using folder = new TempFolder();
  using zero = open("/dev/zero", O.RDONLY);
  using sink = open("/dev/null", O.WRONLY);
  const middle = pipe();
  using _reader = middle.reader;
  using _writer = middle.writer;
  let ticks = 0;
  const timer = setInterval(() => ++ticks, 1);
  const SIZE = 1 << 28;
  await watchdog(
    60 * SECOND,
    Promise.all([
      splice(zero, middle.writer, { byteLength: SIZE }),
      splice(middle.reader, sink, { byteLength: SIZE }),
    ]),
  );
  clearInterval(timer);
  assert(ticks > 2, `${ticks} ticks`);
  assertEquals(folder.names, []);
});

Deno.test("splice() keeps packets packets", async () => {
  const from = pipe({ packets: true });
  const to = pipe({ packets: true });
  using _ends = new DisposableStack();
  for (const end of [from.reader, to.reader, to.writer]) _ends.use(end);
  for (const packet of ["one", "two", "three"]) await from.writer.write(bytesOf(packet));
  from.writer.close();
  assertEquals(await splice(from.reader, to.writer), 11);
  assertEquals([textIn(to.reader), textIn(to.reader), textIn(to.reader)], ["one", "two", "three"]);
});

Deno.test("splice() and tee() that run out of memory say ENOMEM, an interrupted one goes on", async (t) => {
  for (const call of ["splice", "tee"]) {
    for (const [code, expected] of [["ENOMEM", `ENOMEM ${call}`], ["ENOSPC", `ENOSPC ${call}`], ["EINTR", "5"]]) {
      await t.step(`${call} ${code}`, async () => {
        const through = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", `inject=${call}:error=${code}:when=1`];
        const output = outputOf("pipe_splice_once.ts", { flags: ["--allow-ffi"], args: [call], through });
        assertEquals(await watchdog(60 * SECOND, output), `${expected}\n`);
      });
    }
  }
});

Deno.test("splice() between programs: the one before learns by SIGPIPE when the one after has gone", async () => {
  await noLeaks(async () => {
    const [up, down] = [pipe(), pipe()];
    await using yes = command("yes", [], { stdout: up.writer }).spawn();
    const first = command("head", ["-n", "1"], { stdin: down.reader }).text();
    const error = await watchdog(
      10 * SECOND,
      assertRejects(() => splice(up.reader, down.writer), PosixError),
    );
    assertEquals(error.code, "EPIPE");
    up.reader.close();
    down.writer.close();
    assertEquals(await first, "y");
    assertEquals(await watchdog(10 * SECOND, yes.status), { kind: "signaled", signal: "SIGPIPE", number: 13 });
  });
});
