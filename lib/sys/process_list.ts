/**
 * The processes that there are, by name.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { directoryNames } from "./directory.ts";
import { libc } from "./libc.ts";
import { readProcFile } from "./proc.ts";

/** A process, as /proc tells. */
export interface ListedProcess {
  readonly pid: number;
  /** What the kernel calls it: the first 15 bytes of the program's file name, or what it calls itself. */
  readonly name: string;
  /** The effective user. */
  readonly uid: number;
}

/**
 * Every process of this pid namespace, in the order of /proc. One that ends meanwhile is left out.
 *
 * @throws {PosixError} ENOENT where /proc is not mounted.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for /proc.
 */
export function listProcesses(): ListedProcess[] {
  return pids().flatMap((pid) => {
    try {
      const status = readProcFile(`/proc/${pid}/status`);
      const name = /^Name:\t(.*)$/m.exec(status)?.[1];
      const uid = /^Uid:\t\d+\t(\d+)/m.exec(status)?.[1];
      return name === undefined || uid === undefined ? [] : [{ pid, name: unescaped(name), uid: Number(uid) }];
    } catch (error) {
      if (error instanceof PosixError && (error.code === "ENOENT" || error.code === "ESRCH")) return [];
      throw error;
    }
  });
}

/** `getuid(2)`: who started this process. */
export function realUser(): number {
  return libc().getuid();
}

/** The kernel writes a newline and a backslash in a name as \n and \\. */
function unescaped(name: string): string {
  return name.replace(/\\(n|\\)/g, (_, letter) => letter === "n" ? "\n" : "\\");
}

function pids(): number[] {
  return directoryNames("/proc").filter((name) => /^\d+$/.test(name)).map(Number).sort((left, right) => left - right);
}
