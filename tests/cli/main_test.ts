import { assert, assertEquals, assertGreater, assertMatch, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { GROUPS, helpPage, overview } from "../../lib/cli/help.ts";
import { VERSION } from "../../lib/cli/version.ts";
import { causeway, CLI, commandLine } from "./causeway.ts";

const NOTHING: readonly string[] = [];

Deno.test("VERSION is the version of deno.json", async () => {
  const configuration = JSON.parse(await Deno.readTextFile(new URL("../../deno.json", import.meta.url)));
  assertEquals(VERSION, configuration.version);
});

Deno.test("causeway --version prints the version without any permission", async () => {
  assertEquals(await causeway(["--version"], { flags: NOTHING }), {
    code: 0,
    signal: null,
    stdout: `causeway ${VERSION}\n`,
    stderr: "",
  });
});

for (const args of [["help"], ["--help"], ["-h"]]) {
  Deno.test(`causeway ${args.join(" ")} names every command, without any permission`, async () => {
    const { code, stdout, stderr } = await causeway(args, { flags: NOTHING });
    assertEquals([code, stderr], [0, ""]);
    for (const { name, summary } of COMMANDS) assertMatch(stdout, new RegExp(`^ +${name} +${summary}$`, "m"));
  });
}

Deno.test("causeway help has every command in one group", () => {
  assertEquals(GROUPS.flatMap(([, names]) => names).toSorted(), COMMANDS.map(({ name }) => name).toSorted());
});

Deno.test("causeway help fits a narrow page, and loses no word", () => {
  const words = (text: string) => text.split(/\s+/).join(" ");
  const plain = (_role: string, text: string) => text;
  // A synopsis, the name of an option, a table and an example stay on one line.
  const stays = /^Usage:|^ {2}-|^ {2}causeway |^ {2}#| {3}/;
  for (const command of [undefined, ...COMMANDS]) {
    const page = (width: number) => command === undefined ? overview(plain, width) : helpPage(command, plain, width);
    for (const width of [40, 72]) {
      const long = page(width).split("\n").filter((line) => line.length > width && !stays.test(line));
      assertEquals(long, []);
    }
    assertEquals(words(page(40)), words(page(Infinity)));
  }
});

for (const { name, usage, options, examples } of COMMANDS) {
  Deno.test(`causeway help ${name} tells how it is used, and is what --help prints`, async () => {
    const page = await causeway(["help", name], { flags: NOTHING });
    assertEquals([page.code, page.stderr], [0, ""]);
    assertStringIncludes(page.stdout, `Usage: causeway ${usage}\n`);
    for (const [option, meaning] of options) {
      assertStringIncludes(page.stdout.replace(/ {2,}/g, "  "), `${option}  ${meaning}`);
    }
    for (const [line] of examples) assertStringIncludes(page.stdout, `causeway ${line}\n`);
    assertGreater(examples.length, 0);
    assertEquals(await causeway([name, "--help"], { flags: NOTHING }), page);
    const others = options.map(([option]) => option).filter((option) => option === "--json");
    assertEquals(await causeway([name, ...others, "--help"], { flags: NOTHING }), page);
  });
}

const ALL = ["help", ...COMMANDS.map(({ name }) => name)].join(", ");

const WRONG: [args: string[], line: string][] = [
  [[], 'which command? "causeway help" lists them'],
  [["dmeo"], 'unknown command "dmeo": did you mean "demo"?'],
  [["hlep"], 'unknown command "hlep": did you mean "help"?'],
  [["rnu"], 'unknown command "rnu": did you mean "run"?'],
  [["version"], 'unknown command "version": did you mean "--version"?'],
  [["frobnicate"], `unknown command "frobnicate": there are ${ALL}`],
  [["--verison"], 'unknown option "--verison": did you mean "--version"?'],
  [["help", "nothing"], `unknown command "nothing": there are ${ALL}`],
  [["help", "run", "demo"], 'help: one command at a time, got also "demo"'],
  [["doctor", "--jsn"], 'doctor: unknown option "--jsn": did you mean "--json"?'],
  [["doctor", "-j"], 'doctor: unknown option "-j": there are --json'],
  [["doctor", "--json=yes"], "doctor: --json takes no value"],
  [["doctor", "please"], 'doctor: takes no argument, got "please"'],
  [["doctor", "--", "--json"], 'doctor: takes no argument, got "--json"'],
  [["demo", "pip"], 'demo: unknown mechanism "pip": did you mean "pipe"?'],
  [
    ["demo", "--", "--json"],
    'demo: unknown mechanism "--json": there are pipe, fifo, signal, realtime-signal, socket, mapped-file, ' +
    "shared-memory, sysv-shared-memory, mutex, pipeline",
  ],
  [["run"], "run: no program: causeway run -- PROGRAM [ARGUMENT...] ['|' PROGRAM ...]"],
  [["run", "--"], "run: no program: causeway run -- PROGRAM [ARGUMENT...] ['|' PROGRAM ...]"],
  [["run", "--", "|", "cat"], "run: program 1 of 2 is missing beside a |"],
  [["run", "--", "cat", "|"], "run: program 2 of 2 is missing beside a |"],
  [["run", "--", "cat", "|", "|", "cat"], "run: program 2 of 3 is missing beside a |"],
  [["run", "--", "cat", "|", ""], "run: program 2 of 2 is an empty word"],
  [["run", "--stage", "cat"], 'run: unknown option "--stage": did you mean "--stages"?'],
  [["run", "--timeout", "--", "cat"], "run: --timeout needs a value"],
  [["run", "--timeout", "soon", "cat"], 'run: --timeout takes milliseconds, got "soon"'],
  [["run", "--timeout", "-5", "cat"], 'run: --timeout takes milliseconds, got "-5"'],
  [["run", "--timeout=-1", "cat"], 'run: --timeout takes milliseconds, got "-1"'],
];

for (const [args, line] of WRONG) {
  Deno.test(`causeway ${args.join(" ")} exits 2 with one line`, async () => {
    assertEquals(await causeway(args), { code: 2, signal: null, stdout: "", stderr: `causeway: ${line}\n` });
  });
}

Deno.test("causeway escapes what a terminal would obey in its own messages", async () => {
  const { code, stderr } = await causeway(["\x1b[31m\nred"], { flags: NOTHING });
  assertEquals(code, 2);
  assertStringIncludes(stderr, 'causeway: unknown command "');
  assertEquals([stderr.includes("\x1b"), stderr.split("\n").length], [false, 2]);
});

const MISSING: [args: string[], flags: string[], line: RegExp][] = [
  [["run", "--", "true"], [], /^causeway: run: Requires run access to "true", run again with the --allow-run flag\n$/],
  [
    ["demo"],
    [],
    /^causeway: demo: Requires ffi, run, read, write access, run again with (--allow-ffi --allow-run --allow-read --allow-write): deno run \1 \S+cli.ts demo\n$/,
  ],
  [
    ["demo", "pipe"],
    ["--allow-ffi", "--allow-run", "--allow-read"],
    /^causeway: demo: Requires write access, run again with --allow-write: deno run --allow-ffi --allow-run --allow-read --allow-write \S+cli.ts demo pipe\n$/,
  ],
];

for (const [args, flags, line] of MISSING) {
  Deno.test(`causeway ${args.join(" ")} without a permission names the flag (it has ${flags.join(" ") || "none"})`, async () => {
    const { code, stdout, stderr } = await causeway(args, { flags });
    assertEquals([code, stdout], [1, ""]);
    assertMatch(stderr, line);
  });
}

const PRINTERS = [["help"], ["help", "run"], ["--version"], ["doctor"], ["doctor", "--json"], ["demo", "pipeline"], [
  "demo",
  "pipeline",
  "--json",
], ["run", "--json", "--", "echo", "hello"]];

for (const args of PRINTERS) {
  Deno.test(`causeway ${args.join(" ")} | true ends quietly`, async () => {
    // The reader is gone before the first byte is written, so that every write meets the closed pipe.
    const script = '{ read _; "$@"; echo "code $?" >&3; } <"$FIFO" | { exec 0<&-; echo >"$FIFO"; }';
    const { stdout, stderr } = await inShell(script, commandLine(args));
    assertEquals({ stdout, stderr }, { stdout: "code 0\n", stderr: "" });
  });
}

Deno.test("causeway --version reports a standard output that cannot be written", async () => {
  const { stdout, stderr } = await inShell('"$@" >/dev/full; echo "code $?" >&3', commandLine(["--version"]));
  assertEquals(stdout, "code 1\n");
  assertMatch(stderr, /^causeway: .*No space left.*\n$/);
});

Deno.test("causeway uses colours on a terminal only, and never under NO_COLOR", async () => {
  assert(!(await causeway(["help"])).stdout.includes("\x1b["));
  const onTerminal = ["script", "-qec", `${commandLine(["help"]).join(" ")}`, "/dev/null"] as const;
  assert((await inShell('"$@" >&3', onTerminal, { NO_COLOR: "" })).stdout.includes("\x1b[1m"));
  assert(!(await inShell('"$@" >&3', onTerminal, { NO_COLOR: "1" })).stdout.includes("\x1b["));
});

Deno.test("causeway imports a command's code only when it is called", async () => {
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["info", "--json", CLI] }).output();
  const { roots, modules }: Info = JSON.parse(new TextDecoder().decode(stdout));
  const atOnce = new Set<string>();
  const walk = (specifier: string) => {
    if (atOnce.has(specifier)) return;
    atOnce.add(specifier);
    for (const { code, isDynamic } of modules.find((each) => each.specifier === specifier)?.dependencies ?? []) {
      if (code?.specifier !== undefined && !isDynamic) walk(code.specifier);
    }
  };
  roots.forEach(walk);
  const files = [...atOnce].map((specifier) => specifier.replace(/^.*\/(lib|cli\.ts)/, "$1")).sort();
  assertEquals(files, [
    "cli.ts",
    "lib/cli/channel/channel_commands.ts",
    "lib/cli/command_line.ts",
    "lib/cli/commands.ts",
    "lib/cli/graph/commands.ts",
    "lib/cli/main.ts",
    "lib/cli/output.ts",
    "lib/cli/tools/object_tools.ts",
    "lib/cli/tools/process_tools.ts",
    "lib/cli/version.ts",
  ]);
});

/** The part of `deno info --json` that is read here. */
interface Info {
  roots: string[];
  modules: { specifier: string; dependencies?: { isDynamic?: boolean; code?: { specifier?: string } }[] }[];
}

/** Runs a script of sh with a FIFO at hand; its descriptor 3 is what is returned as `stdout`. */
async function inShell(script: string, args: readonly string[], env: Record<string, string> = {}) {
  const directory = await Deno.makeTempDir();
  try {
    const fifo = `${directory}/fifo`;
    const { stdout, stderr } = await new Deno.Command("sh", {
      args: ["-c", `exec 3>&1; mkfifo "$FIFO"; ${script}`, "sh", ...args],
      env: { ...env, FIFO: fifo },
      stdin: "null",
    }).output();
    return { stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
