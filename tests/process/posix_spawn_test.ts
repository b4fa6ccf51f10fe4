/** What only `posix_spawn(3)` can do, and that a child started by it is like any other. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import {
  ClosedError,
  command,
  type CommandOptions,
  type Movable,
  moveDescriptor,
  pipe,
  PosixError,
} from "../../mod.ts";
import { setBlocked } from "../../lib/signal/thread_masks.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const SECOND = 1000;
const fixture = (name: string) => fromFileUrl(new URL(`../fixtures/${name}.ts`, import.meta.url));
const encode = (text: string) => new TextEncoder().encode(text);

/** An option that changes nothing but the launcher. */
const POSIX: CommandOptions = { group: "own" };

Deno.test("argv0 is what the program sees as its own name", async () => {
  assertEquals(await command("sh", ["-c", "echo $0"], { argv0: "fancy" }).text(), "fancy");
});

Deno.test("group: the child leads a group, or a session, of its own, or is in ours", async () => {
  const ids = async (group: "inherit" | "own" | "session") => {
    const words = (await command("sh", ["-c", "echo $$; cat /proc/$$/stat"], { group }).text()).split("\n");
    const [pid, fields] = [Number(words[0]), words[1]!.slice(words[1]!.lastIndexOf(")") + 2).split(" ").map(Number)];
    return { leadsGroup: fields[2] === pid, leadsSession: fields[3] === pid };
  };
  assertEquals(await ids("inherit"), { leadsGroup: false, leadsSession: false });
  assertEquals(await ids("own"), { leadsGroup: true, leadsSession: false });
  assertEquals(await ids("session"), { leadsGroup: true, leadsSession: true });
});

Deno.test("descriptors above 2 are mapped, swapped and shifted as asked, and the child has no others", async () => {
  // The child's numbers are a permutation of ours, so that every dup2 could overwrite the source of another. Each pipe holds its place.
  const pipes = Array.from({ length: 5 }, (_, index) => {
    const before = openNumbers();
    const { reader, writer } = pipe();
    const [raw = 0] = openNumbers().filter((number) => !before.includes(number));
    writer.writeSync(encode(String(index)));
    writer.close();
    return { reader, raw };
  });
  const raws = pipes.map(({ raw }) => raw);
  const numbers = [raws[1]!, raws[0]!, raws[3]!, raws[4]!, raws[2]!];
  const descriptors = Object.fromEntries(numbers.map((number, index) => [number, pipes[index]!.reader]));
  const script = 'for n; do cat "/dev/fd/$n"; done; ls /proc/self/fd >&2';
  const { stdout, stderr } = await command("sh", ["-c", script, "sh", ...numbers.map(String)], { descriptors })
    .output();
  assertEquals(stdout, "01234");
  const seen = stderr.trim().split("\n").map(Number);
  const expected = [0, 1, 2, ...numbers];
  assertEquals(seen.filter((number) => expected.includes(number)).sort(byValue), expected.sort(byValue));
  assertEquals(seen.length, expected.length + 1, "and the directory that ls reads");
  for (const { reader } of pipes) assertThrows(() => reader.tryRead(new Uint8Array(1)), ClosedError);
});

Deno.test("descriptors 3 to 9 can be given, and used by a shell", async () => {
  const ends = Array.from({ length: 7 }, () => pipe());
  const descriptors = Object.fromEntries(ends.map(({ writer }, index) => [3 + index, writer]));
  await command("sh", ["-c", 'for n in 3 4 5 6 7 8 9; do eval "echo $n >&$n"; done'], { descriptors }).output();
  for (const [index, { reader }] of ends.entries()) {
    assertEquals(await new Response(reader.readable).text(), `${3 + index}\n`);
  }
});

const byValue = (left: number, right: number) => left - right;

function openNumbers(): number[] {
  return [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => Number(name)).sort(byValue);
}

Deno.test("inherit gives descriptors the lowest free numbers, and tells the child in its variables", async () => {
  const [first, second, third] = [pipe(), pipe(), pipe()];
  for (const { writer } of [second, third]) writer.close();
  first.writer.writeSync(encode("taken"));
  first.writer.close();
  const give = (end: Movable, name: string) => ({
    descriptors: [end[moveDescriptor]()],
    env: { [name]: "fd:{0}", [`${name}_PLAIN`]: "{1} stays" },
  });
  const text = await command("sh", ["-c", 'cat <&4; echo " $A $B $A_PLAIN"'], {
    descriptors: { 4: first.reader },
    inherit: [give(second.reader, "A"), give(third.reader, "B")],
  }).text();
  assertEquals(text, "taken fd:3 fd:5 {1} stays");
});

Deno.test("a child by posix_spawn has an empty signal mask and SIGPIPE at its default, whatever this thread blocks", async () => {
  setBlocked(10, true);
  try {
    const status = await command("cat", ["/proc/self/status"], POSIX).text();
    const mask = (name: string) => BigInt("0x" + (new RegExp(`^${name}:\\s*(\\w+)$`, "m").exec(status)?.[1] ?? "x"));
    assertEquals(mask("SigBlk"), 0n);
    assertEquals(mask("SigIgn") & (1n << 12n), 0n, "SIGPIPE is not ignored");
  } finally {
    setBlocked(10, false);
  }
});

Deno.test("a child by posix_spawn reports every code, and death by every signal of 1..31 and 34..64", async () => {
  for (const code of [0, 1, 127, 128, 255]) {
    assertEquals(await command("sh", ["-c", `exit ${code}`], POSIX).status(), { kind: "exited", code });
  }
  const harmless = [17, 18, 19, 20, 21, 22, 23, 28];
  const deadly = [...Array.from({ length: 31 }, (_, n) => n + 1), ...Array.from({ length: 31 }, (_, n) => n + 34)]
    .filter((number) => !harmless.includes(number));
  for (const number of deadly) {
    const status = await command("sh", ["-c", `ulimit -c 0; kill -${number} $$`], POSIX).status();
    assert(status.kind === "signaled", `signal ${number}: ${JSON.stringify(status)}`);
    assertEquals(status.number, number);
  }
});

Deno.test("posix_spawn reports what cannot be started as Deno.Command does", async (t) => {
  const cases: [name: string, program: string, options: CommandOptions, code: string, syscall: string][] = [
    ["missing name", "no-such-program", {}, "ENOENT", "execve"],
    ["missing path", "/no/such/program", {}, "ENOENT", "execve"],
    ["missing directory", "true", { cwd: "/no/such" }, "ENOENT", "chdir"],
    ["file as directory", "true", { cwd: "/etc/passwd" }, "ENOTDIR", "chdir"],
    ["not executable", "/etc/passwd", {}, "EACCES", "execve"],
    ["a directory", "/tmp", {}, "EACCES", "execve"],
  ];
  for (const [name, program, options, code, syscall] of cases) {
    for (const more of [POSIX, { umask: 0o22 }]) {
      await t.step(`${name}, ${Object.keys(more)[0]}`, async () => {
        await noLeaks(async () => {
          const error = await assertRejects(() => command(program, [], { ...more, ...options }).output(), PosixError);
          assertEquals([error.code, error.syscall], [code, syscall]);
        });
      });
    }
  }
  await t.step("too many arguments", async () => {
    const error = await assertRejects(() => command("true", ["x".repeat(3_000_000)], POSIX).output(), PosixError);
    assertEquals([error.code, error.target], ["E2BIG", "/usr/bin/true"]);
  });
});

Deno.test("20 MB go through a child by posix_spawn, and 5 MB come out on each side", async () => {
  const bytes = new Uint8Array(20_000_000).map((_, index) => index % 251);
  const digest = async (data: Uint8Array<ArrayBuffer>) => new Uint8Array(await crypto.subtle.digest("SHA-256", data));
  const back = await watchdog(60 * SECOND, command("cat", [], { stdin: bytes, ...POSIX }).bytes());
  assertEquals(await digest(back), await digest(bytes));
  assertEquals(await watchdog(60 * SECOND, command("true", [], { stdin: bytes, ...POSIX }).text()), "");
  const script = "head -c 5000000 /dev/zero & head -c 5000000 /dev/zero >&2; wait";
  const result = await watchdog(60 * SECOND, command("sh", ["-c", script], POSIX).output());
  assertEquals([result.stdoutBytes.byteLength, result.stderrBytes.byteLength], [5_000_000, 5_000_000]);
});

Deno.test("children by posix_spawn that nobody awaits leave no zombie and no descriptor", async () => {
  await noLeaks(async () => {
    const children = Array.from({ length: 200 }, () => command("true", [], POSIX).spawn());
    await Promise.all(children.map((child) => child.exited));
  });
});

Deno.test("a child by posix_spawn can be killed, once, and is left in peace after", async () => {
  await using child = command("sleep", ["1000"], POSIX).spawn();
  assertEquals(child.kill("SIGUSR1"), true);
  assertEquals(await child.status, { kind: "signaled", signal: "SIGUSR1", number: 10 });
  assertEquals([child.kill("SIGKILL"), child.killGroup("SIGKILL"), child.alive], [false, false, false]);
});

Deno.test("Child.unref() lets this process end before a child by posix_spawn, and ref() takes it back", async () => {
  for (const [args, printed] of [[["unref"], "started\n"], [["unref", "ref"], "started\nended\n"]] as const) {
    const options: CommandOptions = { stdin: "piped", stdout: "piped" };
    const program = command(Deno.execPath(), ["run", "-A", fixture("process_unref"), ...args], options).spawn();
    const reader = program.stdout.getReader();
    let text = "";
    while (text !== "started\n") text += new TextDecoder().decode((await watchdog(60 * SECOND, reader.read())).value);
    // Its child still waits for the end of its input: so it ends now, or not before.
    if (args.length === 1) await watchdog(60 * SECOND, program.status);
    else await new Promise((resolve) => setTimeout(resolve, 300));
    assertEquals(program.alive, args.length > 1);
    await program.stdin.close();
    assertEquals(await watchdog(60 * SECOND, program.status), { kind: "exited", code: 0 });
    for (let part = await reader.read(); !part.done; part = await reader.read()) {
      text += new TextDecoder().decode(part.value);
    }
    assertEquals(text, printed);
  }
});

Deno.test("a PATH for the child is where its program is searched, and an empty element is nowhere", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/own-tool`, "#!/bin/sh\necho own\n", { mode: 0o755 });
    const env = (path: string) => ({ ...POSIX, env: { PATH: path }, cwd: directory });
    assertEquals(await command("own-tool", [], env(`/no/such:${directory}:/bin`)).text(), "own");
    for (const path of [":/usr/bin", "/usr/bin:", ""]) {
      await assertRejects(() => command("own-tool", [], env(path)).text(), PosixError, "ENOENT");
    }
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("variables are inherited byte for byte, set, removed and cleared by posix_spawn too", async () => {
  Deno.env.set("CAUSEWAY_TEST", "outer");
  try {
    const show = ["-c", 'echo "${CAUSEWAY_TEST-unset} ${NEW-unset}"'];
    assertEquals(await command("sh", show, POSIX).text(), "outer unset");
    assertEquals(await command("sh", show, { ...POSIX, env: { NEW: "x" } }).text(), "outer x");
    assertEquals(await command("sh", show, { ...POSIX, env: { CAUSEWAY_TEST: undefined } }).text(), "unset unset");
    const cleared = { ...POSIX, clearEnv: true, env: { "odd.name": "ü" } };
    assertEquals(await command("/usr/bin/env", [], cleared).text(), "odd.name=ü");
  } finally {
    Deno.env.delete("CAUSEWAY_TEST");
  }
});

Deno.test("no descriptors left: EMFILE, whichever call has none, and nothing half-open stays", async () => {
  const through = ["--nofile=64:64", Deno.execPath(), "run", "-A", fixture("process_out_of_descriptors")];
  const text = await watchdog(60 * SECOND, command("prlimit", through, { stderr: "inherit" }).text());
  assertEquals(text, "ok");
});

Deno.test("what needs posix_spawn says so without --allow-ffi, before anything starts", async () => {
  const script = `import { command } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    try { command("true", [], { argv0: "x", umask: 0 }).spawn(); } catch (error) { console.log(error.message); }`;
  const deno = command(Deno.execPath(), ["run", "--no-prompt", "--allow-run", "-"], { stdin: { text: script } });
  const text = await deno.text();
  assertEquals(text, "Starting a program with argv0, umask requires ffi access, run again with the --allow-ffi flag");
});

Deno.test("posix_spawn asks for --allow-run of the program, which --allow-ffi does not replace", async () => {
  const script = `import { command } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    for (const [name, options] of [["true", {}], ["echo", {}], ["true", { env: { LD_PRELOAD: "x" } }]]) {
      try { command(name, [], { argv0: "x", ...options }).spawn(); console.log("started"); }
      catch (error) { console.log(error.name); }
    }`;
  const flags = ["run", "--no-prompt", "--allow-ffi", "--allow-run=true", "-"];
  const text = await command(Deno.execPath(), flags, { stdin: { text: script } }).text();
  assertEquals(text, "started\nNotCapable\nNotCapable");
});

Deno.test("a descriptor number above the limit says so, and nothing is left", async () => {
  await noLeaks(() => {
    const { reader, writer } = pipe();
    writer.close();
    const run = command("true", [], { descriptors: { 1_048_575: reader } });
    assertThrows(() => run.spawn(), PosixError, "above RLIMIT_NOFILE");
  });
});
