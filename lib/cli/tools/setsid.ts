/**
 * `setsid(1)`: runs a program in a session of its own, as util-linux does.
 *
 * This process becomes the program. The leader of a process group cannot begin a session: then a second process, which runs this tool
 * once more, does all that.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { execute } from "../../sys/exec.ts";
import { readProcFile } from "../../sys/proc.ts";
import { beginSession, isGroupLeader, takeTerminal } from "../../sys/session.ts";
import { HelpRequested } from "../command_line.ts";
import { ClassicError, classicTool, ClassicUsageError, reasonOf, VersionRequested } from "./classic.ts";
import { getopt, type OptionSpec } from "./getopt.ts";
import { cannotStart, launch } from "./launch.ts";

const OPTIONS = [
  { key: "ctty", names: "-c --ctty" },
  { key: "fork", names: "-f --fork" },
  { key: "wait", names: "-w --wait" },
  { key: "help", names: "-h --help" },
  { key: "version", names: "-V --version" },
] as const satisfies readonly OptionSpec[];

/** Runs the tool. */
export function run(args: readonly string[]): Promise<number> {
  return classicTool({ name: "setsid" }, () => setsid(args));
}

async function setsid(args: readonly string[]): Promise<number> {
  const { given, operands } = getopt(args, OPTIONS, { stopEarly: true });
  const flags = new Set<string>(given.map(({ key }) => key));
  if (flags.has("help")) throw new HelpRequested();
  if (flags.has("version")) throw new VersionRequested();
  const [program, ...rest] = operands;
  if (program === undefined) throw new ClassicUsageError("no command specified");
  const words = [program, ...rest] as const;
  if (flags.has("fork") || isGroupLeader()) {
    return await inSecondProcess(args, [...(flags.has("ctty") ? ["-c"] : []), "--", ...words], flags.has("wait"));
  }
  beginSession();
  if (flags.has("ctty")) takeTerminalOrFail();
  try {
    execute(words);
  } catch (error) {
    throw cannotStart(error, (reason) => `failed to execute ${program}: ${reason}`);
  }
}

function takeTerminalOrFail(): void {
  try {
    takeTerminal();
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    throw new ClassicError(`failed to set the controlling terminal: ${reasonOf(error)}`);
  }
}

/** Runs this tool again, in a process that leads no group, and waits for it if asked to. */
async function inSecondProcess(args: readonly string[], again: readonly string[], waits: boolean): Promise<number> {
  const [program = Deno.execPath(), ...before] = ownCommandLine().slice(0, -args.length);
  const child = launch(program, [...before, ...again]);
  if (!waits) return 0;
  const status = await child.status;
  if (status.kind === "exited") return status.code;
  throw new ClassicError(`child ${child.pid} did not exit normally`, status.number);
}

/** How this process was started: Deno, its flags, this program, this tool, and the arguments. */
function ownCommandLine(): string[] {
  return [Deno.execPath(), ...readProcFile("/proc/self/cmdline").split("\0").slice(1, -1)];
}
