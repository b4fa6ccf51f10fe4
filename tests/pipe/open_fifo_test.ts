// Needs: strace
import { assert, assertEquals, assertRejects, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { createHash } from "node:crypto";
import { PosixError } from "../../lib/errors.ts";
import { createFifo, openFifo, unlinkFifo } from "../../lib/pipe/mod.ts";
import { command } from "../../lib/process/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, outputOf, TempFolder } from "../sys/run_fixture.ts";

const SECOND = 1000;

/** A FIFO in a folder of its own. */
class TempFifo extends TempFolder {
  readonly fifo: string = this.at("fifo");

  constructor() {
    super();
    createFifo(this.fifo);
  }
}

Deno.test("openFifo() joins two ends of one process, whichever comes first", async () => {
  using temp = new TempFifo();
  for (const first of ["read", "write"]) {
    await noLeaks(async () => {
      const early = first === "read" ? openFifo(temp.fifo, "read") : undefined;
      const writing = openFifo(temp.fifo, "write");
      const reading = early ?? openFifo(temp.fifo, "read");
      const [reader, writer] = await watchdog(10 * SECOND, Promise.all([reading, writing]));
      await writer.write(bytesOf("hello"));
      writer.close();
      assertEquals(await new Response(reader.readable).text(), "hello");
    });
  }
});

Deno.test("openFifo() meets a process that waits in open(2)", async (t) => {
  using temp = new TempFifo();
  await t.step("a writer, which writes and leaves", async () => {
    await noLeaks(async () => {
      await using child = command("sh", ["-c", 'echo hello > "$1"', "sh", temp.fifo]).spawn();
      using reader = await watchdog(10 * SECOND, openFifo(temp.fifo, "read"));
      assertEquals(await new Response(reader.readable).text(), "hello\n");
      await child.status;
    });
  });
  await t.step("a reader", async () => {
    await noLeaks(async () => {
      await using child = command("cat", [temp.fifo], { stdout: "piped" }).spawn();
      const writer = await watchdog(10 * SECOND, openFifo(temp.fifo, "write"));
      await writer.write(bytesOf("hello"));
      writer.close();
      assertEquals(await new Response(child.stdout).text(), "hello");
      await child.status;
    });
  });
});

Deno.test('openFifo("read") waits for a writer that has yet to come, though it writes nothing', async () => {
  using temp = new TempFifo();
  await noLeaks(async () => {
    const opening = openFifo(temp.fifo, "read");
    // Opens for writing and then waits for a line: nothing is written, and nothing closed.
    const script = 'exec 3> "$1"; read line';
    await using child = command("sh", ["-c", script, "sh", temp.fifo], { stdin: "piped" }).spawn();
    using reader = await watchdog(10 * SECOND, opening);
    assertEquals(reader.tryRead(new Uint8Array(10)), undefined);
    await child.stdin.close();
    assertEquals(await watchdog(10 * SECOND, reader.read(new Uint8Array(10))), null);
    await child.status;
  });
});

Deno.test('openFifo("read") finds what a writer left that came and went while nobody looked', async (t) => {
  using temp = new TempFifo();
  const rows: [what: string, script: string, text: string][] = [
    ["bytes", 'echo hello > "$1"', "hello\n"],
    ["nothing", ': > "$1"', ""],
  ];
  for (const [what, script, text] of rows) {
    await t.step(what, async () => {
      await noLeaks(async () => {
        const opening = openFifo(temp.fifo, "read");
        // This thread stands still until the writer is gone.
        const { success } = new Deno.Command("sh", { args: ["-c", script, "sh", temp.fifo] }).outputSync();
        assert(success);
        using reader = await watchdog(10 * SECOND, opening);
        assertEquals(await new Response(reader.readable).text(), text);
      });
    });
  }
});

Deno.test('openFifo("write") without a reader throws ENXIO when it does not wait', async () => {
  using temp = new TempFifo();
  await noLeaks(async () => {
    const error = await assertRejects(() => openFifo(temp.fifo, "write", { waitForPeer: false }), PosixError);
    assertEquals([error.code, error.syscall, error.target], ["ENXIO", "open", temp.fifo]);
    using reader = await openFifo(temp.fifo, "read", { waitForPeer: false });
    using writer = await openFifo(temp.fifo, "write", { waitForPeer: false });
    await writer.write(bytesOf("x"));
    assertEquals(await reader.read(new Uint8Array(10)), 1);
  });
});

Deno.test('openFifo("read") that does not wait opens at once; its first read waits for a writer', async () => {
  using temp = new TempFifo();
  await noLeaks(async () => {
    using reader = await openFifo(temp.fifo, "read", { waitForPeer: false });
    const into = new Uint8Array(10);
    assertEquals([reader.tryRead(into), reader.bytesAvailable], [undefined, 0]);
    await assertRejects(() => reader.read(into, { timeoutMs: 2 }), DOMException, "timed out");
    const reading = reader.read(into);
    await using child = command("sh", ["-c", 'printf abc > "$1"', "sh", temp.fifo]).spawn();
    assertEquals(await watchdog(10 * SECOND, reading), 3);
    assertEquals(await watchdog(10 * SECOND, reader.read(into)), null);
    await child.status;
  });
});

Deno.test("openFifo() can be given up while it waits", async (t) => {
  using temp = new TempFifo();
  for (const end of ["read", "write"] as const) {
    const open = (options: object) =>
      end === "read" ? openFifo(temp.fifo, end, options) : openFifo(temp.fifo, end, options);
    await t.step(`${end}: abort rejects with the reason`, async () => {
      await noLeaks(async () => {
        const controller = new AbortController();
        const reason = new Error("enough");
        let ticks = 0;
        const timer = setInterval(() => ++ticks === 5 && controller.abort(reason), 1);
        const caught = await watchdog(10 * SECOND, assertRejects(() => open({ signal: controller.signal }), Error));
        clearInterval(timer);
        assertStrictEquals(caught, reason);
      });
    });
    await t.step(`${end}: timeout`, async () => {
      await noLeaks(async () => {
        const error = await watchdog(10 * SECOND, assertRejects(() => open({ timeoutMs: 5 }), DOMException));
        const doing = `Opening FIFO ${temp.fifo} for ${end === "read" ? "reading" : "writing"}`;
        assertEquals([error.name, error.message], ["TimeoutError", `${doing} timed out after 5 ms`]);
      });
    });
    await t.step(`${end}: a signal that has aborted opens nothing`, async () => {
      await assertRejects(() => open({ signal: AbortSignal.abort() }), DOMException, "abort");
    });
  }
});

Deno.test("openFifo() takes no thread of the pool: 100 wait, and files are read meanwhile", async () => {
  using temp = new TempFifo();
  const lonely = Array.from({ length: 100 }, (_, index) => temp.at(String(index)));
  for (const path of lonely) createFifo(path);
  await noLeaks(async () => {
    const controller = new AbortController();
    const { signal } = controller;
    const waiting = Promise.allSettled(
      lonely.map((path, index) =>
        index % 2 === 0 ? openFifo(path, "read", { signal }) : openFifo(path, "write", { signal })
      ),
    );
    for (let turn = 0; turn < 3; turn++) await watchdog(10 * SECOND, Deno.readTextFile("/proc/self/stat"));
    controller.abort();
    const outcomes = await watchdog(10 * SECOND, waiting);
    assertEquals(outcomes.filter(({ status }) => status === "rejected").length, 100);
  });
});

Deno.test("openFifo() refuses what is no FIFO, and does not touch it", async (t) => {
  using temp = new TempFifo();
  const at = (name: string) => temp.at(name);
  Deno.writeTextFileSync(at("file"), "kept");
  Deno.symlinkSync("fifo", at("link"));
  Deno.symlinkSync("loop-b", at("loop-a"));
  Deno.symlinkSync("loop-a", at("loop-b"));
  Deno.mkdirSync(at("directory"));
  using _listener = Deno.listen({ transport: "unix", path: at("socket") });
  const rows: [what: string, path: string, code: string, message: string][] = [
    ["regular file", at("file"), "EINVAL", "it is a regular file, not a FIFO"],
    ["directory", at("directory"), "EINVAL", "it is a directory, not a FIFO"],
    ["symbolic link to a FIFO", at("link"), "ELOOP", "it is a symbolic link, not a FIFO"],
    ["socket", at("socket"), "EINVAL", "it is a socket, not a FIFO"],
    ["device", "/dev/null", "EINVAL", "it is a character device, not a FIFO"],
    ["missing name", at("missing"), "ENOENT", "No such file or directory"],
    ["missing directory", at("missing/fifo"), "ENOENT", "No such file or directory"],
    ["file as directory", at("file/fifo"), "ENOTDIR", "Not a directory"],
    ["loop of links", at("loop-a/fifo"), "ELOOP", "Too many levels"],
    ["long name", at("x".repeat(256)), "ENAMETOOLONG", "File name too long"],
    ["no name", "", "ENOENT", "No such file or directory"],
  ];
  for (const [what, path, code, message] of rows) {
    await t.step(what, async () => {
      await noLeaks(async () => {
        for (const open of [() => openFifo(path, "read"), () => openFifo(path, "write")]) {
          const error = await watchdog(10 * SECOND, assertRejects(open, PosixError, message));
          assertEquals([error.code, error.target], [code, path]);
        }
      });
    });
  }
  assertEquals(Deno.readTextFileSync(at("file")), "kept");
});

Deno.test("openFifo() refuses the FIFO of another user than asked for", async (t) => {
  using temp = new TempFifo();
  const uid = Deno.lstatSync(temp.fifo).uid!;
  await t.step("another", async () => {
    await noLeaks(async () => {
      const owner = uid + 1;
      for (
        const open of [() => openFifo(temp.fifo, "read", { owner }), () => openFifo(temp.fifo, "write", { owner })]
      ) {
        const refused = assertRejects(open, PosixError, `it belongs to user ${uid}, not ${owner}`);
        const error = await watchdog(10 * SECOND, refused);
        assertEquals([error.code, error.syscall, error.target], ["EACCES", "open", temp.fifo]);
      }
    });
  });
  await t.step("the right one", async () => {
    using reader = await openFifo(temp.fifo, "read", { owner: uid, waitForPeer: false });
    using writer = await openFifo(temp.fifo, "write", { owner: uid });
    assertEquals([reader.closed, writer.closed], [false, false]);
  });
  await t.step("without FFI", async () => {
    const flags = ["--allow-read", "--allow-write"];
    const said = await outputOf("fifo_open.ts", { flags, args: [temp.fifo, "read", String(uid + 1)] });
    assertStringIncludes(said, `EACCES open failed on ${JSON.stringify(temp.fifo)}`);
  });
});

Deno.test("openFifo() refuses wrong arguments before any call", async () => {
  for (const owner of [-1, 1.5, "root"]) {
    await assertRejects(() => openFifo("/nonexistent", "read", { owner: owner as number }), TypeError, "owner must be");
  }
  await assertRejects(() => openFifo("/nonexistent", "both" as "read"), TypeError, 'end must be "read" or "write"');
  await assertRejects(() => openFifo("a\0b", "read"), TypeError, "NUL");
  await assertRejects(() => openFifo("/nonexistent", "read", { timeoutMs: -1 }), RangeError, "timeoutMs");
});

Deno.test("openFifo() ends with ENOENT when the FIFO is deleted or replaced while it waits", async (t) => {
  for (const end of ["read", "write"] as const) {
    await t.step(`${end}: deleted`, async () => {
      using temp = new TempFifo();
      await noLeaks(async () => {
        if (temp.names.length === 0) createFifo(temp.fifo);
        const opening = end === "read" ? openFifo(temp.fifo, "read") : openFifo(temp.fifo, "write");
        const failed = assertRejects(() => opening, PosixError);
        unlinkFifo(temp.fifo);
        const error = await watchdog(10 * SECOND, failed);
        assertEquals([error.code, error.target], ["ENOENT", temp.fifo]);
      });
    });
  }
  await t.step("write: replaced by a file", async () => {
    using temp = new TempFifo();
    const failed = assertRejects(() => openFifo(temp.fifo, "write"), PosixError, "it is a regular file");
    Deno.writeTextFileSync(temp.at("file"), "kept");
    Deno.renameSync(temp.at("file"), temp.fifo);
    await watchdog(10 * SECOND, failed);
    assertEquals(Deno.readTextFileSync(temp.fifo), "kept");
  });
});

Deno.test("openFifo() waits by polling where inotify has nothing left to give", async () => {
  using temp = new TempFifo();
  const through = [
    "strace",
    "-f",
    "-qq",
    "-o",
    "/dev/null",
    "-e",
    "trace=inotify_init1",
    "-e",
    "inject=inotify_init1:error=EMFILE",
  ];
  const child = outputOf("fifo_read.ts", { flags: ["--allow-ffi", "--allow-read"], args: [temp.fifo], through });
  const writer = await watchdog(60 * SECOND, openFifo(temp.fifo, "write"));
  await writer.write(bytesOf("found"));
  writer.close();
  assertEquals(await watchdog(60 * SECOND, child), "found");
});

Deno.test("openFifo() lets a process end that no longer waits", async () => {
  using temp = new TempFifo();
  const output = outputOf("fifo_give_up.ts", {
    flags: ["--allow-ffi", "--allow-read", "--allow-write"],
    args: [temp.fifo],
  });
  assertEquals(await watchdog(60 * SECOND, output), "TimeoutError TimeoutError\n");
});

Deno.test("FIFO carries 100 MB to and from cat, dd and pv: same SHA-256", async (t) => {
  const MEGABYTES = 100;
  using temp = new TempFifo();
  const block = crypto.getRandomValues(new Uint8Array(65_536));
  const hash = createHash("sha256");
  {
    using file = Deno.createSync(temp.at("data"));
    for (let index = 0; index < MEGABYTES * 16; index++) {
      new DataView(block.buffer).setUint32(0, index);
      file.writeSync(block);
      hash.update(block);
    }
  }
  const expected = hash.digest("hex");
  const tools: Record<string, [toFifo: string, fromFifo: string]> = {
    cat: ['cat "$1" > "$2"', 'cat "$2"'],
    dd: ['dd if="$1" of="$2" bs=10000 status=none', 'dd if="$2" bs=10000 status=none'],
    pv: ['pv -q "$1" > "$2"', 'pv -q "$2"'],
  };
  for (const [tool, [toFifo, fromFifo]] of Object.entries(tools)) {
    if (!new Deno.Command("sh", { args: ["-c", `command -v ${tool}`] }).outputSync().success) {
      console.log(`Skipped: ${tool} is not installed`);
      continue;
    }
    await t.step(`from ${tool}`, async () => {
      await using child = command("sh", ["-c", toFifo, "sh", temp.at("data"), temp.fifo]).spawn();
      using reader = await openFifo(temp.fifo, "read");
      const received = createHash("sha256");
      const into = new Uint8Array(100_000);
      await watchdog(60 * SECOND, async () => {
        for (let count; (count = await reader.read(into)) !== null;) received.update(into.subarray(0, count));
      });
      assertEquals(received.digest("hex"), expected);
      await child.status;
    });
    await t.step(`to ${tool}`, async () => {
      const script = `${fromFifo} | sha256sum`;
      await using child = command("sh", ["-c", script, "sh", temp.at("data"), temp.fifo], { stdout: "piped" }).spawn();
      const writer = await openFifo(temp.fifo, "write");
      using file = Deno.openSync(temp.at("data"));
      await watchdog(60 * SECOND, file.readable.pipeTo(writer.writable));
      assertEquals(await new Response(child.stdout).text(), `${expected}  -\n`);
      await child.status;
    });
  }
});
