/**
 * Names of users and groups, wherever this machine keeps them.
 *
 * @module
 */

import { libc } from "./libc.ts";
import { cString } from "./memory.ts";
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

/**
 * `getpwnam(3)`: the id of a user; `undefined` when nobody has the name.
 *
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for /etc/passwd.
 */
export function userId(name: string): number | undefined {
  requireRead("/etc/passwd");
  const struct = libc().getpwnam(cString(name, "user"));
  return struct === null ? undefined : new Deno.UnsafePointerView(struct).getUint32(UID_OFFSET);
}

/** `pw_uid` in `struct passwd`: behind the pointers to the name and to the password. */
const UID_OFFSET = 16;

/** `struct passwd` and `struct group` begin with the pointer to the name; the next call may overwrite what it points to. */
function firstText(struct: Deno.PointerValue): string | undefined {
  if (struct === null) return undefined;
  const text = new Deno.UnsafePointerView(struct).getPointer();
  return text === null ? undefined : new Deno.UnsafePointerView(text).getCString();
}
