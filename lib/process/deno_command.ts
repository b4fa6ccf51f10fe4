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
import { errnoName } from "../sys/errno_table.ts";
import { type Fd, markDescriptorsCloseOnExec } from "../sys/fd.ts";
import { openPidFdRaw, pidFdSignal } from "../sys/identity.ts";
import { POLL } from "../sys/linux.ts";
import { pollNow } from "../sys/poll.ts";
import { isGranted } from "../sys/permission.ts";
import { hasFfi } from "../sys/platform.ts";
import { withEmptySignalMask } from "../sys/signal_mask.ts";
import { WORDS_TOO_LONG } from "../sys/spawn.ts";
import { signalName } from "../signal/names.ts";
import { forDeno } from "./environment.ts";
import type { Launched, LaunchRequest } from "./launcher.ts";
import { notFound, ownPath, programForDeno } from "./program_path.ts";
import { fromDenoStatus, fromDenoStatusError } from "./status.ts";
import type { LaunchStdio } from "./stdio.ts";
import { retryWhileBusy } from "./text_busy.ts";

/**
 * Starts a program.
 *
 * @throws {PosixError} ENOENT, EACCES, E2BIG, EMFILE, ENOEXEC … as `execve(2)` says; `chdir` ENOENT, ENOTDIR or EACCES when it is the directory.
 * @throws {Deno.errors.NotCapable} Without `--allow-run`.
 */
export function launchByDeno(request: LaunchRequest): Launched {
  if (hasFfi()) markDescriptorsCloseOnExec();
  const child = retryWhileBusy(() => spawn(request));
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
    leadsGroup: request.settings.group === "session",
    usage: undefined,
    isAlive,
    signal(number) {
      if (!isAlive()) return false;
      if (pidfd !== undefined) return pidFdSignal(pidfd, number);
      return signalByDeno(child, number);
    },
    // Without FFI the pid is all there is, and it is the group's while the child lives.
    signalGroup: (number) => isAlive() && signalGroupByDeno(child, number),
    isGroupThere: () => false,
    hold() {},
    release: () => Promise.resolve(),
  };
}

function spawn(request: LaunchRequest): Deno.ChildProcess {
  const { uid, gid, group } = request.settings;
  const { env, clearEnv } = forDeno(request.environment);
  const options: Deno.CommandOptions = {
    args: [...request.args],
    clearEnv,
    env,
    stdin: denoStdio(request.stdin),
    stdout: denoStdio(request.stdout),
    stderr: denoStdio(request.stderr),
    detached: group === "session",
  };
  if (request.cwd !== undefined) options.cwd = request.cwd;
  if (uid !== undefined) options.uid = uid;
  if (gid !== undefined) options.gid = gid;
  const path = env.PATH;
  const program = programForDeno(request.program, path);
  try {
    const spawn = () => new Deno.Command(program, options).spawn();
    // A Worker's thread may have signals blocked, and a child would inherit that.
    return hasFfi() ? withEmptySignalMask(spawn) : spawn();
  } catch (error) {
    throw spawnError(error, request, path);
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

/** The group, or at least its leader where `--allow-run` has a list: signalling by number needs it without one. */
function signalGroupByDeno(child: Deno.ChildProcess, number: number): boolean {
  try {
    Deno.kill(-child.pid, signalName(number) as Deno.Signal);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) return signalByDeno(child, number);
    if (error instanceof Deno.errors.NotFound) return false;
    throw fromDenoError(error, "kill", String(-child.pid));
  }
}

/** Tells the directory from the program: both are ENOENT to Deno, only the message differs (pinned in `tests/sys/deno_facts_test.ts`). */
function spawnError(error: unknown, request: LaunchRequest, path: string | undefined): unknown {
  const message = error instanceof Error ? error.message : "";
  if (request.cwd !== undefined && /No such cwd/.test(message)) {
    return new PosixError({ code: "ENOENT", syscall: "chdir", target: request.cwd, cause: error });
  }
  if (request.cwd !== undefined && /cwd is not a directory/.test(message)) {
    return new PosixError({ code: "ENOTDIR", syscall: "chdir", target: request.cwd, cause: error });
  }
  // Deno gives a code to those errors that have a class of their own (pinned in `tests/process/text_busy_test.ts`); ETXTBSY has none.
  const number = /\(os error (\d+)\)$/.exec(message)?.[1];
  const known = number === undefined
    ? fromDenoError(error, "execve", request.program)
    : new PosixError({ code: errnoName(Number(number)), syscall: "execve", target: request.program, cause: error });
  if (!(known instanceof PosixError)) return known;
  if (known.code === "ENOENT" && !request.program.includes("/")) {
    return notFound(request.program, path ?? ownPath(), error);
  }
  if (known.code === "EACCES" && request.cwd !== undefined && mustNotEnter(request.cwd)) {
    return new PosixError({ code: "EACCES", syscall: "chdir", target: request.cwd, cause: error });
  }
  if (known.code === "E2BIG") {
    return new PosixError({
      code: "E2BIG",
      syscall: "execve",
      target: request.program,
      hint: WORDS_TOO_LONG,
      cause: error,
    });
  }
  return known;
}

/** Whether it is the directory that is forbidden: Deno says the same of a program. */
function mustNotEnter(directory: string): boolean {
  if (!isGranted({ name: "read", path: directory })) return false;
  try {
    // Only who may enter can look for a name in it, whether it is there or not. Deno would take "." away before it asks the kernel.
    Deno.statSync(`${directory}/0`);
    return false;
  } catch (error) {
    if (error instanceof Deno.errors.PermissionDenied) return true;
    if (error instanceof Error) return false;
    throw error;
  }
}
