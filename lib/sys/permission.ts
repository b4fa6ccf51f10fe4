/**
 * FFI bypasses Deno's permissions, so whoever is about to pass a path or a program to libc asks Deno first, here, for what Deno's own
 * function would have needed.
 *
 * @module
 */

/**
 * Asks for read access to a path.
 *
 * @throws {Deno.errors.NotCapable} When it is not granted; the message names the flag.
 */
export function requireRead(path: string): void {
  requirePath("read", path);
}

/**
 * Asks for write access to a path.
 *
 * @throws {Deno.errors.NotCapable} When it is not granted; the message names the flag.
 */
export function requireWrite(path: string): void {
  requirePath("write", path);
}

/**
 * Asks for the right to signal processes: `Deno.kill` needs `--allow-run` without a list.
 *
 * @throws {Deno.errors.NotCapable} When it is not granted; the message names the flag.
 */
export function requireRun(): void {
  if (Deno.permissions.requestSync({ name: "run" }).state === "granted") return;
  throw new Deno.errors.NotCapable("Requires run access, run again with the --allow-run flag");
}

function requirePath(name: "read" | "write", path: string): void {
  // Deno refuses to judge an empty path. The kernel finds nothing there: ENOENT.
  if (path === "") return;
  if (Deno.permissions.requestSync({ name, path }).state === "granted") return;
  throw new Deno.errors.NotCapable(
    `Requires ${name} access to ${JSON.stringify(path)}, run again with the --allow-${name} flag`,
  );
}

/** Whether something is granted already; never prompts. */
export function isGranted(descriptor: Deno.PermissionDescriptor): boolean {
  return Deno.permissions.querySync(descriptor).state === "granted";
}
