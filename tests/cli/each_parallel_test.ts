// Needs: parallel
/** GNU parallel as a witness: where `causeway each` says "as GNU parallel", both do the same here. */
import { assertEquals } from "@std/assert";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway } from "./causeway.ts";

const WATCHDOG_MS = 60_000;

const SAME: [what: string, args: string[], input?: string][] = [
  ["an item at the end", ["-k", "echo", ":::", "a", "b c", "$HOME", "'", "*"]],
  ["lines of standard input", ["-k", "echo", "x{}y"], "a\nb  c\nd"],
  ["the empty item", ["-k", "echo", "[{}]"], "\n"],
  ["no items", ["echo", "x"], ""],
  ["blank items with -r", ["-k", "-r", "echo"], "a\n\n \nb\n"],
  ["NUL with -0", ["-0", "-k", "echo", "_{}_"], "a b\0c\0"],
  ["combinations", ["-k", "echo", "{1}-{2}", ":::", "a", "b", ":::", "1", "2", "3"]],
  ["-n with places", ["-k", "-n2", "echo", "x{}y", "{1}", "{2}z", ":::", "a", "b", "c"]],
  ["numbers", ["-k", "echo", "{#}:{}", ":::", "a", "b"]],
  ["a tag", ["-k", "--tag", "seq", ":::", "2", "3"]],
  ...["{.}", "{/}", "{//}", "{/.}"].map((place): [string, string[]] => [
    `the place ${place}`,
    [
      "-k",
      "echo",
      `_${place}_`,
      ":::",
      "a/b.c.d",
      ".profile",
      "a/.b",
      "/x",
      "x/",
      "a.b/c",
      "x.",
      "/a/b/",
      "a//b",
      "//x",
      "/",
    ],
  ]),
];

for (const [what, args, input = ""] of SAME) {
  Deno.test(`causeway each and GNU parallel print the same for ${what}`, async () => {
    const [ours, theirs] = await Promise.all([each(args, input), parallel(args, input)]);
    assertEquals(ours, theirs);
  });
}

const CODES: string[][] = [
  ["-j1", "exit", "0", "0"],
  ["-j1", "exit", "0", "7", "9"],
  ["-j1", "--halt", "now,fail=1", "exit", "0", "7", "9"],
  ["-j1", "--halt", "soon,fail=2", "exit", "5", "7", "9"],
  ["-j1", "--halt", "now,success=1", "exit", "5", "0", "9"],
  ["-j1", "--halt", "now,success=1", "exit", "5", "9"],
  ["-j1", "--halt", "now,done=1", "exit", "3", "0"],
  ["-j1", "--halt", "now,done=2", "exit", "3", "4", "0"],
  ["-j1", "--halt", "soon,success=50%", "exit", "3", "4", "0", "0"],
  ["-j1", "--halt", "soon,success=100%", "exit", "3", "4", "0", "0"],
  ["-j1", "--halt", "soon,fail=90%", "exit", "3", "4", "0", "0"],
  ["-j1", "--halt", "now,fail=1", "kill", "-9"],
];

for (const words of CODES) {
  Deno.test(`causeway each and GNU parallel exit with the same code: ${words.join(" ")}`, async () => {
    const at = words.findIndex((word) => word === "exit" || word === "kill");
    const [options, verb, items] = [words.slice(0, at), words[at], words.slice(at + 1)];
    const ours = await each(
      [...options, "sh", "-c", verb === "kill" ? "kill $1 $$" : "exit $1", "sh", ":::", ...items],
      "",
    );
    const theirs = await parallel([...options, verb === "kill" ? "kill {} $$" : "exit {}", ":::", ...items], "");
    assertEquals(ours.code, theirs.code);
  });
}

Deno.test("causeway each and GNU parallel go on with each other's job logs", async () => {
  const directory = await Deno.makeTempDir();
  const log = `${directory}/log`;
  const command = ["--joblog", log, "-j1", "test", "-n", "{}", ":::"];
  try {
    assertEquals((await each([...command, "a", ""], "")).code, 1);
    assertEquals((await parallel(["--resume", "-k", "--joblog", log, "echo", ":::", "a", "b", "c"], "")).stdout, "c\n");
    assertEquals((await each(["--resume", "--joblog", log, "echo", ":::", "a", "b", "c", "d"], "")).stdout, "d\n");
    assertEquals(
      (await parallel(["--resume-failed", "--joblog", log, "echo", ":::", "a", "b", "c", "d"], "")).stdout,
      "b\n",
    );
    assertEquals((await each(["--resume-failed", "--joblog", log, "echo", ":::", "a", "b", "c", "d"], "")).stdout, "");
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

interface Result {
  code: number;
  stdout: string;
}

async function each(args: string[], input: string): Promise<Result> {
  const { code, stdout } = await watchdog(WATCHDOG_MS, causeway(["each", ...args], { input }));
  return { code, stdout };
}

async function parallel(args: string[], input: string): Promise<Result> {
  const home = await Deno.makeTempDir();
  const child = new Deno.Command("parallel", {
    args: ["--will-cite", ...args],
    // Its jobs run in a shell; it must be one that quotes as it does.
    env: { HOME: home, SHELL: "/bin/bash" },
    stdin: "piped",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close().catch(() => {});
  const { code, stdout } = await watchdog(WATCHDOG_MS, child.output());
  await Deno.remove(home, { recursive: true });
  return { code, stdout: new TextDecoder().decode(stdout) };
}
