import { assertEquals } from "@std/assert";
import { ours, theirs, type ToolOutcome } from "./tool.ts";

/** What a tool said, and what it left in a directory of its own. */
async function inDirectory(run: typeof ours, args: readonly string[]): Promise<ToolOutcome & { files: string[] }> {
  const cwd = Deno.makeTempDirSync();
  try {
    const outcome = await run("mkfifo", args, { cwd });
    const files = Array.from(Deno.readDirSync(cwd), ({ name }) => {
      const { mode, isFifo } = Deno.lstatSync(`${cwd}/${name}`);
      return `${name} ${isFifo} ${((mode ?? 0) & 0o7777).toString(8)}`;
    });
    return { ...outcome, files: files.sort() };
  } finally {
    Deno.removeSync(cwd, { recursive: true });
  }
}

/** Command lines on which ours must do, print and return what coreutils does. */
const SAME: readonly (readonly string[])[] = [
  ["a"],
  ["a", "b", "c"],
  ["a", "a"],
  ["missing/a", "b"],
  ["--", "-m"],
  ["a", "-m", "600"],
  [],
  ["-m"],
  ["-z", "a"],
  ["--mod", "640", "a"],
  ["--mode=0640", "a"],
  ["--mode=", "a"],
  ["--moody", "a"],
  ["--context=x", "a"],
  ...[
    "600",
    "0",
    "777",
    "1777",
    "4777",
    "10777",
    "8",
    "u=rw",
    "a=",
    "a=rw,g-w",
    "u=rw,go=r",
    "u+x",
    "+x",
    "=r",
    "-w",
    "go=u",
    "o=g-w",
    "u=rwx,g=u-x,o=g",
    "a+X",
    "u+x,a+X",
    "u+s",
    "+t",
    "g+s-s",
    "=600",
    "+111",
    "u=7",
    "zz",
    "u",
    "u=rw,",
    ",u=r",
    "u=rg",
    "ugo=rw+x-w",
  ].map((mode) => ["-m", mode, "a"]),
];

for (const args of SAME) {
  Deno.test(`mkfifo ${args.join(" ")} does what coreutils does`, async () => {
    assertEquals(await inDirectory(ours, args), await inDirectory(theirs, args));
  });
}

Deno.test("mkfifo takes the umask away from the default mode, and from a mode without u, g, o, a", async () => {
  const cwd = Deno.makeTempDirSync();
  const before = Deno.umask(0o027);
  try {
    for (const [index, args] of [["a"], ["-m", "+x", "a"], ["-m", "a=rw", "a"], ["-m", "=rw", "a"]].entries()) {
      for (const [name, run] of [["ours", ours], ["theirs", theirs]] as const) {
        await run("mkfifo", [...args.slice(0, -1), `${cwd}/${name}${index}`]);
      }
      const modeOf = (name: string) => Deno.lstatSync(`${cwd}/${name}${index}`).mode;
      assertEquals(modeOf("ours"), modeOf("theirs"), args.join(" "));
    }
  } finally {
    Deno.umask(before);
    Deno.removeSync(cwd, { recursive: true });
  }
});
