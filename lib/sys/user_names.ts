/**
 * Names of users and groups, wherever this machine keeps them.
 *
 * @module
 */

import { libc } from "./libc.ts";
import { requireRead } from "./permission.ts";

/**
 * `getpwuid(3)`: the name of a user; `undefined` when nobody has the id.
 *
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for /etc/passwd.
 */
export function userName(uid: number): string | undefined {
  requireRead("/etc/passwd");
  return firstText(libc().getpwuid(uid));
}

/**
 * `getgrgid(3)`: the name of a group; `undefined` when none has the id.
 *
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for /etc/group.
 */
export function groupName(gid: number): string | undefined {
  requireRead("/etc/group");
  return firstText(libc().getgrgid(gid));
}

/** `struct passwd` and `struct group` begin with the pointer to the name; the next call may overwrite what it points to. */
function firstText(struct: Deno.PointerValue): string | undefined {
  if (struct === null) return undefined;
  const text = new Deno.UnsafePointerView(struct).getPointer();
  return text === null ? undefined : new Deno.UnsafePointerView(text).getCString();
}
