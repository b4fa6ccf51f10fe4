/**
 * Deno's permissions, asked for all at once: one line for all that is missing, with the command line to run, rather than one failure after another.
 *
 * @module
 */

import { displayCommand } from "../process/display.ts";
import { fromFileUrl } from "../std/path.ts";
import { isGranted } from "../sys/permission.ts";
import { CommandError } from "./command_line.ts";

/** A permission that a command may need. */
export type PermissionNeed = "ffi" | "run" | "read" | "write";

/** Paths that are all that is read or written: access to them is then enough. */
export type NeededPaths = Readonly<Partial<Record<"read" | "write", readonly string[]>>>;

/**
 * Checks that everything that a command needs is granted. Never prompts.
 *
 * @param words The command's name, and what was typed behind it.
 * @param needs The permissions, in the order in which they are named.
 * @throws {CommandError} Names all that is missing.
 */
export function requirePermissions(
  words: readonly string[],
  needs: readonly PermissionNeed[],
  paths: NeededPaths = {},
): void {
  const missing = needs.filter((name) => !isGrantedAt(name, paths));
  if (missing.length === 0) return;
  const flags = (names: readonly PermissionNeed[]) => names.map((name) => flagOf(name, paths));
  const whole = displayCommand(["deno", "run", ...flags(needs), program(), ...words]);
  const access = `Requires ${missing.join(", ")} access, run again with ${flags(missing).join(" ")}`;
  throw new CommandError(`${words[0]}: ${access}: ${whole}`, 1);
}

function isGrantedAt(name: PermissionNeed, paths: NeededPaths): boolean {
  if (name === "ffi" || name === "run") return isGranted({ name });
  return paths[name]?.every((path) => isGranted({ name, path })) ?? isGranted({ name });
}

/** With a list of paths for whoever has given such a list already: he does not want to give more. */
function flagOf(name: PermissionNeed, paths: NeededPaths): string {
  if (name === "ffi" || name === "run" || isGranted({ name })) return `--allow-${name}`;
  const listed = paths[name]?.some((path) => isGranted({ name, path })) ? paths[name] : undefined;
  return listed === undefined ? `--allow-${name}` : `--allow-${name}=${listed.join(",")}`;
}

/** The program, as one gives it to Deno. */
function program(): string {
  const url = import.meta.resolve("../../cli.ts");
  return url.startsWith("file:") ? fromFileUrl(url) : url;
}
