/**
 * `waitpid(1)`: waits for processes that need not be children, as util-linux does.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { openPidFd, type PidFd } from "../../signal/pid_fd.ts";
import { HelpRequested } from "../command_line.ts";
import { print } from "../output.ts";
import { ClassicError, classicTool, complain, reasonOf, refuseTogether, VersionRequested } from "./classic.ts";
import { getopt, type OptionSpec } from "./getopt.ts";
import { int32 } from "./numbers.ts";

const OPTIONS = [
  { key: "verbose", names: "-v --verbose" },
  { key: "timeout", names: "-t --timeout", value: "required" },
  { key: "exited", names: "-e --exited" },
  { key: "count", names: "-c --count", value: "required" },
  { key: "help", names: "-h --help" },
  { key: "version", names: "-V --version" },
] as const satisfies readonly OptionSpec[];

/** Exit code when the time was over. */
const TIMED_OUT = 3;

interface Request {
  verbose: boolean;
  exited: boolean;
  timeoutMs: number | undefined;
  count: number | undefined;
}

/** Runs the tool. */
export function run(args: readonly string[]): Promise<number> {
  return classicTool({ name: "waitpid" }, () => wait(args));
}

async function wait(args: readonly string[]): Promise<number> {
  const { given, operands } = getopt(args, OPTIONS);
  refuseTogether(given, ["count", "exited"]);
  const request: Request = { verbose: false, exited: false, timeoutMs: undefined, count: undefined };
  for (const { key, value } of given) {
    if (key === "help") throw new HelpRequested();
    if (key === "version") throw new VersionRequested();
    if (key === "timeout") request.timeoutMs = milliseconds(value);
    else if (key === "count") request.count = count(value);
    else request[key] = true;
  }
  if (operands.length === 0) throw new ClassicError("no PIDs specified");
  if ((request.count ?? 0) > operands.length) {
    throw new ClassicError(`can't wait for ${request.count} of ${operands.length} PIDs`);
  }
  using stack = new DisposableStack();
  const pids = operands.map((word) => int32(word, "failed to parse pid"));
  const processes = pids.flatMap((pid) => {
    const process = open(pid, request);
    return process === undefined ? [] : [stack.use(process)];
  });
  return await awaitAll(processes, request);
}

/** Seconds, with a fraction; 0 is no limit. */
function milliseconds(text: string): number | undefined {
  if (!/^\s*\+?(\d+\.?\d*|\.\d+)$/.test(text)) throw new ClassicError(`invalid timeout: '${text}'`);
  const ms = Number(text) * 1000;
  return ms === 0 ? undefined : ms;
}

function count(text: string): number {
  const number = /^\s*\+?\d+$/.test(text) ? Number(text) : 0;
  if (number < 1) throw new ClassicError(`invalid count: '${text}'`);
  return number;
}

/** A process to wait for; `undefined` for one that may have exited before, and has. */
function open(pid: number, request: Request): PidFd | undefined {
  try {
    if (pid < 1) throw new PosixError({ code: "EINVAL", syscall: "pidfd_open", target: String(pid) });
    return openPidFd(pid === 1 ? "init" : pid);
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    if (!request.exited || error.code !== "ESRCH") {
      throw new ClassicError(`could not open PID ${pid}: ${reasonOf(error)}`);
    }
    if (request.verbose) complain("waitpid", `PID ${pid} has exited, skipping`);
    return undefined;
  }
}

/** Waits for as many exits as were asked for, each told as it comes. */
async function awaitAll(processes: readonly PidFd[], { verbose, timeoutMs, count }: Request): Promise<number> {
  let missing = Math.min(count ?? processes.length, processes.length);
  if (missing === 0) return 0;
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const enough = new AbortController();
  const options = timeoutMs === undefined ? { signal: enough.signal } : { signal: enough.signal, timeoutMs };
  const waits = processes.map(async (process) => {
    try {
      await process.exited(options);
    } catch (error) {
      if (enough.signal.aborted) return;
      if (!(error instanceof DOMException && error.name === "TimeoutError")) throw error;
      if (verbose) print("Timeout expired\n");
      return finish(TIMED_OUT);
    }
    if (missing === 0) return;
    if (verbose) print(`PID ${process.pid} finished\n`);
    if (--missing === 0) finish(0);
  });
  function finish(code: number): void {
    missing = 0;
    enough.abort();
    resolve(code);
  }
  Promise.all(waits).catch(reject);
  return await promise;
}
