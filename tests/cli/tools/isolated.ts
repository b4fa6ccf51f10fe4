/** Shell scripts that use a classic tool, ours or the installed one, where wanted among kernel objects that nobody else sees. */
import { fromFileUrl } from "@std/path";
import { watchdog } from "../../helpers/watchdog.ts";
import { CLI, FULL } from "../causeway.ts";

const WATCHDOG_MS = 60_000;

/** What came of a script. */
export interface ScriptOutcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** Where a script runs. */
export interface ScriptOptions {
  /** Its working directory: a new one when left out. */
  cwd?: string;
  /** Whether it has an IPC namespace and a /dev/shm of its own, and all POSIX message queues in `$MQ`. */
  isolated?: boolean;
}

/** Whether this machine lets us make namespaces. */
export const CAN_ISOLATE = canIsolate();

/** The options of a test that needs a namespace; a skip says why. */
export function isolatedTest(name: string, fn: () => Promise<void>): Deno.TestDefinition {
  if (!CAN_ISOLATE) console.log(`skipped: ${name}: unshare --ipc --mount is not permitted here`);
  return { name, ignore: !CAN_ISOLATE, fn };
}

/** Runs a script in which `T` is our tool, and `OURS` the whole program; `EXEC_OURS … &` makes `$!` its pid. */
export async function withOurs(tool: string, script: string, options: ScriptOptions = {}): Promise<ScriptOutcome> {
  return await run(`T() { OURS ${tool} "$@"; }\n${script}`, options);
}

/** Runs a script in which `T` is the installed tool; its path is taken out of what it says. */
export async function withTheirs(tool: string, script: string, options: ScriptOptions = {}): Promise<ScriptOutcome> {
  const found = await run(`T() { $PREFIX /usr/bin/${tool} "$@"; }\n${script}`, options);
  return { ...found, stderr: found.stderr.replaceAll("/usr/bin/", "") };
}

/** A temporary directory that goes with the scope. */
export class Directory implements Disposable {
  readonly path = Deno.makeTempDirSync();

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

const FLAGS = [...FULL, `--config=${fromFileUrl(new URL("../../../deno.json", import.meta.url))}`];

/** Another IPC namespace; and the file systems of the new one, in mounts that go with the script. */
const ISOLATION = ["unshare", "--ipc", "--mount", "sh", "-c"];
const MOUNTS = `
mount -t tmpfs none /dev/shm
umount -a -t mqueue
MQ=$PWD/.mqueue; mkdir "$MQ"; mount -t mqueue none "$MQ"
`;

async function run(script: string, { cwd, isolated = false }: ScriptOptions): Promise<ScriptOutcome> {
  using directory = new Directory();
  const words = [Deno.execPath(), "run", "--quiet", "--no-prompt", ...FLAGS, CLI];
  const quoted = words.map((word) => `'${word}'`).join(" ");
  const program = `PREFIX=\nOURS() { $PREFIX ${quoted} "$@"; }\nEXEC_OURS() { exec ${quoted} "$@"; }\n${script}`;
  const [command = "sh", ...args] = isolated ? [...ISOLATION, MOUNTS + program] : ["sh", "-c", program];
  const running = new Deno.Command(command, {
    args,
    cwd: cwd ?? directory.path,
    env: { LC_ALL: "C", NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const { code, stdout, stderr } = await watchdog(WATCHDOG_MS, running);
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

function canIsolate(): boolean {
  try {
    return new Deno.Command("unshare", { args: ["--ipc", "--mount", "true"], stderr: "null" }).outputSync().success;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
