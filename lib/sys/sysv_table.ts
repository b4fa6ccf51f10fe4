/**
 * The kernel's lists of System V objects, `/proc/sysvipc`: everything of this IPC namespace, whoever made it.
 *
 * @see {@link https://man7.org/linux/man-pages/man7/sysvipc.7.html sysvipc(7)}
 * @module
 */

import { readProcFile } from "./proc.ts";

/** What every kind of object has. */
export interface SysvEntry {
  /** The key, as C's `key_t`: 32 bits with a sign. 0 for a private object. */
  readonly key: number;
  /** The kernel's id. */
  readonly id: number;
  /** Permission bits, and above them what the kernel marks. */
  readonly mode: number;
  /** User and group id of the owner. */
  readonly uid: number;
  readonly gid: number;
  /** User and group id of the creator. */
  readonly creatorUid: number;
  readonly creatorGid: number;
}

/** One line of a list. */
export interface SysvLine {
  /** What every kind has. */
  readonly entry: SysvEntry;
  /** A column by its name in the first line of the list; 0 when this kernel has none of that name. */
  column(name: string): number;
}

/**
 * Every object of a kind, by id.
 *
 * @throws {PosixError} ENOENT where the kernel was built without System V IPC, or /proc is not mounted.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for the list.
 */
export function sysvTable(kind: "msg" | "sem" | "shm"): SysvLine[] {
  const [head = "", ...lines] = readProcFile(`/proc/sysvipc/${kind}`).trimEnd().split("\n");
  const names = words(head);
  return lines.map((line) => {
    const values = words(line);
    const text = (name: string) => values[names.indexOf(name)] ?? "0";
    const column = (name: string) => Number(text(name));
    const entry = {
      key: column("key") | 0,
      id: column(`${kind === "msg" ? "msq" : kind}id`),
      mode: parseInt(text("perms"), 8),
      uid: column("uid"),
      gid: column("gid"),
      creatorUid: column("cuid"),
      creatorGid: column("cgid"),
    };
    return { entry, column };
  });
}

/**
 * The numbers of a file of `/proc/sys/kernel`.
 *
 * @throws {PosixError} ENOENT, EACCES.
 */
export function kernelNumbers(name: string): bigint[] {
  return words(readProcFile(`/proc/sys/kernel/${name}`)).map(BigInt);
}

function words(line: string): string[] {
  return line.trim().split(/\s+/);
}
