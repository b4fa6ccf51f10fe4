// Needs: bash
import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { bashScript } from "../../lib/cli/completions/bash.ts";
import { fishScript } from "../../lib/cli/completions/fish.ts";
import { type CommandShape, optionShape, shapesOf } from "../../lib/cli/completions/shape.ts";
import { fishQuoted, singleQuoted } from "../../lib/cli/completions/single_quoted.ts";
import { zshScript } from "../../lib/cli/completions/zsh.ts";
import { causeway } from "./causeway.ts";

const NAMES = COMMANDS.map(({ name }) => name);
const SHAPES = await shapesOf(COMMANDS);

/** What real bash offers after these words, the last of which is being typed. */
async function offered(words: readonly string[], script: string = bashScript(SHAPES), cwd = ".") {
  const { stdout, stderr, code } = await new Deno.Command("bash", {
    args: [
      "--norc",
      "-c",
      `eval "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(( $# - 1 )); _causeway; printf '%s\\n' "\${COMPREPLY[@]}"`,
      "bash",
      script,
      ...words,
    ],
    cwd,
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  return new TextDecoder().decode(stdout).split("\n").filter((line) => line !== "");
}

for (const shell of ["bash", "zsh", "fish"]) {
  Deno.test(`causeway completions ${shell} prints a script with every command, without any permission`, async () => {
    const { code, stdout, stderr } = await causeway(["completions", shell], { flags: [] });
    assertEquals([code, stderr], [0, ""]);
    for (const name of NAMES) assertMatch(stdout, new RegExp(`[ '(]${name}[ ':)]`), name);
  });
}

Deno.test("causeway completions without a shell, or with an unknown one, exits 2", async () => {
  for (
    const [args, line] of [
      [[], "completions: for which shell? There are bash, zsh, fish"],
      [["bsh"], 'completions: unknown shell "bsh": did you mean "bash"?'],
      [["powershell"], 'completions: unknown shell "powershell": there are bash, zsh, fish'],
      [["bash", "zsh"], 'completions: one shell at a time, got also "zsh"'],
    ] as const
  ) {
    const { code, stdout, stderr } = await causeway(["completions", ...args], { flags: [] });
    assertEquals([code, stdout, stderr], [2, "", `causeway: ${line}\n`]);
  }
});

Deno.test("bash offers commands, options, verbs and values, as the command table has them", async () => {
  assertEquals(await offered(["causeway", ""]), ["help", ...NAMES, "--help", "--version"]);
  assertEquals(await offered(["causeway", "dem"]), ["demo"]);
  assertEquals(await offered(["causeway", "help", "dem"]), ["demo"]);
  assertEquals(await offered(["causeway", "run", "--st"]), ["--stages", "--stdin", "--stdout", "--stderr"]);
  assertEquals(await offered(["causeway", "mq", "s"]), ["send"]);
  assertEquals(await offered(["causeway", "sem", ""]), ["create", "post", "wait", "value", "ls", "rm"]);
  assertEquals(await offered(["causeway", "kill", "-s", "USR"]), ["USR1", "USR2"]);
  assertEquals(await offered(["causeway", "timeout", "--signal", "=", "USR"]), ["USR1", "USR2"]);
  assertEquals(await offered(["causeway", "up", "--ctl", "re"]), ["restart"]);
  assertEquals(await offered(["causeway", "demo", "mut"]), ["mutex"]);
  assertEquals(await offered(["causeway", "demo", "pipe", "mut"]), ["mutex"]);
  assertEquals(await offered(["causeway", "learn", "end"]), ["end-of-file"]);
  assertEquals(await offered(["causeway", "ls", "mem"]), ["memfd"]);
  assertEquals(await offered(["causeway", "ls", "--sort", "ag"]), ["age"]);
  assertEquals(await offered(["causeway", "trace", "que"]), ["queue"]);
  assertEquals(await offered(["causeway", "completions", ""]), ["bash", "zsh", "fish"]);
  assertEquals((await offered(["causeway", "kill", String(Deno.pid)])).includes(String(Deno.pid)), true);
  assertEquals((await offered(["causeway", "run", "bas"])).includes("bash"), true);
  // A number of jobs is nothing to choose from.
  assertEquals(await offered(["causeway", "each", "-j", ""]), []);
  assertEquals(await offered(["causeway", "nothing", ""]), []);
});

Deno.test("bash offers files with spaces whole, directories alone where a directory is meant, and files after --", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/a b.txt`, "");
    await Deno.mkdir(`${directory}/a dir`);
    const at = (...words: string[]) => offered(["causeway", ...words], undefined, directory);
    assertEquals((await at("run", "--stdin", "a")).toSorted(), ["a b.txt", "a dir"]);
    assertEquals(await at("run", "--cwd", "a"), ["a dir"]);
    assertEquals((await at("run", "--events", "=", "a b")).toSorted(), ["a b.txt"]);
    // --events may stand alone: then the next word is a program.
    assertEquals((await at("run", "--events", "a b")).toSorted(), []);
    assertEquals((await at("run", "--", "cat", "--stdin", "a")).toSorted(), ["a b.txt", "a dir"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

Deno.test("bash offers every option of every command", async () => {
  const script = bashScript(SHAPES);
  const listed = SHAPES.map(async ({ name, options }) => {
    const names = [...new Set(options.flatMap((option) => option.names))].toSorted();
    const got = [...new Set(await offered(["causeway", name, "-"], script))].toSorted();
    assertEquals(got, names, name);
  });
  await Promise.all(listed);
});

Deno.test("optionShape takes an option of the table apart", () => {
  const parts = (text: string, meaning = "") => {
    const { names, value, optional } = optionShape(text, meaning);
    return [names, value, optional];
  };
  assertEquals(parts("--json"), [["--json"], undefined, false]);
  assertEquals(parts("-j, --jobs N"), [["-j", "--jobs"], "N", false]);
  assertEquals(parts("--events[=FILE]"), [["--events"], "FILE", true]);
  assertEquals(parts("-a, --all[=CATEGORY]"), [["-a", "--all"], "CATEGORY", true]);
  assertEquals(parts("-l, --list [NUMBER|0xMASK]"), [["-l", "--list"], "NUMBER", true]);
  assertEquals(parts("--timeout MS SIGNAL"), [["--timeout"], "MS", false]);
  assertEquals(parts("-x, -e, --exclusive"), [["-x", "-e", "--exclusive"], undefined, false]);
  assertEquals(parts("-o, -e", "the two: --stdout --stderr"), [["-o", "-e", "--stdout", "--stderr"], undefined, false]);
});

/** A command whose texts mean something to every shell. */
const HOSTILE: CommandShape = {
  name: "odd",
  summary: 'it\'s $(touch pwned) `touch pwned` \\ "quoted": [brackets]',
  options: [{
    names: ["-q", "--quote"],
    value: undefined,
    optional: false,
    source: "nothing",
    meaning: "it's [a] 'b': $(touch pwned) `touch pwned` \\",
  }],
  verbs: [],
  source: ["it's", "$(touch pwned)"],
};

Deno.test("completion scripts run nothing that a description says", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const script = bashScript([HOSTILE]);
    assertEquals(await offered(["causeway", "odd", "-"], script, directory), ["-q", "--quote"]);
    for (const text of [zshScript([HOSTILE]), fishScript([HOSTILE])]) assertStringIncludes(text, "touch pwned");
    assertEquals(Array.from(Deno.readDirSync(directory)), []);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
  assertEquals(singleQuoted("it's"), "'it'\\''s'");
  assertEquals(fishQuoted("it's \\"), "'it\\'s \\\\'");
});
