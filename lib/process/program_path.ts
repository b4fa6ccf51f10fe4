/**
 * Finding a program, where Deno would find the wrong one.
 *
 * An empty element of PATH means the working directory to `execvp(3)`, and to Deno: whoever can write there chooses what runs. Here it
 * means nothing. Only a PATH with such an element is searched by us; otherwise Deno's own search, which its permissions know, does it.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { isGranted } from "../sys/permission.ts";

const ANY_EXECUTE = 0o111;

/**
 * The program to launch: the name itself, or the path that it has in a PATH with empty elements.
 *
 * @param env The child's own variables.
 * @throws {PosixError} ENOENT when such a PATH does not have it.
 */
export function programPath(program: string, env: Readonly<Record<string, string>> | undefined): string {
  if (program.includes("/")) return program;
  const path = env?.PATH ?? (isGranted({ name: "env", variable: "PATH" }) ? Deno.env.get("PATH") : undefined);
  const elements = path?.split(":") ?? [];
  if (!elements.includes("")) return program;
  // Without read permission Deno has to search; the search would include the working directory, so it is refused.
  for (const directory of elements) {
    if (directory !== "" && isExecutable(`${directory}/${program}`)) return `${directory}/${program}`;
  }
  throw new PosixError({ code: "ENOENT", syscall: "execve", target: program, hint: "not found in PATH" });
}

function isExecutable(path: string): boolean {
  try {
    const info = Deno.statSync(path);
    return info.isFile && ((info.mode ?? 0) & ANY_EXECUTE) !== 0;
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    if (error instanceof Error) return false;
    throw error;
  }
}
