/**
 * The launcher that uses `Deno.Command`.
 *
 * Two things that Deno does are undone here. After it has reaped a child, Deno sends SIGKILL to the pid that it just reaped, which may be
 * another process by then; a child that is `unref()`ed is spared that, so every child is, and `keep_alive.ts` counts it instead. And a
 * pid is signalled through its pidfd where there is FFI: the kernel then knows whether the process is still that process.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { fromDenoError } from "../sys/errno.ts";
import { type Fd, markDescriptorsCloseOnExec } from "../sys/fd.ts";
import { openPidFdRaw, pidFdSignal } from "../sys/identity.ts";
import { POLL } from "../sys/linux.ts";
import { pollNow } from "../sys/poll.ts";
import { hasFfi } from "../sys/platform.ts";
import { withEmptySignalMask } from "../sys/signal_mask.ts";
import { signalName } from "../signal/names.ts";
import { fromDenoStatus, fromDenoStatusError, type Status } from "./status.ts";
import type { LaunchStdio } from "./stdio.ts";

/** What a launcher needs to know. */
export interface LaunchRequest {
  program: string;
  args: readonly string[];
  cwd?: string | URL | undefined;
  env?: Readonly<Record<string, string>> | undefined;
  clearEnv: boolean;
  stdin: LaunchStdio;
  stdout: LaunchStdio;
  stderr: LaunchStdio;
}

/** A process that was launched. */
export interface Launched {
  readonly pid: number;
  /** Resolves when it was reaped, which happens once. */
  readonly status: Promise<Status>;
  readonly stdin: WritableStream<Uint8Array> | undefined;
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  /** Whether the process has not exited, as far as can be known. */
  isAlive(): boolean;
  /** Sends a signal by number; `false` when the process has exited. */
  signal(number: number): boolean;
}

/**
 * Starts a program.
 *
 * @throws {PosixError} ENOENT, EACCES, E2BIG, EMFILE, ENOEXEC … as `execve(2)` says; `chdir` ENOENT or ENOTDIR when it is the directory.
 * @throws {Deno.errors.NotCapable} Without `--allow-run`.
 */
export function launch(request: LaunchRequest): Launched {
  if (hasFfi()) markDescriptorsCloseOnExec();
  const child = spawn(request);
  child.unref();
  const pidfd = openPidFd(child.pid);
  let reaped = false;
  const status = child.status.then(fromDenoStatus, fromDenoStatusError).finally(() => {
    reaped = true;
    pidfd?.close();
  });
  // A pidfd is readable from the exit on, before anybody has reaped.
  const isAlive = () => !reaped && (pidfd === undefined || pollNow(pidfd, POLL.IN) === 0);
  return {
    pid: child.pid,
    status,
    stdin: request.stdin === "piped" ? child.stdin : undefined,
    stdout: request.stdout === "piped" ? child.stdout : undefined,
    stderr: request.stderr === "piped" ? child.stderr : undefined,
    isAlive,
    signal(number) {
      if (!isAlive()) return false;
      if (pidfd !== undefined) return pidFdSignal(pidfd, number);
      return signalByDeno(child, number);
    },
  };
}

function spawn(request: LaunchRequest): Deno.ChildProcess {
  const options: Deno.CommandOptions = {
    args: [...request.args],
    clearEnv: request.clearEnv,
    stdin: denoStdio(request.stdin),
    stdout: denoStdio(request.stdout),
    stderr: denoStdio(request.stderr),
  };
  if (request.cwd !== undefined) options.cwd = request.cwd;
  if (request.env !== undefined) options.env = { ...request.env };
  try {
    const spawn = () => new Deno.Command(request.program, options).spawn();
    // A Worker's thread may have signals blocked, and a child would inherit that.
    return hasFfi() ? withEmptySignalMask(spawn) : spawn();
  } catch (error) {
    throw spawnError(error, request);
  }
}

/** Deno takes descriptor numbers, as its node layer does; its types do not say so. `tests/sys/deno_facts_test.ts` pins it. */
function denoStdio(stdio: LaunchStdio): "piped" | "inherit" | "null" {
  return stdio as "piped";
}

/** The child cannot have been reaped yet: Deno reaps on this thread, in a later turn of the event loop. So the pid is still the child's. */
function openPidFd(pid: number): Fd | undefined {
  if (!hasFfi()) return undefined;
  try {
    return openPidFdRaw(pid);
  } catch (error) {
    // No descriptor left: Deno's own way to signal has to do.
    if (error instanceof PosixError && (error.code === "EMFILE" || error.code === "ENFILE")) return undefined;
    throw error;
  }
}

function signalByDeno(child: Deno.ChildProcess, number: number): boolean {
  const name = signalName(number);
  if (number > 31) throw new TypeError(`${name} cannot be sent to a child without --allow-ffi`);
  try {
    child.kill(name as Deno.Signal);
    return true;
  } catch (error) {
    // It has exited, and Deno has noticed before we have.
    if (error instanceof TypeError || error instanceof Deno.errors.NotFound) return false;
    throw fromDenoError(error, "kill", String(child.pid));
  }
}

/** Tells the directory from the program: both are ENOENT to Deno, only the message differs (pinned in `tests/sys/deno_facts_test.ts`). */
function spawnError(error: unknown, request: LaunchRequest): unknown {
  const message = error instanceof Error ? error.message : "";
  if (request.cwd !== undefined && /No such cwd/.test(message)) {
    return new PosixError({ code: "ENOENT", syscall: "chdir", target: String(request.cwd), cause: error });
  }
  if (request.cwd !== undefined && /cwd is not a directory/.test(message)) {
    return new PosixError({ code: "ENOTDIR", syscall: "chdir", target: String(request.cwd), cause: error });
  }
  return fromDenoError(error, "execve", request.program);
}
