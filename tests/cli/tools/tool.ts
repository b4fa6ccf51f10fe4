/** Runs a classic tool, ours or the installed one, and tells what came of it. */
import { watchdog } from "../../helpers/watchdog.ts";
import { commandLine } from "../causeway.ts";

export const WATCHDOG_MS = 60_000;

/** What came of a tool. */
export interface ToolOutcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** What a tool is run with. */
export interface ToolOptions {
  cwd?: string;
  env?: Record<string, string>;
}

/** Our tool. */
export async function ours(tool: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolOutcome> {
  return await outcome(commandLine([tool, ...args]), options);
}

/** The installed tool, in the C locale and without its path in what it says. */
export async function theirs(tool: string, args: readonly string[], options: ToolOptions = {}): Promise<ToolOutcome> {
  const found = await outcome([`/usr/bin/${tool}`, ...args], options);
  return { ...found, stderr: found.stderr.replaceAll("/usr/bin/", "") };
}

/** A shell script in which `$T` is our tool. */
export async function shell(tool: string, script: string, options: ToolOptions = {}): Promise<ToolOutcome> {
  const words = commandLine([tool]).map((word) => `'${word}'`).join(" ");
  return await outcome(["sh", "-c", `T() { ${words} "$@"; }\n${script}`], options);
}

/** A shell script in which `T` is the installed tool. */
export async function shellOfTheirs(tool: string, script: string, options: ToolOptions = {}): Promise<ToolOutcome> {
  const found = await outcome(["sh", "-c", `T() { /usr/bin/${tool} "$@"; }\n${script}`], options);
  return { ...found, stderr: found.stderr.replaceAll("/usr/bin/", "") };
}

async function outcome(words: readonly [string, ...string[]], options: ToolOptions): Promise<ToolOutcome> {
  const [program, ...args] = words;
  const running = new Deno.Command(program, {
    args,
    ...options,
    env: { LC_ALL: "C", ...options.env },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).output();
  const { code, stdout, stderr } = await watchdog(WATCHDOG_MS, running);
  return { code, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** A child that waits to be signalled. */
export class Sleeper implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;

  constructor(program = "sleep", args: readonly string[] = ["1000"]) {
    this.#child = new Deno.Command(program, { args: [...args], stdin: "null", stdout: "null" }).spawn();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** How it ended. */
  get status(): Promise<Deno.CommandStatus> {
    return watchdog(WATCHDOG_MS, this.#child.status);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended, as it should.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#child.status;
  }
}
