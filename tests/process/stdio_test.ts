import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl, toFileUrl } from "@std/path";
import {
  command,
  type CommandOptions,
  createAnonymousMemory,
  ExitError,
  type OutputSink,
  pipe,
  pipeline,
  PosixError,
  type StdinSource,
} from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const SECOND = 1000;
const fixture = (name: string) => fromFileUrl(new URL(`../fixtures/${name}.ts`, import.meta.url));
const encode = (text: string) => new TextEncoder().encode(text);
const BOTH: CommandOptions[] = [{}, { group: "own" }];

Deno.test("stdin comes from texts, bytes, memory, files, streams and iterables, by either launcher", async () => {
  await withFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/in`, "abc");
    const memory = () => {
      const memory = createAnonymousMemory({ size: 3 });
      memory.bytes.set(encode("abc"));
      return memory;
    };
    const sources: Record<string, () => StdinSource> = {
      text: () => ({ text: "abc" }),
      bytes: () => encode("abc"),
      "memory, moved": memory,
      "memory, copied": () => ({ bytes: encode("abc") }),
      file: () => ({ file: `${folder}/in` }),
      url: () => ({ file: toFileUrl(`${folder}/in`) }),
      stream: () => new Response("abc").body!,
      texts: () => ["a", "b", "c"],
      chunks: () => [encode("ab"), encode("c")],
      generator: () => abc(),
      set: () => new Set([encode("abc")]),
    };
    for (const [name, source] of Object.entries(sources)) {
      for (const options of BOTH) {
        assertEquals(await command("cat", [], { ...options, stdin: source() }).text(), "abc", name);
      }
      if (name === "stream" || name === "generator") continue;
      assertEquals(command("cat", [], { stdin: source() }).textSync(), "abc", `${name}, synchronously`);
    }
    const missing = await assertRejects(
      () => command("cat", [], { stdin: { file: `${folder}/none` } }).text(),
      PosixError,
    );
    assertEquals([missing.code, missing.syscall, missing.target], ["ENOENT", "open", `${folder}/none`]);
  });
});

async function* abc() {
  yield "a";
  await Promise.resolve();
  yield encode("bc");
}

Deno.test("a source that fails ends the run and is its error", async () => {
  await noLeaks(async () => {
    async function* broken() {
      yield "begun\n";
      await Promise.resolve();
      throw new Error("source broke");
    }
    for (const options of BOTH) {
      const run = command("sh", ["-c", "cat; exec sleep 1000"], { ...options, stdin: broken() });
      await watchdog(30 * SECOND, assertRejects(() => run.output(), Error, "source broke"));
    }
    const wrong = command("cat", [], { stdin: [1] as unknown as string[] });
    await assertRejects(() => wrong.output(), TypeError, "bytes or texts");
  });
});

Deno.test("an endless source of a child that leaves is left", async () => {
  let left = false;
  async function* endless() {
    try {
      while (true) yield encode("y\n".repeat(1000));
    } finally {
      left = true;
    }
  }
  assertEquals(await watchdog(30 * SECOND, command("head", ["-n", "1"], { stdin: endless() }).text()), "y");
  assert(left);
});

Deno.test("a grandchild that holds stdin unread does not hold up the run", async () => {
  for (const options of BOTH) {
    const run = command("sh", ["-c", "exec 3<&0; sleep 1000 <&3 >/dev/null 2>&1 & echo $!"], {
      ...options,
      stdin: new Uint8Array(1_000_000),
      drainGraceMs: 50,
    });
    const pid = Number(await watchdog(30 * SECOND, run.text()));
    Deno.kill(pid, "SIGKILL");
  }
});

Deno.test("outputs go to files, emptied or appended to, and to nowhere", async () => {
  await withFolder(async (folder) => {
    for (const options of BOTH) {
      const out = { file: `${folder}/out` };
      await command("sh", ["-c", "echo one; echo two >&2"], { ...options, stdout: out, stderr: "null" }).output();
      await command("echo", ["three"], { ...options, stdout: { ...out, append: true } }).output();
      assertEquals(await Deno.readTextFile(out.file), "one\nthree\n");
      await command("echo", ["four"], { ...options, stdout: { file: toFileUrl(out.file) } }).output();
      assertEquals(await Deno.readTextFile(out.file), "four\n");
      const denied = await assertRejects(
        () => command("echo", [], { ...options, stdout: { file: folder } }).output(),
        PosixError,
      );
      assertEquals([denied.code, denied.syscall], ["EISDIR", "open"]);
    }
  });
});

Deno.test("one output goes where the other goes, in the order in which it is written", async () => {
  const script = "for n in 1 2 3; do echo out$n; echo err$n >&2; done";
  const order = "out1\nerr1\nout2\nerr2\nout3\nerr3\n";
  await withFolder(async (folder) => {
    for (const options of BOTH) {
      const run = (more: CommandOptions) => command("sh", ["-c", script], { ...options, ...more });
      const merged = await run({ stderr: "stdout" }).output();
      assertEquals([merged.stdout, merged.stderr, merged.drained], [order, "", true]);
      const other = await run({ stdout: "stderr" }).output();
      assertEquals([other.stdout, other.stderr], ["", order]);
      await run({ stdout: { file: `${folder}/both` }, stderr: "stdout" }).output();
      assertEquals(await Deno.readTextFile(`${folder}/both`), order);
      assertEquals(run({ stderr: "stdout" }).textSync() + "\n", order);
      assertEquals((await Array.fromAsync(run({ stderr: "stdout" }).lines())).join("\n") + "\n", order);
    }
  });
  assertEquals(await pipeline(command("sh", ["-c", script], { stderr: "stdout" }), ["cat"]).text() + "\n", order);
});

Deno.test("inherited outputs can be one: this process's own", async () => {
  const run = command(Deno.execPath(), ["run", "-A", fixture("process_inherit_merged")]);
  const { stdout, stderr } = await run.output();
  assertEquals([stdout, stderr], ["to stdout\nto stdout as well\nand out\n", ""]);
});

Deno.test("one output goes to several places at once, whole", async () => {
  await withFolder(async (folder) => {
    await noLeaks(async () => {
      for (const options of BOTH) {
        const { reader, writer } = pipe();
        const piped = new Response(reader.readable).text();
        const chunks: Uint8Array[] = [];
        const stream = new WritableStream<Uint8Array>({ write: (chunk) => void chunks.push(chunk) });
        const places: OutputSink[] = ["piped", { file: `${folder}/tee` }, stream, writer, "null"];
        const { stdout } = await command("seq", ["100000"], { ...options, stdout: places }).output();
        assertEquals(stdout.split("\n").length, 100_001);
        assertEquals(await piped, stdout);
        assertEquals(await new Blob(chunks as BlobPart[]).text(), stdout);
        assertEquals(await Deno.readTextFile(`${folder}/tee`), stdout);
      }
    });
  });
});

Deno.test("a slow place holds up the child: memory stays bounded", async () => {
  const taken: number[] = [];
  const slow = new WritableStream<Uint8Array>({
    async write(chunk) {
      await new Promise((resolve) => setTimeout(resolve, 1));
      taken.push(chunk.byteLength);
    },
  });
  let fast = 0;
  const child = command("head", ["-c", "5000000", "/dev/zero"], { stdout: ["piped", slow] }).spawn();
  for await (const chunk of child.stdout) {
    fast += chunk.byteLength;
    const behind = fast - taken.reduce((sum, bytes) => sum + bytes, 0);
    assert(behind <= 2 * 65_536, `the slow place is ${behind} bytes behind`);
  }
  await child.transferred;
  assertEquals([fast, taken.reduce((sum, bytes) => sum + bytes, 0)], [5_000_000, 5_000_000]);
});

Deno.test("a place that fails ends the run and is its error; a pipe that nobody reads drops out", async () => {
  await noLeaks(async () => {
    const broken = () =>
      new WritableStream<Uint8Array>({
        write() {
          throw new Error("place broke");
        },
      });
    for (const options of BOTH) {
      const alone = command("yes", [], { ...options, stdout: broken() });
      await watchdog(30 * SECOND, assertRejects(() => alone.output(), Error, "place broke"));
      const among = command("yes", [], { ...options, stdout: ["null", broken()] });
      await watchdog(30 * SECOND, assertRejects(() => among.output(), Error, "place broke"));
      const { reader, writer } = pipe();
      reader.close();
      const { stdout } = await command("seq", ["50000"], { ...options, stdout: [writer, "piped"] }).output();
      assertEquals(stdout.length, 288_894);
      const [left, right] = [pipe(), pipe()];
      left.reader.close();
      right.reader.close();
      const nobody = command("yes", [], { ...options, stdout: [left.writer, right.writer] });
      assertEquals(await watchdog(30 * SECOND, nobody.status()), { kind: "signaled", signal: "SIGPIPE", number: 13 });
    }
  });
});

Deno.test("a stream that takes nothing does not hold up the end of a run whose time is over", async () => {
  const stuck = new WritableStream<Uint8Array>({ write: () => new Promise(() => {}) });
  const run = command("yes", [], { stdout: [stuck, "piped"], timeoutMs: 50, drainGraceMs: 50 });
  const error = await watchdog(30 * SECOND, assertRejects(() => run.output(), ExitError));
  assertEquals(error.timedOut, true);
});

Deno.test("maxOutputBytes: the child is ended, the prefix kept, and the error names stream and limit", async () => {
  await noLeaks(async () => {
    for (const options of BOTH) {
      for (const [stream, script] of [["stdout", "yes"], ["stderr", "yes >&2"]] as const) {
        const run = command("sh", ["-c", script], { ...options, maxOutputBytes: 7 });
        for (const output of [() => run.output(), () => Promise.try(() => run.outputSync())]) {
          const error = await watchdog(30 * SECOND, assertRejects(output, ExitError));
          assertEquals([error[stream], error.exceeded], ["y\ny\ny\ny", { stream, maxOutputBytes: 7 }]);
          assertStringIncludes(error.message, `its ${stream} went over the limit of 7 bytes`);
          assert(error.status.kind === "signaled" || error.status.code > 128, error.message);
        }
      }
      assertEquals(await command("echo", ["123456"], { ...options, maxOutputBytes: 7 }).text(), "123456");
    }
    const unchecked = command("yes", [], { maxOutputBytes: 7 }).unchecked();
    await assertRejects(() => unchecked.output(), ExitError, "went over");
  });
});

Deno.test("stderr of several programs to one file keeps what each writes, and nothing of before", async () => {
  await withFolder(async (folder) => {
    const file = `${folder}/err`;
    const programs = ["left, and longer than the other", "right"].map((word) => {
      return ["sh", "-c", `cat; echo ${word} >&2`] as const;
    });
    for (const stderr of [{ file }, [{ file }, "null"] as const]) {
      for (const run of ["status", "statusSync"] as const) {
        if (Array.isArray(stderr) && run === "statusSync") continue;
        await Deno.writeTextFile(file, "of before\n".repeat(10));
        await pipeline(...programs).with({ stderr })[run]();
        assertEquals(await Deno.readTextFile(file), "left, and longer than the other\nright\n");
      }
      await pipeline(...programs).with({ stderr: { file, append: true } }).status();
      assertEquals((await Deno.readTextFile(file)).split("\n").length, 5);
    }
  });
});

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await work(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
