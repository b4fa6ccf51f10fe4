/**
 * `pipesz(1)`: tells and sets how much pipes hold, as util-linux does.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { bytesInPipe, getCapacity, setCapacity } from "../../pipe/pipe_size.ts";
import { execute } from "../../sys/exec.ts";
import type { Fd } from "../../sys/fd.ts";
import { duplicateInherited } from "../../sys/inherited.ts";
import { openFile } from "../../sys/open_file.ts";
import { readProcFile } from "../../sys/proc.ts";
import { HelpRequested } from "../command_line.ts";
import { print } from "../output.ts";
import { ClassicError, classicTool, complain, reasonOf, refuseTogether, VersionRequested } from "./classic.ts";
import { getopt, type OptionSpec } from "./getopt.ts";
import { cannotStart } from "./launch.ts";
import { byteSize, int32 } from "./numbers.ts";

const OPTIONS = [
  { key: "get", names: "-g --get" },
  { key: "set", names: "-s --set", value: "required" },
  { key: "file", names: "-f --file", value: "required" },
  { key: "fd", names: "-n --fd", value: "required" },
  { key: "stdin", names: "-i --stdin" },
  { key: "stdout", names: "-o --stdout" },
  { key: "stderr", names: "-e --stderr" },
  { key: "check", names: "-c --check" },
  { key: "quiet", names: "-q --quiet" },
  { key: "verbose", names: "-v --verbose" },
  { key: "help", names: "-h --help" },
  { key: "version", names: "-V --version" },
] as const satisfies readonly OptionSpec[];

const DEFAULT_SIZE_FILE = "/proc/sys/fs/pipe-max-size";

/** More than any pipe may hold: the kernel says so. */
const MOST_BYTES = 0x7fff_ffff;

const STANDARD = { stdin: 0, stdout: 1, stderr: 2 } as const;

interface Request {
  sizes: number[];
  pipes: (number | string)[];
  get: boolean;
  check: boolean;
  quiet: boolean;
  verbose: boolean;
}

/** Runs the tool. */
export function run(args: readonly string[]): Promise<number> {
  return classicTool({ name: "pipesz" }, () => pipesz(args));
}

function pipesz(args: readonly string[]): number {
  const { given, operands } = getopt(args, OPTIONS, { stopEarly: true });
  refuseTogether(given, ["get", "set"]);
  const request: Request = { sizes: [], pipes: [], get: false, check: false, quiet: false, verbose: false };
  for (const { key, value } of given) {
    if (key === "help") throw new HelpRequested();
    if (key === "version") throw new VersionRequested();
    if (key === "set") request.sizes.push(Math.max(1, Math.min(MOST_BYTES, Number(byteSize(value, "invalid size")))));
    else if (key === "file") request.pipes.push(value);
    else if (key === "fd") request.pipes.push(int32(value, "invalid fd argument"));
    else if (key === "stdin" || key === "stdout" || key === "stderr") request.pipes.push(STANDARD[key]);
    else request[key] = true;
  }
  if (request.get) return getAll(request, operands);
  setAll(request);
  const [program, ...rest] = operands;
  if (program === undefined) return 0;
  try {
    execute([program, ...rest]);
  } catch (error) {
    throw cannotStart(error, (reason) => `failed to execute ${program}: ${reason}`);
  }
}

function getAll(request: Request, operands: readonly string[]): number {
  if (operands.length > 0) throw new ClassicError("cannot specify a command with --get");
  if (request.verbose) print("pipe\tsize\tunread\n");
  for (const pipe of request.pipes.length > 0 ? request.pipes : [STANDARD.stdin]) {
    visit(pipe, request, "get", (fd, name) => print(`${name}\t${getCapacity(fd)}\t${unread(fd)}\n`));
  }
  return 0;
}

function setAll(request: Request): void {
  const size = request.sizes.at(-1) ?? defaultSize(request);
  if (size === undefined) return;
  if (request.sizes.length > 1 && !request.quiet) complain("pipesz", "using last specified size");
  for (const pipe of request.pipes.length > 0 ? request.pipes : [STANDARD.stdout]) {
    visit(pipe, request, "set", (fd, name) => {
      setCapacity(fd, size);
      if (request.verbose) complain("pipesz", `${name} pipe buffer size set to ${getCapacity(fd)}`);
    });
  }
}

/** Opens a pipe by number or path and does something with it; what fails is a warning, unless it was to be checked. */
function visit(pipe: number | string, request: Request, verb: string, work: (fd: Fd, name: string) => void): void {
  const name = typeof pipe === "number" ? `fd ${pipe}` : pipe;
  try {
    using fd = typeof pipe === "number" ? duplicateInherited(pipe) : openFile(pipe);
    work(fd, name);
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    const what = error.syscall === "open" ? "cannot open" : `cannot ${verb} pipe buffer size of`;
    warn(request, `${what} ${name}: ${reasonOf(error)}`);
  }
}

function warn(request: Request, message: string): void {
  if (request.check) throw new ClassicError(message);
  if (!request.quiet) complain("pipesz", message);
}

function unread(fd: Fd): number {
  try {
    return bytesInPipe(fd);
  } catch (error) {
    if (error instanceof PosixError) return 0;
    throw error;
  }
}

/** As much as any pipe may hold without privilege. */
function defaultSize(request: Request): number | undefined {
  const text = readProcFile(DEFAULT_SIZE_FILE).trim();
  if (/^\d+$/.test(text)) return Math.min(MOST_BYTES, Number(text));
  warn(request, `cannot parse ${DEFAULT_SIZE_FILE}`);
  return undefined;
}
