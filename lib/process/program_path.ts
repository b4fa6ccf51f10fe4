/**
 * Finding a program.
 *
 * An empty element of PATH means the working directory to `execvp(3)`, and to Deno: whoever can write there chooses what runs. Here it
 * means nothing.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { ERRNO, errno, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { fileFacts } from "../sys/file_facts.ts";
import { libc } from "../sys/libc.ts";
import { O, X_OK } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { isGranted } from "../sys/permission.ts";
import { notFoundHint } from "./suggestion.ts";

const ANY_EXECUTE = 0o111;

/** What `execvp(3)` searches when there is no PATH. */
const DEFAULT_PATH = "/bin:/usr/bin";

/**
 * The program for `Deno.Command`: the name itself, or the path that it has in a PATH with empty elements. Any other PATH is left to Deno,
 * whose permissions know its own search.
 *
 * @param path PATH of the child's own variables.
 * @throws {PosixError} ENOENT when such a PATH does not have it.
 */
export function programForDeno(program: string, path: string | undefined): string {
  if (program.includes("/")) return program;
  const elements = (path ?? ownPath())?.split(":") ?? [];
  if (!elements.includes("")) return program;
  // Without read permission Deno has to search; the search would include the working directory, so it is refused.
  for (const directory of elements) {
    if (directory !== "" && isExecutable(`${directory}/${program}`)) return `${directory}/${program}`;
  }
  throw notFound(program, elements.join(":"));
}

/**
 * Searches a PATH through libc, as `execvp(3)` does.
 *
 * @param path The child's PATH.
 * @throws {PosixError} ENOENT; EACCES when the only ones found cannot be executed.
 */
export function findProgram(program: string, path: string = DEFAULT_PATH): string {
  if (program.includes("/")) return program;
  let forbidden = false;
  for (const directory of path.split(":").filter(Boolean)) {
    const candidate = `${directory}/${program}`;
    if (libc().access(cString(candidate, "Program"), X_OK) === 0) {
      if (isRegularFile(candidate)) return candidate;
    } else if (errno() === ERRNO.EACCES) forbidden = true;
  }
  if (forbidden) throw new PosixError({ code: "EACCES", syscall: "execve", target: program });
  throw notFound(program, path);
}

/** This process's PATH, where this process may know it. */
export function ownPath(): string | undefined {
  return isGranted({ name: "env", variable: "PATH" }) ? Deno.env.get("PATH") : undefined;
}

/** The error for a name that PATH does not have. */
export function notFound(program: string, path: string | undefined, cause?: unknown): PosixError {
  return new PosixError({
    code: "ENOENT",
    syscall: "execve",
    target: program,
    hint: notFoundHint(program, path),
    cause,
  });
}

/** A directory may have execute bits too. */
function isRegularFile(path: string): boolean {
  const raw = libc().open(cString(path, "Program"), O.PATH | O.CLOEXEC, 0);
  const number = raw === -1 ? errno() : 0;
  if (number === ERRNO.EMFILE || number === ERRNO.ENFILE) fail(number, "open", path);
  if (number !== 0) return false;
  using file = Fd.own(raw, path);
  return fileFacts(file).kind === "regular file";
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
