// Needs: perl
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { type Child, command, type CommandOptions, pipeline, spawnPty, type Status } from "../../mod.ts";
import { until } from "../helpers/patience.ts";
import { isThere } from "../helpers/processes.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { commandLine, FULL } from "./causeway.ts";

const LIMIT = 60_000;

/** A directory with a description, and a runtime directory of its own. */
class Place implements AsyncDisposable {
  readonly directory = Deno.realPathSync(Deno.makeTempDirSync());

  constructor(files: Record<string, string>) {
    for (const [name, text] of Object.entries(files)) Deno.writeTextFileSync(`${this.directory}/${name}`, text);
    Deno.mkdirSync(`${this.directory}/runtime`, { mode: 0o700 });
  }

  options(env: Record<string, string> = {}): CommandOptions {
    return { cwd: this.directory, env: { XDG_RUNTIME_DIR: `${this.directory}/runtime`, NO_COLOR: "1", ...env } };
  }

  words(...args: string[]): [string, ...string[]] {
    return commandLine(["up", ...args], FULL);
  }

  /** Runs `causeway up` to its end. */
  async up(...args: string[]): Promise<{ code: number | string; stdout: string; stderr: string }> {
    const [program, ...words] = this.words(...args);
    const { status, stdout, stderr } = await watchdog(
      LIMIT,
      command(program, words, this.options()).unchecked().output(),
    );
    return { code: codeOf(status), stdout, stderr };
  }

  /** Starts `causeway up`. */
  start(...args: string[]): Running {
    const [program, ...words] = this.words(...args);
    return new Running(command(program, words, { ...this.options(), stdout: "piped", stderr: "inherit" }).spawn());
  }

  path(name: string): string {
    return `${this.directory}/${name}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Deno.remove(this.directory, { recursive: true });
  }
}

/** A `causeway up` that runs, and what it has printed. */
class Running implements AsyncDisposable {
  readonly child: Child;
  readonly lines: string[] = [];
  readonly #over: Promise<void>;
  readonly #looks = new Set<() => void>();

  constructor(child: Child) {
    this.child = child;
    this.#over = this.#read();
  }

  /** Waits for so many lines that hold a text. */
  async seen(text: string, times = 1): Promise<void> {
    await watchdog(
      LIMIT,
      new Promise<void>((resolve) => {
        const look = () => {
          if (this.lines.filter((line) => line.includes(text)).length < times) return;
          this.#looks.delete(look);
          resolve();
        };
        this.#looks.add(look);
        look();
      }),
    );
  }

  async end(): Promise<number | string> {
    const status = await watchdog(LIMIT, this.child.status);
    await this.#over;
    return codeOf(status);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
  }

  async #read(): Promise<void> {
    let open = "";
    for await (
      const chunk of this.child.stdout.pipeThrough(
        new TextDecoderStream() as TransformStream<Uint8Array<ArrayBuffer>, string>,
      )
    ) {
      const lines = (open + chunk).split("\n");
      open = lines.pop() ?? "";
      this.lines.push(...lines);
      for (const look of [...this.#looks]) look();
    }
  }
}

const codeOf = (status: Status) => status.kind === "exited" ? status.code : status.signal;

async function areGone(pids: readonly number[]): Promise<void> {
  assert(pids.length > 0);
  await until(() => !pids.some(isThere));
}

/** Pids that services have printed behind a word. */
const pidsIn = (lines: readonly string[], word = "pid") =>
  lines.flatMap((line) => [...line.matchAll(new RegExp(`${word} (\\d+)`, "g"))].map(([, pid]) => Number(pid)));

const json = (value: unknown) => JSON.stringify(value);
const SERVE = ["sh", "-c", "echo up; exec sleep 1000"];
const UP = { line: "up" };

Deno.test("causeway up: one log with padded names, whole lines, escaped control characters, and the exit code of who ended it", async () => {
  await using place = new Place({
    Procfile: `
# a comment
steady: sh -c 'echo "from steady"; exec sleep 1000'
b: sh -c 'printf "\\033[31mred\\n"; echo oops >&2; printf "no end"; read never; exit 3' < go
`,
  });
  await command("mkfifo", [place.path("go")]).output();
  await using up = place.start();
  // It waits in open(2) until somebody writes: only then it starts, and at the end of file it ends.
  const gate = await watchdog(LIMIT, Deno.open(place.path("go"), { write: true }));
  await up.seen("from steady");
  gate.close();
  assertEquals(await up.end(), 3);
  const said = up.lines.filter((line) => !line.startsWith("causeway |"));
  assertEquals(said.filter((line) => line.startsWith("steady")), ["steady   | from steady"]);
  assertEquals(said.filter((line) => line.startsWith("b ")).sort(), [
    "b        | \\e[31mred",
    "b        | no end",
    "b        | oops",
  ]);
  assert(up.lines.includes("causeway | b has failed: exited with code 3"));
  assertMatch(up.lines.at(-1)!, /^causeway \| steady was killed by SIGTERM/);
});

Deno.test("causeway up: lines of several services never interleave", async () => {
  const count = 5000;
  const script = (mark: string) =>
    `i=0; while [ $i -lt ${count} ]; do printf ${mark}; echo ${mark}$i; i=$((i+1)); done`;
  await using place = new Place({
    "causeway.json": json({
      services: { a: { command: ["sh", "-c", script("a")] }, b: { command: ["sh", "-c", script("b")] } },
    }),
  });
  const { code, stdout } = await place.up();
  assertEquals(code, 0);
  const lines = stdout.split("\n").filter((line) => /^[ab] /.test(line));
  assertEquals(lines.length, 2 * count);
  for (const line of lines) assertMatch(line, /^(a {8}\| aa\d+|b {8}\| bb\d+)$/);
});

Deno.test("causeway up --json prints one object a line; --no-prefix and --raw the lines alone", async () => {
  await using place = new Place({ Procfile: "a: sh -c 'printf \"\\033[1mhi\\n\"; exit 4'\n" });
  const events = (await place.up("--json")).stdout.trim().split("\n").map((line) => JSON.parse(line));
  for (const { time } of events) assertMatch(time, /^\d{4}-\d\d-\d\dT/);
  const kinds = events.map(({ kind }) => kind);
  assertEquals(kinds.filter((kind) => kind !== "service.line" && !/ready$/.test(kind)), [
    "service.start",
    "service.exit",
    "service.failed",
    "supervisor.stopping",
  ]);
  const { time: _, ...line } = events.find(({ kind }) => kind === "service.line");
  assertEquals(line, { kind: "service.line", name: "a", stream: "stdout", text: "\x1b[1mhi" });
  const failed = events.find(({ kind }) => kind === "service.failed");
  assertEquals([failed.error, failed.status], ['Service "a" exited with code 4', { kind: "exited", code: 4 }]);
  const plain = await place.up("--no-prefix", "--raw");
  assertEquals([plain.code, plain.stdout], [4, "\x1b[1mhi\n"]);
  assertStringIncludes(plain.stderr, "causeway: up: a has failed: exited with code 4\n");
});

Deno.test("causeway up NAME starts it and what it needs, in order; --only nothing else", async () => {
  const services = {
    web: { command: "sh -c 'echo web $0; exit 0' x", needs: ["db"] },
    db: { command: SERVE, ready: UP },
    extra: { command: SERVE },
  };
  await using place = new Place({ "dev.json": json({ services }) });
  await using up = place.start("dev.json", "web");
  await up.seen("web exited with code 0");
  await up.seen("all services are ready");
  const started = up.lines.flatMap((line) => /^causeway \| (\w+) (?:started|is ready)/.exec(line)?.[1] ?? []);
  assertEquals(started, ["db", "db", "web"]);
  up.child.kill("SIGTERM");
  assertEquals(await up.end(), "SIGTERM");
  const alone = await place.up("-f", "dev.json", "--only", "web");
  assertEquals(alone.code, 0);
  assert(!alone.stdout.includes("db"));
  const wrong = await place.up("dev.json", "wbe");
  assertEquals([wrong.code, wrong.stderr], [2, 'causeway: up: there is no service "wbe": there are web, db, extra\n']);
});

Deno.test("causeway up reads Procfile, causeway.json, causeway.ts in this order, and modules only by their ending", async () => {
  const module = "export default { services: { a: { command: ['echo', 'from a module'] } } };\n";
  await using place = new Place({
    "causeway.ts": module,
    "causeway.json": json({ services: { a: { command: "echo 'from JSON'" } } }),
    Procfile: "a: echo 'from a Procfile'\n",
    plain: module,
  });
  for (
    const [name, said] of [["Procfile", "a Procfile"], ["causeway.json", "JSON"], ["causeway.ts", "a module"]] as const
  ) {
    const { code, stdout } = await place.up();
    assertEquals(code, 0);
    assertStringIncludes(stdout, `| from ${said}\n`);
    await Deno.remove(place.path(name));
  }
  const none = await place.up();
  assertEquals([none.code, none.stdout], [2, ""]);
  assertStringIncludes(none.stderr, "no Procfile");
  assertEquals((await place.up("./plain")).code, 1);
});

Deno.test("causeway up runs a module that makes commands itself", async () => {
  const library = new URL("../../mod.ts", import.meta.url).href;
  await using place = new Place({
    "services.ts": `
      import { command } from ${json(library)};
      let starts = 0;
      export default {
        services: {
          a: {
            command: () => command("sh", ["-c", "echo start $0 $ADDED; exit 1", String(++starts)], { env: { ADDED: "own" } }),
            ready: { line: /^start 2/ },
            env: { ADDED: "added" },
            restart: { delayMs: 1, maxStarts: 2 },
          },
        },
      };`,
  });
  const { code, stdout } = await place.up("services.ts");
  assertEquals(code, 1);
  assertEquals(stdout.match(/\| start .*/g), ["| start 1 added", "| start 2 added"]);
});

Deno.test("causeway up says which permission a port needs, and does not try again", async () => {
  const services = { a: { command: "sleep 1000", ready: { socket: 1 }, restart: "always" } };
  await using place = new Place({ "causeway.json": json({ services }) });
  const { code, stdout } = await place.up();
  assertEquals([code === 0, stdout.match(/a started/g)?.length], [false, 1]);
  assertStringIncludes(stdout, "--allow-net");
});

Deno.test("causeway up --env gives variables, a service's own come before; programs run beside the file", async () => {
  await using place = new Place({
    ".env": "# comment\nA=1\nexport B=\"two words\"\nC='$A'\n",
    "causeway.json": json({
      services: { a: { command: ["sh", "-c", 'echo "$A|$B|$C|$PWD"'], env: { A: "own" } } },
    }),
  });
  const { stdout } = await place.up("--env", ".env");
  assertStringIncludes(stdout, `| own|two words|$A|${place.directory}\n`);
});

Deno.test("causeway up says what is wrong with a description, and where", async () => {
  const one = (spec: unknown) => json({ services: { a: spec } });
  const cases: [name: string, text: string, message: RegExp][] = [
    ["Procfile", "a b: ls", /line 1: must be "name: command line"/],
    ["Procfile", "a: ls\na: ls", /line 2: there is a "a" already/],
    ["Procfile", "a: ls $HOME", /line 1: a: \$ does not expand variables.*sh -c/],
    ["Procfile", "a: ls | wc", /line 1: a: a service is one program/],
    ["Procfile", "a: ls && ls", /line 1: a: .*await one after the other/],
    ["Procfile", "# nothing", /at least one service/],
    ["x.json", "{", /JSON/],
    ["x.json", "{}", /services must be an object, got undefined/],
    ["x.json", one({}), /services\.a\.command is missing/],
    ["x.json", one({ command: [] }), /services\.a\.command must be a command line, or an array/],
    ["x.json", one({ command: "ls", comand: 1 }), /services\.a has an unknown field "comand"/],
    ["x.json", one({ command: "ls", env: { A: 1 } }), /services\.a\.env\.A must be a string, got 1/],
    [
      "x.json",
      one({ command: "ls", ready: { line: { pattern: "(" } } }),
      /services\.a\.ready\.line\.pattern: Invalid regular/,
    ],
    ["x.json", one({ command: "ls", ready: { timeoutMs: 1 } }), /"a": ready must be one of/],
    ["x.json", one({ command: "ls", restart: { maxStarts: "x" } }), /"a": restart\.maxStarts must be/],
    ["x.json", one({ command: "ls", needs: ["a"] }), /cycle: "a" → "a"/],
    ["x.ts", "export const x = 1;", /no default export/],
  ];
  for (const [name, text, message] of cases) {
    await using place = new Place({ [name]: text });
    const { code, stdout, stderr } = await place.up(name);
    assertEquals([text, code, stdout], [text, 1, ""]);
    assertMatch(stderr, /^causeway: up: [^\n]*\n$/);
    assertMatch(stderr, message);
  }
});

Deno.test("causeway up says which file it cannot read, and what a module threw", async () => {
  await using place = new Place({ Procfile: "a: ls\n", "throws.ts": 'throw new Error("not today");' });
  Deno.mkdirSync(`${place.directory}/directory`);
  const cases: [args: string[], message: RegExp][] = [
    [["--env", "none"], /^causeway: up: open failed on "none": No such file or directory \(ENOENT\)\n$/],
    [["-f", "directory"], /^causeway: up: open failed on "[^"]*\/directory": Is a directory \(EISDIR\)\n$/],
    [["throws.ts"], /^causeway: up: [^\n]*\/throws\.ts: not today\n$/],
  ];
  for (const [args, message] of cases) {
    const { code, stdout, stderr } = await place.up(...args);
    assertEquals([args, code, stdout], [args, 1, ""]);
    assertMatch(stderr, message);
  }
});

Deno.test("causeway up exits with 2 when it is called wrongly", async () => {
  await using place = new Place({ Procfile: "a: ls\n" });
  for (
    const args of [
      ["--frob"],
      ["--only"],
      ["--ctl", "frob"],
      ["--ctl", "start"],
      ["--ctl", "status", "a"],
      ["missing.json"],
      [
        "--json",
        "--no-prefix",
      ],
      ["--restart", "often"],
      ["--ctl", "stop", "a", "b"],
    ]
  ) {
    const { code, stdout, stderr } = await place.up(...args);
    assertEquals([args, code, stdout], [args, 2, ""]);
    assertMatch(stderr, /^causeway: up: [^\n]*\n$/);
  }
});

Deno.test("causeway up says what may have been meant by an option that does not exist", async () => {
  await using place = new Place({ Procfile: "a: ls\n" });
  for (
    const [args, line] of [
      [["--onyl"], 'unknown option "--onyl": did you mean "--only"?'],
      [["--telephone"], 'unknown option "--telephone": there are --file, --env, '],
      [["-x"], 'unknown option "-x": there are -f, --file, '],
      [["--env"], "--env needs a value"],
      [["--json=1"], "--json takes no value"],
    ] as const
  ) {
    const { code, stdout, stderr } = await place.up(...args);
    assertEquals([args, code, stdout], [args, 2, ""]);
    assertStringIncludes(stderr, `causeway: up: ${line}`);
  }
});

Deno.test("causeway up stops a service by its endSignal", async () => {
  const sleeper = (more: object) => ({ command: "sleep 1000", ...more });
  const services = {
    a: sleeper({ endSignal: "SIGUSR1" }),
    b: sleeper({}),
    c: { command: "sh -c 'exit 3'", restart: "never" },
  };
  await using place = new Place({
    "x.json": json({ services }),
    "wrong.json": json({ services: { a: sleeper({ endSignal: "USR1" }) } }),
  });
  const { code, stdout } = await place.up("x.json");
  assertEquals(code, 3);
  assertMatch(stdout, /\| a was killed by SIGUSR1 /);
  assertMatch(stdout, /\| b was killed by SIGTERM /);
  const wrong = await place.up("wrong.json");
  assertEquals(wrong.code, 1);
  assertStringIncludes(wrong.stderr, 'services.a.endSignal must be the name of a signal, got "USR1"');
});

Deno.test("causeway up exits with 127 for a program that is missing", async () => {
  await using place = new Place({ Procfile: "a: causeway-no-such-program\nb: sleep 1000\n" });
  assertEquals((await place.up()).code, 127);
});

Deno.test("causeway up --restart and --keep-going", async () => {
  const services = {
    a: { command: "sh -c 'echo tried; exit 5'", restart: { delayMs: 1, maxStarts: 2 } },
    b: { command: "sleep 1000" },
  };
  await using place = new Place({
    "causeway.json": json({ services }),
    Procfile: "a: sh -c 'exit 6'\nb: sleep 1000\n",
  });
  const stormy = await place.up("causeway.json");
  assertEquals([stormy.code, stormy.stdout.match(/\| tried/g)?.length], [5, 2]);
  assertStringIncludes(stormy.stdout, "a has failed: was started 2 times within 10000 ms");
  await using up = place.start("--keep-going", "Procfile");
  await up.seen("a has failed");
  await up.seen("b started");
  assertEquals((await place.up("Procfile", "--ctl", "stop")).code, 0);
  assertEquals(await up.end(), 6);
});

Deno.test("causeway up --ctl: status, stop, start, restart and logs from another process", async () => {
  const services = { db: { command: SERVE, ready: UP }, web: { command: SERVE, needs: ["db"], ready: UP } };
  await using place = new Place({ "causeway.json": json({ services }) });
  const nobody = await place.up("--ctl", "status");
  assertEquals([nobody.code, nobody.stderr], [1, `causeway: up: nobody runs ${place.path("causeway.json")}\n`]);
  await using up = place.start();
  await up.seen("all services are ready");
  const status = async () => JSON.parse((await place.up("--ctl", "status", "--json")).stdout);
  const before = await status();
  assertEquals([before.pid, before.file], [up.child.pid, place.path("causeway.json")]);
  assertEquals(before.services.map(({ name, state }: { name: string; state: string }) => `${name} ${state}`), [
    "db ready",
    "web ready",
  ]);
  const table = (await place.up("--ctl", "status")).stdout.split("\n");
  assertMatch(table[0]!, /^name +state +pid +restarts +uptime +last end$/);
  assertMatch(table[1]!, /^db +ready +\d+ +0 +\S+ \S+$/);

  using logs = spawnLogs(place);
  await logs.seen("web      | up");
  assertEquals(await place.up("--ctl", "restart", "web"), { code: 0, stdout: "", stderr: "" });
  await logs.seen("restart 1");
  const after = await status();
  assertEquals(after.services[0], { ...before.services[0], uptimeMs: after.services[0].uptimeMs });
  assert(after.services[1].pid !== before.services[1].pid);
  assertEquals([after.services[1].restarts, after.services[1].status.signal], [1, "SIGTERM"]);
  assertEquals((await place.up("--ctl", "stop", "web")).code, 0);
  assertEquals((await status()).services[1].state, "stopped");
  assertEquals((await place.up("--ctl", "start", "web")).code, 0);
  assertEquals((await status()).services[1].state, "ready");
  const wrong = await place.up("--ctl", "restart", "wbe");
  assertEquals([wrong.code, wrong.stderr], [1, 'causeway: up: There is no service "wbe": there are "db", "web"\n']);

  const second = await place.up();
  assertEquals(second.code, 1);
  assertStringIncludes(second.stderr, `is run by process ${up.child.pid} already`);
  assertEquals((await place.up("--ctl", "stop")).code, 0);
  assertEquals(await up.end(), 0);
  assertEquals(await logs.end(), 0);
  assertEquals([...Deno.readDirSync(place.path("runtime/causeway"))], []);
});

function spawnLogs(place: Place): Running & Disposable {
  return Object.assign(place.start("--ctl", "logs"), { [Symbol.dispose]() {} });
}

Deno.test("causeway up refuses a runtime directory that others can enter", async () => {
  await using place = new Place({ Procfile: "a: ls\n" });
  Deno.mkdirSync(place.path("runtime/causeway"), { mode: 0o755 });
  Deno.chmodSync(place.path("runtime/causeway"), 0o755);
  const { code, stderr } = await place.up();
  assertEquals(code, 1);
  assertStringIncludes(stderr, "must be a directory of this user alone");
});

Deno.test("causeway up: no service and no grandchild survives its SIGKILL, and the next one can run", async () => {
  const script = "trap '' TERM INT HUP; sleep 1000 & echo pid $$ pid $!; while :; do wait; done";
  await using place = new Place({ Procfile: `a: sh -c "${script.replaceAll("$", "\\$")}"\n` });
  await using up = place.start();
  await up.seen("a        | pid");
  const pids = pidsIn(up.lines.filter((line) => line.startsWith("a ")));
  assertEquals([pids.length, pids.filter(isThere).length], [2, 2]);
  up.child.kill("SIGKILL");
  assertEquals(await up.end(), "SIGKILL");
  await areGone(pids);
  await using next = place.start();
  await next.seen("a        | pid");
  next.child.kill("SIGTERM");
  next.child.kill("SIGTERM");
  await areGone(pidsIn(next.lines));
});

for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
  Deno.test(`causeway up stops its services in order at ${signal}, and dies of it`, async () => {
    const services = { db: { command: SERVE, ready: UP }, web: { command: SERVE, needs: ["db"], ready: UP } };
    await using place = new Place({ "causeway.json": json({ services }) });
    await using up = place.start();
    await up.seen("all services are ready");
    up.child.kill(signal);
    assertEquals(await up.end(), signal);
    const ends = up.lines.flatMap((line) => /\| (\w+) was killed by SIGTERM/.exec(line)?.[1] ?? []);
    assertEquals(ends, ["web", "db"]);
    assertEquals(pidsIn(up.lines).filter(isThere), []);
  });
}

Deno.test("causeway up: Ctrl-C reaches no service but by SIGTERM, a second one is SIGKILL", async () => {
  const script = "trap 'echo got INT' INT; trap 'echo got TERM' TERM; echo up; while :; do sleep 1000 & wait; done";
  const services = { stubborn: { command: ["sh", "-c", script], ready: UP, graceMs: 1_000_000 } };
  await using place = new Place({ "causeway.json": json({ services }) });
  const [program, ...words] = place.words();
  await using terminal = spawnPty(command(program, words, place.options()));
  const timeoutMs = LIMIT;
  const bytes = await terminal.waitFor("all services are ready", { timeoutMs });
  await terminal.send("\x03");
  const between = await terminal.waitFor("got TERM", { timeoutMs });
  assert(!between.before.includes("got INT"));
  await terminal.send("\x03");
  const { before } = await terminal.waitFor(/was killed by SIGKILL after .*SIGKILL was needed/, { timeoutMs });
  assert(!before.includes("got INT"));
  const status = await watchdog(LIMIT, terminal.child.status);
  assertEquals(codeOf(status), "SIGINT");
  await areGone(pidsIn([bytes.before]));
});

Deno.test("causeway up: colours on a terminal only, and not under NO_COLOR", async () => {
  await using place = new Place({ Procfile: "a: echo here\n" });
  const [program, ...words] = place.words();
  for (const [NO_COLOR, line] of [[undefined, "\x1b[36ma        | \x1b[39mhere"], ["1", "a        | here"]] as const) {
    const { env, ...options } = place.options();
    await using terminal = spawnPty(command(program, words, { ...options, env: { ...env, NO_COLOR } }));
    const text = await watchdog(LIMIT, new Response(terminal.readable).text());
    assertStringIncludes(text, `${line}\r\n`);
  }
});

Deno.test("causeway up | head -n 2: when nobody reads any more, the services are stopped", async () => {
  // One that goes on speaking, and one that is silent: then nothing is written that could fail.
  for (const script of ["while :; do echo still here; done", "exec sleep 1000"]) {
    await using place = new Place({});
    const log = place.path("pids");
    Deno.writeTextFileSync(place.path("Procfile"), `a: sh -c 'echo pid $$ >> ${log}; ${script}'\n`);
    await command("mkfifo", [log]).output();
    const [program, ...words] = place.words();
    const running = pipeline(command(program, words, place.options()), ["head", "-n", "2"]).output();
    const pid = pidsIn([await watchdog(LIMIT, Deno.readTextFile(log))]);
    const { stages, stdout } = await watchdog(LIMIT, running);
    assertEquals(stages.map(({ status }) => codeOf(status)), [0, 0]);
    assertMatch(stdout, /^causeway \| a started, pid \d+\n.*\n$/);
    await areGone(pid);
  }
});

Deno.test("causeway up works without --allow-ffi, and says what it lacks", async () => {
  await using place = new Place({ Procfile: "a: sh -c 'echo here; exit 9'\n" });
  const [program, ...words] = commandLine(["up"], ["--allow-run", "--allow-read", "--allow-env"]);
  const { status, stdout } = await watchdog(LIMIT, command(program, words, place.options()).unchecked().output());
  assertEquals(codeOf(status), 9);
  assertStringIncludes(stdout, "a        | here\n");
  assertStringIncludes(stdout, "without --allow-ffi services have no lifeline");
});
