import { assertEquals, assertRejects } from "@std/assert";
import { HelpRequested, UsageError } from "../../lib/cli/command_line.ts";
import { parseOptions } from "../../lib/cli/options.ts";

const NAMES = { flags: ["json", "stages"], values: ["timeout"] } as const;

const PARSED: [args: string[], stopEarly: boolean, flags: string, timeout: string | undefined, words: string[]][] = [
  [[], false, "", undefined, []],
  [["--json"], false, "json", undefined, []],
  [["a", "--json", "b"], false, "json", undefined, ["a", "b"]],
  [["--json", "true"], false, "json", undefined, ["true"]],
  [["--timeout", "5", "a"], false, "", "5", ["a"]],
  [["--timeout=5"], false, "", "5", []],
  // A number below zero is the value of an option that takes one, and of no other.
  [["--timeout", "-5", "a"], false, "", "-5", ["a"]],
  [["--timeout", "-.5"], false, "", "-.5", []],
  [["--json", "--timeout", "-5", "a", "--timeout", "-6"], true, "json", "-5", ["a", "--timeout", "-6"]],
  [["--timeout", "1", "-", "--timeout", "-6"], true, "", "1", ["-", "--timeout", "-6"]],
  [["--", "--timeout", "-5"], false, "", undefined, ["--timeout", "-5"]],
  [["--timeout", "1", "--timeout", "2"], false, "", "2", []],
  [["--", "--json", "-x", "--"], false, "", undefined, ["--json", "-x", "--"]],
  [["a", "--", "--json"], false, "", undefined, ["a", "--json"]],
  [["-"], false, "", undefined, ["-"]],
  [["007", "1e3", "0x10"], false, "", undefined, ["007", "1e3", "0x10"]],
  [["--stages", "--json", "a", "--json", "--timeout=1"], true, "json stages", undefined, [
    "a",
    "--json",
    "--timeout=1",
  ]],
  [["--stages", "--", "a", "--", "b"], true, "stages", undefined, ["a", "--", "b"]],
  [["a", "--", "b"], true, "", undefined, ["a", "--", "b"]],
  [["--timeout", "5", "true", "--json=x"], true, "", "5", ["true", "--json=x"]],
];

for (const [args, stopEarly, flags, timeout, words] of PARSED) {
  Deno.test(`parseOptions understands ${args.join(" ") || "nothing"}${stopEarly ? ", stopping early" : ""}`, async () => {
    const parsed = await parseOptions("test", args, { ...NAMES, stopEarly });
    const given = Object.entries(parsed.flags).filter(([, isGiven]) => isGiven).map(([name]) => name).join(" ");
    assertEquals([given, parsed.values.timeout, parsed.words], [flags, timeout, words]);
  });
}

const REFUSED: [args: string[], message: string][] = [
  [["--jso"], 'test: unknown option "--jso": did you mean "--json"?'],
  [["--what=ever"], 'test: unknown option "--what": there are --json, --stages, --timeout'],
  [["--no-json"], 'test: unknown option "--no-json": there are --json, --stages, --timeout'],
  [["-x"], 'test: unknown option "-x": there are --json, --stages, --timeout'],
  [["--json=true"], "test: --json takes no value"],
  [["--timeout"], "test: --timeout needs a value"],
  [["--timeout="], "test: --timeout needs a value"],
  [["--timeout", "--json"], "test: --timeout needs a value"],
  [["--json", "-5"], 'test: unknown option "-5": there are --json, --stages, --timeout'],
  [["--timeout", "5", "-5"], 'test: unknown option "-5": there are --json, --stages, --timeout'],
];

for (const [args, message] of REFUSED) {
  Deno.test(`parseOptions refuses ${args.join(" ")}`, async () => {
    const error = await assertRejects(() => parseOptions("test", args, NAMES), UsageError);
    assertEquals(error.message, message);
  });
}

Deno.test("parseOptions throws HelpRequested for --help where an option may stand", async () => {
  await assertRejects(() => parseOptions("test", ["a", "--help"], NAMES), HelpRequested);
  await assertRejects(() => parseOptions("test", ["--timeout", "5", "-h"], NAMES), HelpRequested);
  assertEquals((await parseOptions("test", ["a", "--help"], { ...NAMES, stopEarly: true })).words, ["a", "--help"]);
  assertEquals((await parseOptions("test", ["--", "--help"], NAMES)).words, ["--help"]);
});

Deno.test("parseOptions gathers what may be repeated, and knows what may stand alone", async () => {
  const names = { flags: ["json"], lists: ["env"], optional: ["events"], stopEarly: true } as const;
  const parse = (...args: string[]) => parseOptions("test", args, names);
  const { lists, optional, words } = await parse("--env", "A=1", "--events", "--env=B=2", "true", "--env", "C");
  assertEquals([lists.env, optional.events, words], [["A=1", "B=2"], true, ["true", "--env", "C"]]);
  assertEquals((await parse("--events=a=b")).optional.events, "a=b");
  const none = await parse();
  assertEquals([none.lists.env, none.optional.events], [[], undefined]);
  for (const word of ["--events=", "--env="]) {
    const error = await assertRejects(() => parse(word), UsageError);
    assertEquals(error.message, `test: ${word.slice(0, -1)} needs a value`);
  }
});
