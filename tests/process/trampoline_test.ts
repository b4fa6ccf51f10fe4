// Needs: perl, strace, root
import { assert, assertEquals, assertGreater, assertLess, assertRejects, assertThrows } from "@std/assert";
import { command, type CommandOptions, type Limits, pipe, pipeline } from "../../mod.ts";
import { SCRIPT } from "../../lib/process/trampoline.ts";
import { platform } from "../../lib/sys/platform.ts";
import { noLeaks } from "../helpers/leaks.ts";

const NOBODY = 65534;

Deno.test("umask, nice and limits are the child's, and not ours", async () => {
  const own = Deno.readTextFileSync("/proc/self/limits");
  const script = "umask; nice; ulimit -n; ulimit -Hn; ulimit -f; ulimit -c; ulimit -t";
  const options: CommandOptions = {
    umask: 0o027,
    nice: 7,
    limits: { nofile: [100, 200], fsize: 1024, core: 0, cpu: Infinity },
  };
  assertEquals(await command("sh", ["-c", script], options).linesSync(), [
    "0027",
    "7",
    "100",
    "200",
    "2",
    "0",
    "unlimited",
  ]);
  assertEquals(Deno.readTextFileSync("/proc/self/limits"), own);
});

Deno.test("every limit arrives, by its number", async () => {
  const text = (limits: Limits) => command("cat", ["/proc/self/limits"], { limits }).text();
  const cases: [name: keyof Limits, row: RegExp][] = [
    ["as", /^Max address space +99000001 +99000002 /m],
    ["core", /^Max core file size +99000001 +99000002 /m],
    ["cpu", /^Max cpu time +99000001 +99000002 /m],
    ["data", /^Max data size +99000001 +99000002 /m],
    ["fsize", /^Max file size +99000001 +99000002 /m],
    ["sigpending", /^Max pending signals +1001 +1002 /m],
    ["msgqueue", /^Max msgqueue size +1001 +1002 /m],
    ["nproc", /^Max processes +1001 +1002 /m],
    ["nofile", /^Max open files +1001 +1002 /m],
    ["memlock", /^Max locked memory +1001 +1002 /m],
    ["stack", /^Max stack size +99000001 +99000002 /m],
    ["rttime", /^Max realtime timeout +1001 +1002 /m],
    ["nice", /^Max nice priority +0 +0 /m],
    ["rtprio", /^Max realtime priority +0 +0 /m],
  ];
  for (const [name, row] of cases) {
    const [soft, hard] = row.source.includes("99000001")
      ? [99_000_001, 99_000_002]
      : row.source.includes("+0 +0")
      ? [0, 0]
      : [1001, 1002];
    assert(row.test(await text({ [name]: [soft, hard] })), name);
  }
});

Deno.test("uid, gid and groups are the child's, by either launcher, and root's groups are gone", async () => {
  const id = (options: CommandOptions) =>
    command("sh", ["-c", "id -u; id -g; id -G"], options).linesSync().map((line) => line.split(" ").map(Number));
  for (const more of [{}, { nice: 0 }]) {
    assertEquals(id({ ...more, uid: NOBODY, gid: NOBODY }), [[NOBODY], [NOBODY], [NOBODY]]);
    const asynchronous = await command("id", ["-G"], { ...more, uid: NOBODY, gid: NOBODY }).text();
    assertEquals(asynchronous, String(NOBODY));
  }
  assertEquals(id({ uid: NOBODY, gid: NOBODY, groups: [5, 6] }), [[NOBODY], [NOBODY], [NOBODY, 5, 6]]);
  assertEquals(id({ gid: 7, groups: [] })[2], [7]);
  // Saved ids as well: there is no way back.
  const status = await command("cat", ["/proc/self/status"], { uid: NOBODY, gid: NOBODY, umask: 0 }).text();
  assertEquals(/^Uid:\t(.*)$/m.exec(status)?.[1], Array(4).fill(NOBODY).join("\t"));
  assertEquals(/^Gid:\t(.*)$/m.exec(status)?.[1], Array(4).fill(NOBODY).join("\t"));
});

Deno.test("a step of the trampoline that fails is named, and nothing is left", async () => {
  await noLeaks(async () => {
    // As nobody, in a child of this test, because root may do all of it.
    const script = `import { command, PosixError } from ${
      JSON.stringify(new URL("../../mod.ts", import.meta.url).href)
    };
      for (const options of [{ nice: -5 }, { groups: [1] }, { gid: 1, umask: 0 }, { uid: 1, umask: 0 }, { limits: { nofile: [1, 9e9] } }]) {
        try { command("true", [], options).spawn(); } catch (error) {
          console.log(error instanceof PosixError, error.code, error.syscall, error.target);
        }
      }`;
    const path = await Deno.makeTempFile({ dir: "/tmp", suffix: ".ts" });
    const cache = await Deno.makeTempDir({ dir: "/tmp" });
    try {
      await Deno.writeTextFile(path, script);
      const bundle = command(Deno.execPath(), ["bundle", "--quiet", "-o", `${cache}/a.js`, path]);
      await bundle.output();
      await Deno.chmod(cache, 0o777);
      const args = ["run", "-A", "--quiet", "--no-config", `${cache}/a.js`];
      const options = {
        uid: NOBODY,
        gid: NOBODY,
        cwd: cache,
        clearEnv: true,
        env: { HOME: cache, PATH: "/usr/bin:/bin" },
      };
      assertEquals(await command(Deno.execPath(), args, options).linesSync(), [
        "true EACCES setpriority -5",
        "true EPERM setgroups 1",
        "true EPERM setresgid 1",
        "true EPERM setgroups none",
        "true EPERM prlimit /usr/bin/true",
      ]);
    } finally {
      await Deno.remove(path);
      await Deno.remove(cache, { recursive: true });
    }
  });
});

Deno.test("values never become part of a script, and the trampoline leaves no trace in the child", async () => {
  const words = ["; rm -rf /", "$(x)", "`x`", "'", '"', "\n", "-e", "--", "", "ü", "\\", "@ARGV", "${x}"];
  const script = 'for word; do printf "%s\\0" "$word"; done';
  const { stdout } = await command("sh", ["-c", script, "sh", ...words], { umask: 0 }).output();
  assertEquals(stdout.split("\0").slice(0, -1), words);
  const plain = await command("cat", ["/proc/self/status"], { group: "own" }).text();
  const through = await command("cat", ["/proc/self/status"], { group: "own", umask: 0o22 }).text();
  const signals = (status: string) => status.match(/^Sig(Blk|Ign|Cgt):.*$/gm);
  assertEquals(signals(through)?.[0], signals(plain)?.[0]);
  // posix_spawn leaves glibc's own two signals ignored; the trampoline, no more than those.
  assertEquals(signals(through)?.[1], signals(plain)?.[1]);
  const fds = await command("ls", ["/proc/self/fd"], { umask: 0 }).linesSync();
  assertEquals(fds, ["0", "1", "2", "3"]);
});

Deno.test("variables meant for the child do not act on the trampoline, and are not seen by ps", async () => {
  const directory = await Deno.makeTempDir();
  try {
    // If Perl obeyed it, it would leave a file.
    const env = { PERL5OPT: "-Mevil", PERL5LIB: directory, SECRET: "hush", "odd.name": "kept" };
    await Deno.writeTextFile(`${directory}/evil.pm`, `open(my $f, '>', '${directory}/acted'); 1;`);
    const trace = `${directory}/trace`;
    const run = new URL("../fixtures/process_secret.ts", import.meta.url);
    const traced = [
      "-f",
      "-o",
      trace,
      "-e",
      "trace=execve",
      "-s",
      "10000",
      "-v",
      Deno.execPath(),
      "run",
      "-A",
      run.pathname,
    ];
    const text = await command("strace", traced, { env }).text();
    assertEquals(text.split("\n").filter((line) => /SECRET|odd/.test(line)).sort(), ["SECRET=hush", "odd.name=kept"]);
    const calls = (await Deno.readTextFile(trace)).split("\n").filter((line) => line.includes("causeway-exec"));
    assertEquals(calls.length, 1, "the trampoline was started once");
    assert(!/hush|PERL5OPT/.test(calls[0] ?? "hush"), calls[0]);
    await assertRejects(() => Deno.stat(`${directory}/acted`), Deno.errors.NotFound);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("the trampoline does not start a program with half of its variables, when this process dies meanwhile", async () => {
  const run = async (variables: string): Promise<[text: string, report: string, status: unknown]> => {
    const [report, sent] = [pipe(), pipe()];
    const numbers = [3, 4, platform().SYS.execve, 0].map(String);
    const child = command("perl", ["-f", "-e", SCRIPT, "--", ...numbers, "/usr/bin/env", "env"], {
      descriptors: { 3: report.writer, 4: sent.reader },
      stdout: "piped",
    }).spawn();
    await sent.writer.write(new TextEncoder().encode(variables));
    sent.writer.close();
    const [text, failure] = [
      await new Response(child.stdout).text(),
      await new Response(report.reader.readable).text(),
    ];
    return [text, failure, await child.status];
  };
  const [code0, code127] = [0, 127].map((code) => ({ kind: "exited", code }) as const);
  assertEquals(await run("A=1\0B=2\0\0"), ["A=1\nB=2\n", "", code0]);
  assertEquals(await run("\0"), ["", "", code0]);
  for (const cut of ["", "A=1", "A=1\0", "A=1\0B=2\0"]) {
    assertEquals(await run(cut), ["", "", code127], JSON.stringify(cut));
  }
});

Deno.test("usage tells CPU time and memory of the child, without this process's own", async () => {
  const busy = "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done";
  const { stages: [stage] } = await command("sh", ["-c", busy], { usage: true }).output();
  assertGreater(stage!.usage!.userMs, 10);
  assertLess(stage!.usage!.maxRssBytes, 20_000_000, "a Deno has more, and a shell has less");
  const memory = command("perl", ["-e", "my $x = 'x' x 100_000_000;"], { usage: true, group: "own" });
  const child = memory.spawn();
  await child.status;
  assertGreater(child.usage!.maxRssBytes, 100_000_000);
  assertGreater(memory.outputSync().stages[0]!.usage!.maxRssBytes, 100_000_000);
  assertEquals((await command("true").output()).stages[0]!.usage, undefined);
  const both = pipeline(["echo", "x"], ["cat"]).with({ usage: true, lifeline: true });
  for (const { stages } of [await both.output(), both.outputSync()]) {
    assertEquals(stages.map(({ usage }) => usage !== undefined && usage.maxRssBytes > 0), [true, true]);
  }
});

Deno.test("command() refuses identities and limits that are none, before anything runs", () => {
  const refused: [options: CommandOptions, error: typeof TypeError | typeof RangeError, message: string][] = [
    [{ uid: -1 }, RangeError, "uid"],
    [{ gid: 2 ** 32 - 1 }, RangeError, "gid"],
    [{ groups: [1.5] }, RangeError, "groups"],
    [{ umask: 0o1000 }, RangeError, "umask"],
    [{ nice: 20 }, RangeError, "nice"],
    [{ limits: { nofile: -1 } }, RangeError, "nofile"],
    [{ limits: { nofile: [2, 1] } }, RangeError, "soft (2)"],
    [{ limits: { nofiles: 1 } as Limits }, TypeError, "No such limit: nofiles"],
    [{ argv0: "a\0" }, TypeError, "argv0"],
    [{ group: "mine" as "own" }, TypeError, "group"],
    [{ descriptors: { 2: 1 } as never }, RangeError, "3..1048575"],
    [{ maxOutputBytes: -1 }, RangeError, "maxOutputBytes"],
  ];
  for (const [options, error, message] of refused) assertThrows(() => command("true", [], options), error, message);
  assertThrows(() => command("true", [], { stdin: "words" as "null" }), TypeError, "for a text say { text }");
  assertThrows(() => command("true", [], { stdout: "/tmp/x" as "null" }), TypeError, "for a file say { file }");
  assertThrows(() => command("true", [], { stdout: [] }), TypeError, "empty list");
  assertThrows(() => command("true", [], { stdout: "stderr", stderr: "stdout" }), TypeError, "where the other goes");
});
