/**
 * Runs the test suite: `deno task test`. Test files that need a program which this machine does not have are left out, and it is said which
 * and why. A file says what it needs in a line `// Needs: gcc, strace`; `root` stands for the right to make namespaces and to become another
 * user. `.ci/run` installs all of them but a browser, which may not be had.
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
      // A directory that this user must not look into.
      if (error instanceof Deno.errors.PermissionDenied) return false;
      throw error;
    }
  });
}

if (import.meta.main) {
  passDefaultsOn();
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

/**
 * A background job of a script is told to ignore SIGINT and SIGQUIT, one of nohup SIGHUP, and all that it starts with it; tests need their
 * default actions. Who listens to a signal leaves those to its children.
 */
function passDefaultsOn(): void {
  const ignored = BigInt(`0x${/^SigIgn:\s*(\w+)$/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1] ?? 0}`);
  for (const [signal, number] of [["SIGHUP", 1], ["SIGINT", 2], ["SIGQUIT", 3], ["SIGTERM", 15]] as const) {
    if ((ignored >> BigInt(number - 1) & 1n) === 1n) Deno.addSignalListener(signal, () => {});
  }
}

function* testFiles(directory: string): Generator<string> {
  for (const { name, isDirectory } of Deno.readDirSync(directory)) {
    const path = join(directory, name);
    if (isDirectory) yield* testFiles(path);
    else if (name.endsWith("_test.ts")) yield path;
  }
}
