/**
 * `mkfifo(1)`: makes FIFOs, as coreutils does.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { createFifo } from "../../pipe/fifo.ts";
import { currentUmask } from "../../sys/umask.ts";
import { HelpRequested } from "../command_line.ts";
import { ClassicError, classicTool, ClassicUsageError, complain, reasonOf, VersionRequested } from "./classic.ts";
import { parseMode } from "./file_mode.ts";
import { getopt, type OptionSpec } from "./getopt.ts";

const OPTIONS = [
  { key: "mode", names: "-m --mode", value: "required" },
  { key: "label", names: "-Z" },
  { key: "context", names: "--context", value: "optional" },
  { key: "help", names: "--help" },
  { key: "version", names: "--version" },
] as const satisfies readonly OptionSpec[];

/** Read and write for everybody: what the umask then takes away. */
const MODE = 0o666;

const PERMISSION_BITS = 0o777;

/** Runs the tool. */
export function run(args: readonly string[]): Promise<number> {
  return classicTool({ name: "mkfifo" }, () => mkfifo(args));
}

function mkfifo(args: readonly string[]): number {
  const { given, operands } = getopt(args, OPTIONS);
  let text: string | undefined;
  for (const { key, value, hasValue } of given) {
    if (key === "help") throw new HelpRequested();
    if (key === "version") throw new VersionRequested();
    if (key === "mode") text = value;
    if (key === "context" && hasValue) {
      complain("mkfifo", "warning: ignoring --context; it requires an SELinux/SMACK-enabled kernel");
    }
  }
  if (operands.length === 0) throw new ClassicUsageError("missing operand");
  const umask = currentUmask();
  const mode = text === undefined ? MODE & ~umask : parseMode(text, { base: MODE, umask });
  if ((mode & ~PERMISSION_BITS) !== 0) throw new ClassicError("mode must specify only file permission bits");
  let code = 0;
  for (const path of operands) {
    try {
      createFifo(path, { mode });
    } catch (error) {
      if (!(error instanceof PosixError)) throw error;
      complain("mkfifo", `cannot create fifo '${path}': ${reasonOf(error)}`);
      code = 1;
    }
  }
  return code;
}
