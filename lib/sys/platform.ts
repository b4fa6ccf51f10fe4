/**
 * Which kernel and CPU this is, and the table of numbers that belongs to them.
 *
 * @module
 */

import { LINUX_AARCH64, LINUX_X86_64, type PlatformTable } from "./linux.ts";

/** What works everywhere that Deno runs, named in the error of what does not. */
const PERMISSION_LIGHT_TIER = "commands, pipelines, FIFOs, Unix stream sockets and plain signals work here without FFI";

let table: PlatformTable | undefined;

/**
 * The numbers of this platform.
 *
 * @throws {Error} `Not supported yet: …` on anything but Linux with glibc on x86-64 or aarch64.
 */
export function platform(): PlatformTable {
  return table ??= selectTable(Deno.build.os, Deno.build.arch);
}

/** Whether a program here may use FFI without being asked: the platform is supported and `--allow-ffi` is granted. */
export function hasFfi(): boolean {
  if (ffi !== undefined) return ffi;
  const supported = Deno.build.os === "linux" && (Deno.build.arch === "x86_64" || Deno.build.arch === "aarch64");
  const granted = supported && Deno.permissions.querySync({ name: "ffi" }).state === "granted";
  if (granted) ffi = true;
  return granted;
}
let ffi: true | undefined;

/** Picks the table for an operating system and a CPU, as `Deno.build` names them. */
export function selectTable(os: string, arch: string): PlatformTable {
  if (os === "linux" && arch === "x86_64") return LINUX_X86_64;
  if (os === "linux" && arch === "aarch64") return LINUX_AARCH64;
  throw new Error(`Not supported yet: libc calls on ${os} ${arch}; ${PERMISSION_LIGHT_TIER}`);
}

/** The error for a Linux whose C library is not glibc. */
export function unsupportedLibc(cause: unknown): Error {
  return new Error(`Not supported yet: a C library other than glibc 2.34 or later; ${PERMISSION_LIGHT_TIER}`, {
    cause,
  });
}
