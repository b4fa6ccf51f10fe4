/**
 * What the caller may have meant: a program on PATH whose name is one slip of the finger away.
 *
 * @module
 */

import { isGranted } from "../sys/permission.ts";

/** What only a shell has, because a program could not do it for whoever calls it, and what does it here. */
const SHELL_WORDS: Readonly<Record<string, string>> = {
  alias: "write a function",
  cd: "use { cwd }",
  exec: "name the program itself",
  exit: "use Deno.exit()",
  export: "use { env }",
  source: "use sh -c",
  ulimit: "use { limits }",
  umask: "use { umask }",
  unset: "use { env } with undefined",
};

/** What to say of a program that PATH does not have. Looks only where it may without asking. */
export function notFoundHint(program: string, path: string | undefined): string {
  const instead = Object.hasOwn(SHELL_WORDS, program) ? SHELL_WORDS[program] : undefined;
  if (instead !== undefined) return `not found in PATH; only a shell has it: ${instead}`;
  const [first = "", second] = program.trim().split(/\s+/, 2);
  if (second !== undefined) return `not found in PATH; is it ${JSON.stringify(first)} with arguments? They stand apart`;
  // Of a name of one or two letters, half of all short names are one slip away.
  const names = program.length < 3 ? [] : (path ?? "").split(":").filter(Boolean).flatMap(namesIn);
  const nearest = names.find((name) => isOneSlip(program, name));
  return nearest === undefined ? "not found in PATH" : `not found in PATH; did you mean ${JSON.stringify(nearest)}?`;
}

/** Whether one letter is missing, too many or wrong, or two neighbours have changed places. */
function isOneSlip(typed: string, meant: string): boolean {
  if (Math.abs(typed.length - meant.length) > 1) return false;
  let start = 0;
  while (start < typed.length && typed[start] === meant[start]) start++;
  let end = 0;
  while (end < Math.min(typed.length, meant.length) - start && typed.at(-1 - end) === meant.at(-1 - end)) end++;
  const [wrong, right] = [typed.slice(start, typed.length - end), meant.slice(start, meant.length - end)];
  const swapped = wrong.length === 2 && right.length === 2 && wrong[0] === right[1] && wrong[1] === right[0];
  return swapped || Math.max(wrong.length, right.length) <= 1;
}

function namesIn(directory: string): string[] {
  if (!isGranted({ name: "read", path: directory })) return [];
  try {
    return [...Deno.readDirSync(directory)].map(({ name }) => name);
  } catch (error) {
    // A PATH may name what is not there, or must not be read.
    if (error instanceof Error) return [];
    throw error;
  }
}
