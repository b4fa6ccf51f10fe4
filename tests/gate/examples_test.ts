/**
 * Every example is short, opens with a comment that says how it is run, and runs exactly so. A line `// Expect: TEXT` in an
 * example promises that its standard output contains TEXT.
 */
import {
  assert,
  assertEquals,
  assertGreater,
  AssertionError,
  assertLessOrEqual,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { fromFileUrl, join } from "@std/path";
import { isThere, needsOf } from "../run.ts";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));
const MAX_LINES = 60;
/** Longer ones, each with its reason. */
const LONGER: Readonly<Record<string, number>> = {
  // A whole program, to be compared with the shell script that it replaces: no single mechanism is shown.
  "release.ts": 100,
};
const WATCHDOG_SECONDS = 180;

const examples = Array.from(Deno.readDirSync(join(ROOT, "examples")), (entry) => entry.name)
  .filter((name) => name.endsWith(".ts")).sort();

Deno.test("examples/README.md names every example and links to no other", async () => {
  const page = await Deno.readTextFile(join(ROOT, "examples/README.md"));
  assertGreater(examples.length, 0);
  for (const name of examples) assertStringIncludes(page, name);
  const linked = Array.from(page.matchAll(/\]\((?:\.\/)?([\w-]+\.ts)\)|examples\/([\w-]+\.ts)/g), (match) => {
    return match[1] ?? match[2] ?? "";
  });
  assertEquals(linked.filter((name) => !examples.includes(name)), []);
});

for (const name of examples) {
  Deno.test(`examples/${name} runs as its comment says`, async () => {
    const source = await Deno.readTextFile(join(ROOT, "examples", name));
    const missing = needsOf(source).filter((need) => !isThere(need));
    if (missing.length > 0) return console.log(`skipped: examples/${name} needs ${missing.join(", ")}`);
    const most = LONGER[name] ?? MAX_LINES;
    assertLessOrEqual(source.trimEnd().split("\n").length, most, `examples/${name} is over ${most} lines`);
    const { code, stdout, stderr } = await run(commandLine(source, name));
    const said = `stdout:\n${stdout}\nstderr:\n${stderr}`;
    assertEquals(code, 0, code === 124 || code === 137 ? `still running after ${WATCHDOG_SECONDS} s\n${said}` : said);
    for (const text of expectations(source)) assertStringIncludes(stdout, text, said);
  });
}

Deno.test("an example's command line is in the first three lines of its opening comment", () => {
  const line = "// Run: deno run --allow-ffi examples/a.ts --count 3";
  assertEquals(commandLine(`// A pipe.\n${line}\n`, "a.ts"), ["run", "--allow-ffi", "examples/a.ts", "--count", "3"]);
  assertEquals(commandLine("// A pipe: `deno run examples/a.ts`\n", "a.ts"), ["run", "examples/a.ts"]);
  assertThrows(() => commandLine(`// 1\n// 2\n// 3\n${line}\n`, "a.ts"), AssertionError, "shows no");
  assertThrows(() => commandLine(`// 1\nwork();\n${line}\n`, "a.ts"), AssertionError, "shows no");
  assertThrows(() => commandLine(`work();\n${line}\n`, "a.ts"), AssertionError, "opens with no comment");
  assertThrows(() => commandLine(`${line}\n`, "b.ts"), AssertionError, "shows no");
  assertThrows(() => commandLine(`${line} 'a b'\n`, "a.ts"), AssertionError, "needs a shell");
});

Deno.test("an example's expectations are its // Expect: lines", () => {
  assertEquals(expectations("// A.\n// Expect: a b: c \nwork(); // Expect: not this\n// Expect: d\n"), ["a b: c", "d"]);
});

/** The arguments of the `deno` command that the opening comment shows. */
function commandLine(source: string, name: string): string[] {
  const lines = source.split("\n").slice(0, 3);
  const code = lines.findIndex((line) => !line.startsWith("//"));
  const comment = code === -1 ? lines : lines.slice(0, code);
  assertGreater(comment.length, 0, `examples/${name} opens with no comment`);
  const shown = comment.map((line) => /\bdeno (run [^`]*)/.exec(line)?.[1]).find((found) => found !== undefined);
  const words = shown?.trim().split(/\s+/) ?? [];
  assert(words.includes(`examples/${name}`), `examples/${name} shows no "deno run … examples/${name}" in three lines`);
  assert(!/["'$|<>&;*\\]/.test(words.join(" ")), `the command line of examples/${name} needs a shell`);
  return words;
}

function expectations(source: string): string[] {
  return Array.from(source.matchAll(/^\/\/ Expect: (.+)$/gm), ([, text = ""]) => text.trim());
}

/** Runs Deno under timeout(1), which ends the whole process group; a second timer covers who left it and holds the pipe. */
async function run(args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const output = new Deno.Command("timeout", {
    args: ["--kill-after=5", `${WATCHDOG_SECONDS}`, Deno.execPath(), ...args],
    cwd: ROOT,
    env: { NO_COLOR: "1" },
    stdin: "null",
  }).output();
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new Error(`A process of deno ${args.join(" ")} outlived it and holds its output`)),
    (WATCHDOG_SECONDS + 10) * 1000,
  );
  try {
    const { code, stdout, stderr } = await Promise.race([output, late]);
    return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
  } finally {
    clearTimeout(timer);
  }
}
