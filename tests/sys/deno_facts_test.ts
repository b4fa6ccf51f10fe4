// Needs: strace
/** What Causeway relies on and nobody promises. A failure here means that Deno (or Linux) has changed: look at the code named beside it. */
import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import fs from "node:fs";
import net from "node:net";
import { check } from "../../lib/sys/errno.ts";
import { Fd, setNonblocking, statusFlags } from "../../lib/sys/fd.ts";
import { libc } from "../../lib/sys/libc.ts";
import { F, FIONREAD, IN, O } from "../../lib/sys/linux.ts";
import { cString } from "../../lib/sys/memory.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { fixtureCommand, TempFolder } from "./run_fixture.ts";

const SECOND = 1000;

function blockingPipe(): [reader: Fd, writer: Fd] {
  const numbers = new Int32Array(2);
  check(libc().pipe2(numbers, O.CLOEXEC), "pipe2");
  return [Fd.own(numbers[0]!, "Reader"), Fd.own(numbers[1]!, "Writer")];
}

function waiting(fd: Fd): number {
  const count = new Int32Array(1);
  check(libc().ioctl(fd.raw, FIONREAD, count), "ioctl");
  return count[0]!;
}

const write = (fd: Fd, bytes: number) => libc().write(fd.raw, new Uint8Array(bytes), bytes);
/** For what must not happen. What must is awaited by `until`. */
const aWhile = () => new Promise((resolve) => setTimeout(resolve, 5));

async function until(condition: () => boolean): Promise<void> {
  for (const start = performance.now(); !condition() && performance.now() - start < 60 * SECOND;) await aWhile();
}

/** Deno takes numbers as standard descriptors, though its types do not say so. */
const as = (raw: number) => raw as unknown as "inherit";

Deno.test("Deno.Command takes raw descriptor numbers, and keeps them open here (lib/process/deno_command.ts)", async () => {
  const [reader, writer] = blockingPipe();
  const child = new Deno.Command("sh", { args: ["-c", "cat; cat <&0 >&2"], stdin: as(reader.raw), stdout: "piped" })
    .spawn();
  assertEquals(write(writer, 3), 3);
  writer.close();
  assertEquals(libc().fcntl(reader.raw, F.GETFD, 0), F.CLOEXEC);
  reader.close();
  assertEquals(await new Response(child.stdout).bytes(), new Uint8Array(3));
  assertEquals((await child.status).code, 0);
});

Deno.test("Deno.Command clears O_NONBLOCK of the open file it is given (lib/pipe/reopen.ts)", async () => {
  const [reader, writer] = blockingPipe();
  setNonblocking(reader);
  using duplicate = reader.duplicate();
  await new Deno.Command("true", { stdin: as(reader.raw) }).spawn().status;
  assertEquals(statusFlags(duplicate) & O.NONBLOCK, 0);
  reader.close();
  writer.close();
});

Deno.test("net.Socket adopts a pipe; pause() stops reading at once, so does onread returning false (lib/sys/adopted.ts)", async () => {
  const [reader, writer] = blockingPipe();
  setNonblocking(reader);
  assertEquals(write(writer, 10), 10);
  const buffer = new Uint8Array(7);
  const counts: number[] = [];
  const socket = new net.Socket({
    fd: reader.raw,
    readable: true,
    writable: false,
    allowHalfOpen: true,
    onread: { buffer, callback: (count: number) => (counts.push(count), false) },
  });
  socket.pause();
  await aWhile();
  assertEquals([counts, waiting(reader)], [[], 10]);
  socket.resume();
  await until(() => counts.length === 1);
  await aWhile();
  // One read, of what the buffer holds, and no more until it is resumed.
  assertEquals([counts, waiting(reader)], [[7], 3]);
  socket.resume();
  await until(() => counts.length === 2);
  assertEquals([counts, waiting(reader)], [[7, 3], 0]);
  socket.resume();
  socket.pause();
  assertEquals(write(writer, 5), 5);
  await aWhile();
  assertEquals([counts, waiting(reader)], [[7, 3], 5]);
  // destroy() closes the descriptor before it returns: the writer sees it.
  const closed = new Promise((resolve) => socket.once("close", resolve));
  socket.destroy();
  assertEquals(libc().fcntl(reader.raw, F.GETFD, 0), -1);
  assertEquals(write(writer, 1), -1);
  await closed;
  reader.closeWith(() => {});
  reader.close();
  writer.close();
});

Deno.test("net.Socket takes an empty FIFO without a writer for ended (lib/sys/byte_reader.ts)", async () => {
  using folder = new TempFolder();
  const path = cString(folder.at("fifo"), "path");
  check(libc().mkfifo(path, 0o600), "mkfifo");
  const fd = Fd.own(check(libc().open(path, O.RDONLY | O.NONBLOCK | O.CLOEXEC, 0), "open"), "FIFO");
  const socket = new net.Socket({ fd: fd.raw, readable: true, writable: false });
  fd.closeWith(() => {});
  const closed = new Promise((resolve) => socket.once("close", resolve));
  await watchdog(10 * SECOND, new Promise((resolve) => socket.once("end", resolve).resume()));
  await closed;
  fd.close();
});

Deno.test("net.Socket refuses what node:fs opened (lib/pipe/file_ends.ts)", () => {
  using folder = new TempFolder();
  check(libc().mkfifo(cString(folder.at("fifo"), "path"), 0o600), "mkfifo");
  const raw = fs.openSync(folder.at("fifo"), fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  assertThrows(() => new net.Socket({ fd: raw }), Error, "EEXIST");
  fs.closeSync(raw);
});

Deno.test("node:fs opens FIFOs non-blocking, close-on-exec, by real numbers (lib/pipe/kernel_pipe.ts)", () => {
  using folder = new TempFolder();
  check(libc().mkfifo(cString(folder.at("fifo"), "path"), 0o600), "mkfifo");
  const reader = fs.openSync(folder.at("fifo"), fs.constants.O_RDONLY | fs.constants.O_NONBLOCK);
  const writer = fs.openSync(folder.at("fifo"), fs.constants.O_WRONLY | fs.constants.O_NONBLOCK);
  for (const raw of [reader, writer]) assertEquals(libc().fcntl(raw, F.GETFD, 0), F.CLOEXEC);
  const child = new Deno.Command("sh", { args: ["-c", "printf abc >&0"], stdin: as(writer) });
  assert(child.outputSync().success);
  const bytes = new Uint8Array(10);
  assertEquals(libc().read(reader, bytes, 10), 3);
  fs.closeSync(writer);
  fs.closeSync(reader);
  assertEquals(libc().fcntl(reader, F.GETFD, 0), -1);
});

Deno.test("Deno signals a pid that it has reaped, but not that of an unref'd child (lib/process/deno_command.ts)", async (t) => {
  for (const [how, kills] of [["ref", true], ["unref", false]] as const) {
    await t.step(how, async () => {
      using folder = new TempFolder();
      const through = [
        "strace",
        "-f",
        "-qq",
        "-o",
        folder.at("trace"),
        "-e",
        "trace=kill,pidfd_send_signal,wait4,waitid",
      ];
      const { stdout, stderr } = await fixtureCommand("pipe_reap_child.ts", {
        flags: ["--allow-run=true"],
        args: [how],
        through,
      }).output();
      const pid = new TextDecoder().decode(stdout).trim();
      assertMatch(pid, /^\d+$/, new TextDecoder().decode(stderr));
      const trace = await Deno.readTextFile(folder.at("trace"));
      assertMatch(trace, new RegExp(`wait.*\\b${pid}\\b`), "the status came from a wait");
      assertEquals(new RegExp(`kill\\(${pid}, SIGKILL\\)`).test(trace), kills);
    });
  }
});

Deno.test({
  name: "Deno rejects the status of a child that a real-time signal ended (lib/process/status.ts)",
  // Deno never closes such a child.
  sanitizeResources: false,
  async fn() {
    const child = new Deno.Command("sh", { args: ["-c", "kill -34 $$"] }).spawn();
    const error = await assertRejects(() => child.status, TypeError);
    assertEquals(error.message, "Invalid signal: 34");
  },
});

Deno.test("Linux does not report an open(2) of a FIFO to inotify while it blocks (lib/pipe/kernel_fifo.ts)", async () => {
  using folder = new TempFolder();
  const path = cString(folder.at("fifo"), "path");
  check(libc().mkfifo(path, 0o600), "mkfifo");
  using inotify = Fd.own(check(libc().inotify_init1(IN.NONBLOCK | IN.CLOEXEC), "inotify_init1"), "Inotify");
  check(libc().inotify_add_watch(inotify.raw, path, IN.OPEN), "inotify_add_watch");
  const child = new Deno.Command("sh", { args: ["-c", 'read line < "$1"', "sh", folder.at("fifo")] }).spawn();
  // A writer can open it: so the child is in its open(2).
  let raw = -1;
  while (raw === -1) {
    await aWhile();
    const before = libc().read(inotify.raw, new Uint8Array(4096), 4096);
    assertEquals(before, -1);
    raw = libc().open(path, O.WRONLY | O.NONBLOCK | O.CLOEXEC, 0);
  }
  using writer = Fd.own(raw, "Writer");
  let reported = -1;
  await until(() => (reported = libc().read(inotify.raw, new Uint8Array(4096), 4096)) > 0);
  // Our own open, and the child's at last.
  assert(reported > 0);
  assertEquals(write(writer, 1), 1);
  writer.close();
  await child.status;
});

Deno.test("Deno.Command sets LC_ALL without another permission (lib/pipe/mkfifo_program.ts)", async () => {
  const program = 'new Deno.Command("true", { env: { LC_ALL: "C" } }).outputSync()';
  using folder = new TempFolder();
  await Deno.writeTextFile(folder.at("a.ts"), program);
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-prompt", "--quiet", "--allow-run=true", folder.at("a.ts")],
  }).output();
  assertEquals(code, 0);
});
