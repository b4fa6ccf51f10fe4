/**
 * Starting the program that a classic tool is called with: it gets everything that the tool was started with, descriptors above 2 included.
 * (`command()` hands on three descriptors and no more, which is right for a library and would break `timeout 5 sh -c 'echo >&3'`.)
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { keepAlive } from "../../process/keep_alive.ts";
import { fromDenoStatus, fromDenoStatusError, type Status } from "../../process/status.ts";
import { openPidFd } from "../../signal/pid_fd.ts";
import { fromDenoError } from "../../sys/errno.ts";
import { errnoMeaning } from "../../sys/errno_table.ts";
import { hasFfi } from "../../sys/platform.ts";
import { signalName } from "../../signal/names.ts";
import { ClassicError } from "./classic.ts";

/** A started program. */
export interface Launched {
  readonly pid: number;
  /** How it ended. Never rejects because of how. */
  readonly status: Promise<Status>;
  /** Sends it a signal by number; one that has ended is left in peace. */
  signal(number: number): void;
}

/** What exec(3) has a shell do with a script that names no interpreter. */
const SHELL = "/bin/sh";

/**
 * Starts a program.
 *
 * @throws {PosixError} As `execve(2)` says.
 */
export function launch(program: string, args: readonly string[]): Launched {
  const child = spawn(program, args);
  // Deno sends SIGKILL to the pid that it has just reaped, except to a child that is unref'ed.
  child.unref();
  const release = keepAlive();
  // The child cannot have been reaped yet: the pid is still its own.
  const pidfd = hasFfi() ? openPidFd(child.pid) : undefined;
  const status = child.status.then(fromDenoStatus, fromDenoStatusError).finally(() => {
    pidfd?.close();
    release();
  });
  let ended = false;
  status.then(() => ended = true);
  return {
    pid: child.pid,
    status,
    signal(number) {
      if (ended) return;
      try {
        if (pidfd !== undefined) pidfd.kill(number);
        else if (number !== 0) child.kill(signalName(number) as Deno.Signal);
      } catch (error) {
        // It has ended, and whoever waits for it has not been told yet.
        if (error instanceof TypeError || (error instanceof PosixError && error.code === "ESRCH")) return;
        throw error;
      }
    },
  };
}

function spawn(program: string, args: readonly string[]): Deno.ChildProcess {
  const stdio = { stdin: "inherit", stdout: "inherit", stderr: "inherit" } as const;
  try {
    return new Deno.Command(program, { args: [...args], ...stdio }).spawn();
  } catch (error) {
    const known = fromDenoError(error, "execve", program);
    if (known instanceof PosixError && known.code === "ENOEXEC") {
      return new Deno.Command(SHELL, { args: [program, ...args], ...stdio }).spawn();
    }
    throw known;
  }
}

/** The words and the exit code for a program that cannot be started: 127 where there is none, 126 where there is. */
export function cannotStart(error: unknown, describe: (reason: string) => string): unknown {
  if (!(error instanceof PosixError) || !/^execvp?e?$/.test(error.syscall)) return error;
  const code = error.code === "ENOENT" ? 127 : 126;
  return new ClassicError(describe(errnoMeaning(error.code)), code, { cause: error });
}
