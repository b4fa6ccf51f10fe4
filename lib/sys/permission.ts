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
 * Asks for network access to a host and port.
 *
 * @param host As Deno writes it: `"example.com:80"`, `"[::1]:80"`.
 * @throws {Deno.errors.NotCapable} When it is not granted; the message names the flag.
 */
export function requireNet(host: string): void {
  if (Deno.permissions.requestSync({ name: "net", host }).state === "granted") return;
  throw new Deno.errors.NotCapable(
    `Requires net access to ${JSON.stringify(host)}, run again with the --allow-net flag`,
  );
}

/**
 * Asks for the right to signal processes: `Deno.kill` needs `--allow-run` without a list.
 *
 * @throws {Deno.errors.NotCapable} When it is not granted; the message names the flag.
 */
export function requireRun(): void {
  // Deno keeps the status up to date, also when the permission is given up: asking again would cost as much as the signal.
  run ??= Deno.permissions.querySync({ name: "run" });
  if (run.state === "granted") return;
  if (Deno.permissions.requestSync({ name: "run" }).state === "granted") return;
  throw new Deno.errors.NotCapable("Requires run access, run again with the --allow-run flag");
}

let run: Deno.PermissionStatus | undefined;

/**
 * Asks for the right to start a program. With variables that make the loader run other code, Deno wants `--allow-run` without a list.
 *
 * @param variables Names of the variables that the program gets and this process does not give it by itself.
 * @throws {Deno.errors.NotCapable} When it is not granted; the message names the flag.
 */
export function requireProgram(program: string, variables: readonly string[]): void {
  if (variables.some((name) => name.startsWith("LD_"))) return requireRun();
  if (Deno.permissions.requestSync({ name: "run", command: program }).state === "granted") return;
  throw new Deno.errors.NotCapable(
    `Requires run access to ${JSON.stringify(program)}, run again with the --allow-run flag`,
  );
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
