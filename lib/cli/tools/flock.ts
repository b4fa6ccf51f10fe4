/**
 * `causeway flock`: a lock for scripts, as flock(1) of util-linux.
 *
 * The command has the lock's descriptor, as there, unless `--close` says otherwise: the lock lasts until the command, and what it leaves behind, is
 * gone, also when this program is killed. One thing is different: SIGINT, SIGTERM and SIGHUP are passed on to the command, and this program ends
 * after it.
 *
 * @see {@link https://man7.org/linux/man-pages/man1/flock.1.html flock(1)}
 * @module
 */

import { PosixError } from "../../errors.ts";
import { flock as kernelLock } from "../../sync/lock_calls.ts";
import { lockFileSync, tryLockFile } from "../../sync/file_lock.ts";
import type { Fd } from "../../sys/fd.ts";
import { inheritedDescriptor, makeInheritable } from "../../sys/inherited.ts";
import { openFile } from "../../sys/open_file.ts";
import { print } from "../output.ts";
import { ClassicError, classicTool, ClassicUsageError, complain, reasonOf, VersionRequested } from "./classic.ts";
import { HelpRequested } from "../command_line.ts";
import { getopt, type OptionSpec } from "./getopt.ts";
import { int32 } from "./numbers.ts";

/** What the manual page calls its exit codes: those of sysexits.h. */
const EX = { usage: 64, dataErr: 65, noInput: 66, unavailable: 69, osErr: 71, cantCreate: 73 } as const;

const OPENING_CODES: Readonly<Record<string, number>> = {
  EMFILE: EX.osErr,
  ENFILE: EX.osErr,
  ENOMEM: EX.osErr,
  EROFS: EX.cantCreate,
  ENOSPC: EX.cantCreate,
};

const OPTIONS = [
  { key: "shared", names: "-s --shared" },
  { key: "exclusive", names: "-x -e --exclusive" },
  { key: "unlock", names: "-u --unlock" },
  { key: "nonblock", names: "-n --nonblock --nonblocking --nb" },
  { key: "timeout", names: "-w --timeout --wait", value: "required" },
  { key: "conflictCode", names: "-E --conflict-exit-code", value: "required" },
  { key: "close", names: "-o --close" },
  { key: "noFork", names: "-F --no-fork" },
  { key: "verbose", names: "--verbose" },
  { key: "help", names: "-h --help" },
  { key: "version", names: "-V --version" },
] as const satisfies readonly OptionSpec[];

interface Request {
  mode: "shared" | "exclusive" | "unlock";
  /** Milliseconds; 0 for not waiting at all. */
  timeoutMs: number;
  conflictCode: number;
  close: boolean;
  noFork: boolean;
  verbose: boolean;
}

/** Runs the tool. */
export function run(args: readonly string[]): Promise<number> {
  return classicTool({ name: "flock", usageCode: EX.usage, failureCode: EX.osErr }, () => flock(args));
}

async function flock(args: readonly string[]): Promise<number> {
  if (args.length === 0) throw new ClassicUsageError("not enough arguments");
  const { given, operands } = getopt(args, OPTIONS, { stopEarly: true });
  const request = requestOf(given);
  const [target, ...rest] = operands;
  if (target === undefined) throw new ClassicError("requires file descriptor, file or directory", EX.usage);
  const words = commandOf(rest);
  const path = words === undefined ? undefined : target;
  const fd = path === undefined ? descriptor(target) : lockFileAt(path);
  const before = performance.now();
  const locked = lock(fd, path, request);
  if (typeof locked === "string") {
    if (request.verbose) complain("flock", locked);
    return request.conflictCode;
  }
  if (request.verbose) print(`flock: getting lock took ${((performance.now() - before) / 1000).toFixed(6)} seconds\n`);
  // Of a descriptor the lock stays when this program ends: whoever opened it has it.
  return words === undefined ? 0 : await runLocked(words, request, locked);
}

function requestOf(given: readonly { key: typeof OPTIONS[number]["key"]; value: string }[]): Request {
  const request: Request = {
    mode: "exclusive",
    timeoutMs: Infinity,
    conflictCode: 1,
    close: false,
    noFork: false,
    verbose: false,
  };
  let nonblock = false;
  for (const { key, value } of given) {
    if (key === "help") throw new HelpRequested();
    if (key === "version") throw new VersionRequested();
    if (key === "timeout") request.timeoutMs = 1000 * seconds(value);
    else if (key === "conflictCode") request.conflictCode = conflictCode(value);
    else if (key === "nonblock") nonblock = true;
    else if (key === "shared" || key === "exclusive" || key === "unlock") request.mode = key;
    else request[key] = true;
  }
  if (request.noFork && request.close) {
    throw new ClassicError("the --no-fork and --close options are incompatible", EX.usage);
  }
  if (request.timeoutMs < 0) throw new ClassicError("cannot set up timer: Invalid argument", EX.osErr);
  return nonblock ? { ...request, timeoutMs: 0 } : request;
}

function seconds(text: string): number {
  if (!/^\s*[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text)) {
    throw new ClassicError(`invalid timeout value: '${text}'`, EX.usage);
  }
  return Number(text);
}

function conflictCode(text: string): number {
  const code = int32(text, "invalid exit code", EX.usage);
  if (code < 0 || code > 255) throw new ClassicError("exit code out of range (expected 0 to 255)", EX.usage);
  return code;
}

/** The command's words; `undefined` when there are none, and the operand is a descriptor. */
function commandOf(rest: readonly string[]): [string, ...string[]] | undefined {
  const [first, ...others] = rest;
  if (first === undefined) return undefined;
  if (first !== "-c" && first !== "--command") return [first, ...others];
  const [line, extra] = others;
  if (line === undefined || extra !== undefined) {
    throw new ClassicError(`${first} requires exactly one command argument`, EX.usage);
  }
  return [shell(), "-c", line];
}

function shell(): string {
  const fallback = "/bin/sh";
  if (Deno.permissions.querySync({ name: "env", variable: "SHELL" }).state !== "granted") return fallback;
  return Deno.env.get("SHELL") || fallback;
}

function descriptor(text: string): Fd {
  const number = int32(text, "bad file descriptor", EX.usage);
  try {
    return inheritedDescriptor(number);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable || !(error instanceof Error)) throw error;
    const reason = error instanceof PosixError ? reasonOf(error) : "Bad file descriptor";
    throw new ClassicError(`${number}: ${reason}`, EX.dataErr, { cause: error });
  }
}

function lockFileAt(path: string, write = false): Fd {
  try {
    return openFile(path, { createMode: 0o666, write });
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    const code = OPENING_CODES[error.code] ?? EX.noInput;
    throw new ClassicError(`cannot open lock file ${path}: ${reasonOf(error)}`, code, { cause: error });
  }
}

/** The descriptor that has the lock, or why there is none. */
function lock(fd: Fd, path: string | undefined, request: Request): Fd | string {
  const { mode, timeoutMs } = request;
  try {
    if (mode === "unlock") {
      kernelLock.unlock(fd);
      return fd;
    }
    const shared = mode === "shared";
    if (timeoutMs === 0) return tryLockFile(fd, { shared })?.fd ?? "failed to get lock";
    return lockFileSync(fd, { shared, timeoutMs }).fd;
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") return "timeout while waiting to get lock";
    if (!(error instanceof PosixError)) throw error;
    const reopened = path === undefined || mode !== "exclusive" ? undefined : forWriting(error, path);
    if (reopened !== undefined) return lock(reopened, undefined, request);
    const code = error.code === "ENOLCK" || error.code === "ENOMEM" ? EX.osErr : EX.dataErr;
    throw new ClassicError(`${path ?? fd.raw}: ${reasonOf(error)}`, code, { cause: error });
  }
}

/** On NFS, an exclusive lock needs a descriptor that is open for writing. */
function forWriting(error: PosixError, path: string): Fd | undefined {
  if (error.code !== "EBADF" && error.code !== "EIO") return undefined;
  try {
    return openFile(path, { write: true });
  } catch (failure) {
    if (failure instanceof PosixError) return undefined;
    throw failure;
  }
}

async function runLocked(words: [string, ...string[]], request: Request, fd: Fd): Promise<number> {
  if (request.verbose) print(`flock: executing ${words[0]}\n`);
  try {
    if (!request.close) makeInheritable(fd);
    if (request.noFork) {
      const { execute } = await import("../../sys/exec.ts");
      execute(words);
    }
    const { runCommand } = await import("./run_command.ts");
    return await runCommand(words);
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    const code = error.code === "ENOMEM" ? EX.osErr : EX.unavailable;
    throw new ClassicError(`failed to execute ${words[0]}: ${reasonOf(error)}`, code, { cause: error });
  }
}
