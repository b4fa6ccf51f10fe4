/**
 * Runs the test suite: `deno task test`. Test files that need a program which this machine does not have are left out, and it is said which
 * and why. A file says what it needs in a line `// Needs: gcc, strace`; `root` stands for the right to make namespaces and to become another
 * user. The gate's machine has everything, so there nothing is left out.
 */
import { fromFileUrl, join, relative } from "@std/path";

const ROOT = fromFileUrl(new URL("..", import.meta.url));
const STRESS = "tests/stress";

/** What a file of tests or an example needs besides Deno. */
export function needsOf(source: string): string[] {
  const list = /^\/\/ Needs: (.+)$/m.exec(source)?.[1] ?? "";
  return list.split(",").map((name) => name.trim()).filter(Boolean);
}

/** Whether this machine has what is needed. */
export function isThere(need: string): boolean {
  if (need === "root") return Deno.uid() === 0;
  return (Deno.env.get("PATH") ?? "").split(":").some((directory) => {
    try {
      return directory !== "" && Deno.statSync(join(directory, need)).isFile;
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return false;
      throw error;
    }
  });
}

if (import.meta.main) {
  const ignored = [STRESS];
  for (const file of testFiles(join(ROOT, "tests"))) {
    const missing = needsOf(Deno.readTextFileSync(file)).filter((need) => !isThere(need));
    if (missing.length === 0) continue;
    const name = relative(ROOT, file);
    console.log(`Left out: ${name} needs ${missing.join(", ")}`);
    ignored.push(name);
  }
  const args = [
    "test",
    "--allow-all",
    // What is fetched only to test (a driver of browsers) stays out of deno.lock, of which every start fetches all.
    "--no-lock",
    `--ignore=${ignored.join(",")}`,
    ...(Deno.args.length > 0 ? Deno.args : ["tests/"]),
  ];
  const { code } = new Deno.Command(Deno.execPath(), { args, cwd: ROOT, stdout: "inherit", stderr: "inherit" })
    .outputSync();
  Deno.exit(code);
}

function* testFiles(directory: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(directory)) {
    const path = join(directory, name);
    if (isDirectory) yield* testFiles(path);
    else if (name.endsWith("_test.ts")) yield path;
  }
}
