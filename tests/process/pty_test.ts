// Needs: python3
import { assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { command, spawnPty } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const LIMIT_MS = 20_000;

/** A test of a shell script on a terminal, under a watchdog, that leaves nothing behind. */
function ptyTest(name: string, run: () => Promise<void>): void {
  Deno.test(name, () => watchdog(LIMIT_MS, noLeaks(run)));
}

function script(text: string) {
  return command("sh", ["-c", text]);
}

ptyTest("spawnPty gives the program a controlling terminal, in a session of its own", async () => {
  const program = script(
    "test -t 0 && test -t 1 && test -t 2 && tty && : </dev/tty && ps -o sid=,tpgid=,pid= -p $$; echo $TERM",
  );
  await using pty = spawnPty(program);
  await pty.waitFor(/\/dev\/pts\/\d+\r\n/);
  const { groups } = await pty.waitFor(/(\d+)\s+(\d+)\s+(\d+)\r\n/);
  assertEquals(groups, Array(3).fill(String(pty.child.pid)));
  await pty.waitFor("xterm-256color\r\n");
  assertEquals(await pty.child.status, { kind: "exited", code: 0 });
});

ptyTest("spawnPty hands the child no descriptor but the terminal", async () => {
  await using pty = spawnPty(command("ls", ["/proc/self/fd"]));
  // The last is of ls itself.
  assertEquals((await pty.waitFor(/3\s*\r\n/)).before.trim().split(/\s+/), ["0", "1", "2"]);
});

ptyTest("Pty.send answers what the program asks; a password is not shown", async () => {
  const program = script(
    `printf 'Name: '; read name; stty -echo; printf 'Password: '; read word; stty echo; echo "<$name:$word>"`,
  );
  await using pty = spawnPty(program);
  await pty.waitFor("Name: ");
  assertEquals(pty.echoes, true);
  await pty.send("Ada\n");
  await pty.waitFor("Password: ");
  assertEquals(pty.echoes, false);
  await pty.send("s3cret\n");
  const { before, text } = await pty.waitFor(/<.*>/);
  assertEquals([before.includes("s3cret"), text], [false, "<Ada:s3cret>"]);
});

ptyTest("Ctrl-C typed on the terminal is SIGINT for the program, Ctrl-D the end of its input", async () => {
  await using sleeper = spawnPty(script("echo ready; exec sleep 100"));
  await sleeper.waitFor("ready");
  await sleeper.send("\x03");
  assertEquals(await sleeper.child.status, { kind: "signaled", signal: "SIGINT", number: 2 });
  await using cat = spawnPty(command("cat"));
  await cat.send("line\n");
  await cat.waitFor("line\r\nline\r\n");
  await cat.sendEnd();
  assertEquals(await cat.child.status, { kind: "exited", code: 0 });
});

ptyTest("Pty.resize changes the size, and the program is told by SIGWINCH", async () => {
  const program = script("trap 'stty size; exit' WINCH; stty size; while :; do sleep 0.01; done");
  await using pty = spawnPty(program, { columns: 100, rows: 30 });
  await pty.waitFor("30 100\r\n");
  assertEquals(pty.size, { columns: 100, rows: 30 });
  pty.resize({ columns: 132, rows: 43 });
  await pty.waitFor("43 132\r\n");
  assertEquals(pty.size, { columns: 132, rows: 43 });
});

ptyTest("Pty.raw lets every byte through both ways, and the former settings come back", async () => {
  await using pty = spawnPty(script("echo ready; head -c 4 | od -An -tx1; echo go; read line; echo [$line]"));
  await pty.waitFor("ready");
  {
    using _raw = pty.raw();
    await pty.send(new Uint8Array([3, 4, 13, 0]));
    await pty.waitFor("03 04 0d 00");
    await pty.waitFor("go");
  }
  await pty.send("x\x7fy\n");
  await pty.waitFor("[y]");
});

ptyTest("Pty.readable has every byte, also of an end that nobody waited for", async () => {
  await using pty = spawnPty(script("stty -opost; read go; seq 200000; printf end"));
  const { readable } = pty;
  const text = new Response(readable).text();
  await pty.send("\n");
  const expected = Array.from({ length: 200_000 }, (_, index) => `${index + 1}\n`).join("") + "end";
  assertEquals((await text).slice(-expected.length) === expected, true);
  assertEquals(await pty.child.status, { kind: "exited", code: 0 });
});

ptyTest("Pty.readable that nobody reads holds the program up; cancelled, it lets it go on", async () => {
  await using pty = spawnPty(script("seq 100000; echo over"));
  const { readable } = pty;
  await assertRejects(() => pty.waitFor("over", { timeoutMs: 50 }), DOMException, "timed out");
  await readable.cancel();
  await pty.waitFor("over");
});

ptyTest("disposing of a Pty hangs up: the program's session hears of it, and the program is ended", async () => {
  const pty = spawnPty(script("trap 'exit 7' HUP; echo ready; while :; do sleep 0.01; done"));
  await pty.waitFor("ready");
  await pty[Symbol.asyncDispose]();
  assertEquals(await pty.child.status, { kind: "exited", code: 7 });
  const stubborn = spawnPty(
    command("sh", ["-c", "trap '' HUP TERM; echo ready; while :; do sleep 0.01; done"], { graceMs: 50 }),
  );
  await stubborn.waitFor("ready");
  await stubborn[Symbol.asyncDispose]();
  assertEquals((await stubborn.child.status).kind, "signaled");
  await assertRejects(() => stubborn.send("x"), Error, "closed");
  assertThrows(() => stubborn.resize({ columns: 1, rows: 1 }), Error, "closed");
});

ptyTest("Pty.waitFor tells what came instead, at the end and after the time limit", async () => {
  await using pty = spawnPty(script("printf 'Login: '; read x; exit 3"));
  const late = await assertRejects(() => pty.waitFor("Password", { timeoutMs: 30 }), DOMException);
  assertStringIncludes(late.message, "Login: ");
  await pty.send("\n");
  await assertRejects(() => pty.waitFor("Password"), Deno.errors.UnexpectedEof, "sh ended without");
  assertEquals(await pty.child.status, { kind: "exited", code: 3 });
});

ptyTest("Pty.send gives up after the time limit when the program does not read", async () => {
  await using pty = spawnPty(script("stty raw -echo; echo ready; exec sleep 100"));
  await pty.waitFor("ready");
  await assertRejects(() => pty.send("x".repeat(1 << 20), { timeoutMs: 30 }), DOMException, "timed out");
});

ptyTest("spawnPty drives a program that draws its own prompt", async () => {
  await using pty = spawnPty(
    command("python3", ["-q", "-i", "-c", "import sys; sys.ps1 = '=> '"], { env: { PYTHON_BASIC_REPL: "1" } }),
  );
  await pty.waitFor("=> ");
  await pty.send("6 * 7\n");
  await pty.waitFor(/\r\n42\r\n/);
  // A key that is typed while the program sets the terminal up may be lost.
  await pty.waitFor("=> ");
  await pty.sendEnd();
  await pty.child.status;
});

ptyTest("spawnPty runs the command with its other options", async () => {
  await using pty = spawnPty(
    command("sh", ["-c", "umask; pwd; echo $A"], { umask: 0o027, cwd: "/usr", env: { A: "b" } }),
    { term: "dumb" },
  );
  await pty.waitFor("0027\r\n/usr\r\nb\r\n");
});

Deno.test("spawnPty refuses what cannot be, and leaves no terminal behind", async () => {
  await noLeaks(() => {
    // @ts-expect-error: not a command.
    assertThrows(() => spawnPty("true"), TypeError, 'takes a command, got "true"');
    assertThrows(() => spawnPty(command("true", [], { stdin: "null" })), TypeError, "must not set stdin");
    assertThrows(() => spawnPty(command("true", [], { group: "own" })), TypeError, "must not set group");
    assertThrows(() => spawnPty(command("true", [], { usage: true })), TypeError, "must not set usage");
    for (const columns of [0, -1, 1.5, 65536]) {
      assertThrows(() => spawnPty(command("true"), { columns }), RangeError, "columns must be an integer in 1..65535");
    }
    assertThrows(() => spawnPty(command("no-such-program")), Error, "ENOENT");
    return Promise.resolve();
  });
});
