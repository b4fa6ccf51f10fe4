/**
 * Which lessons were done: a file in the user's state directory, where that may be known.
 *
 * @module
 */

import { dirname, join } from "../../std/path.ts";
import { isGranted } from "../../sys/permission.ts";

/** What the file holds. */
interface Kept {
  readonly done: readonly string[];
}

/** Where progress is kept; `undefined` where the variables that tell are out of reach, or not set. */
export function progressFile(): string | undefined {
  const state = variable("XDG_STATE_HOME");
  // As the specification has it, a relative path is to be ignored.
  if (state?.startsWith("/")) return join(state, "causeway", "learn.json");
  const home = variable("HOME");
  return home?.startsWith("/") ? join(home, ".local", "state", "causeway", "learn.json") : undefined;
}

/** The names of the lessons that were done; none when nothing is known, or the file is none of ours. */
export function readProgress(path: string | undefined = progressFile()): string[] {
  if (path === undefined || !isGranted({ name: "read", path })) return [];
  try {
    return parse(JSON.parse(Deno.readTextFileSync(path)));
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof SyntaxError) return [];
    throw error;
  }
}

/** Adds a lesson. @returns Whether that could be kept. */
export function noteDone(name: string, path: string | undefined = progressFile()): boolean {
  if (path === undefined || !isGranted({ name: "write", path })) return false;
  const done = new Set([...readProgress(path), name]);
  const kept: Kept = { done: [...done] };
  Deno.mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // Somebody who reads it meanwhile, or a crash, never meets half a file.
  const fresh = `${path}.${Deno.pid}`;
  Deno.writeTextFileSync(fresh, `${JSON.stringify(kept)}\n`, { mode: 0o600 });
  Deno.renameSync(fresh, path);
  return true;
}

/** Forgets everything. @returns Whether there was something to forget. */
export function forget(path: string | undefined = progressFile()): boolean {
  if (path === undefined) return false;
  try {
    Deno.removeSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

function parse(value: unknown): string[] {
  if (typeof value !== "object" || value === null || !("done" in value) || !Array.isArray(value.done)) return [];
  return value.done.filter((name) => typeof name === "string");
}

function variable(name: string): string | undefined {
  return isGranted({ name: "env", variable: name }) ? Deno.env.get(name) : undefined;
}
