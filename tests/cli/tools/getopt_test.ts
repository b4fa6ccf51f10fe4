import { assertEquals, assertThrows } from "@std/assert";
import { ClassicUsageError } from "../../../lib/cli/tools/classic.ts";
import { getopt, type OptionSpec } from "../../../lib/cli/tools/getopt.ts";

const SPECS = [
  { key: "signal", names: "-s --signal", value: "required" },
  { key: "verbose", names: "-v --verbose" },
  { key: "version", names: "-V --version" },
  { key: "exclusive", names: "-e -x --exclusive" },
  { key: "column", names: "-c --column", value: "optional" },
] as const satisfies readonly OptionSpec[];

/** Words, and what they say: options as KEY=VALUE, then the operands. */
const CASES: readonly (readonly [words: string, given: string, operands: string])[] = [
  ["-s KILL a", "signal=KILL", "a"],
  ["-sKILL a", "signal=KILL", "a"],
  ["-vsKILL a b", "verbose= signal=KILL", "a b"],
  ["-ve", "verbose= exclusive=", ""],
  ["--signal KILL", "signal=KILL", ""],
  ["--signal=KILL", "signal=KILL", ""],
  ["--sig=A=B", "signal=A=B", ""],
  ["--signal -v", "signal=-v", ""],
  ["--verb -x", "verbose= exclusive=", ""],
  ["a -v b", "verbose=", "a b"],
  ["-v -- -v", "verbose=", "-v"],
  ["- -v", "verbose=", "-"],
  ["-c7 -c 7 --column 8 --column=9", "column=7 column= column= column=9", "7 8"],
];

for (const [words, given, operands] of CASES) {
  Deno.test(`getopt reads ${words}`, () => {
    const found = getopt(words.split(" "), SPECS);
    assertEquals(found.given.map(({ key, value }) => `${key}=${value}`).join(" "), given);
    assertEquals(found.operands.join(" "), operands);
  });
}

Deno.test("getopt stops at the first operand when it is told to", () => {
  const { given, operands } = getopt(["-v", "a", "-v", "--", "b"], SPECS, { stopEarly: true });
  assertEquals([given.length, operands], [1, ["a", "-v", "--", "b"]]);
});

for (
  const [word, message] of [
    ["-z", "invalid option -- 'z'"],
    ["-vz", "invalid option -- 'z'"],
    ["-s", "option requires an argument -- 's'"],
    ["--signal", "option '--signal' requires an argument"],
    ["--verbose=1", "option '--verbose' doesn't allow an argument"],
    ["--nothing", "unrecognized option '--nothing'"],
    ["--ver", "option '--ver' is ambiguous; possibilities: '--verbose' '--version'"],
  ] as const
) {
  Deno.test(`getopt refuses ${word} in the words of glibc`, () => {
    assertEquals(assertThrows(() => getopt([word], SPECS), ClassicUsageError).message, message);
  });
}
