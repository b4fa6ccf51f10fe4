/**
 * A child's variables, for either launcher.
 *
 * @module
 */

import { environEntries } from "../sys/c_strings.ts";
import { cString } from "../sys/memory.ts";

/** How a child's variables differ from this process's. */
export interface EnvironmentChange {
  /** Variables to set; `undefined` removes one. */
  readonly set: Readonly<Record<string, string | undefined>>;
  /** Whether the child starts with no others. */
  readonly clear: boolean;
}

/** Whether anything differs. */
export function changesAnything(change: EnvironmentChange): boolean {
  return change.clear || Object.keys(change.set).length > 0;
}

/** As `Deno.Command` takes it. To remove a variable, the others must be copied, and the child starts from nothing. */
export function forDeno(change: EnvironmentChange): { env: Record<string, string>; clearEnv: boolean } {
  const entries = Object.entries(change.set);
  const removes = !change.clear && entries.some(([, value]) => value === undefined);
  const env: Record<string, string> = removes ? Deno.env.toObject() : {};
  for (const [name, value] of entries) {
    if (value === undefined) delete env[name];
    else env[name] = value;
  }
  return { env, clearEnv: removes || change.clear };
}

/** As `execve(2)` takes it: `NAME=value` and a NUL each. What is inherited stays as it is, byte for byte. */
export function forExec(change: EnvironmentChange): Uint8Array[] {
  const inherited = change.clear ? [] : environEntries().filter((entry) => !Object.hasOwn(change.set, nameOf(entry)));
  const own = Object.entries(change.set).flatMap(([name, value]) =>
    value === undefined ? [] : [cString(`${name}=${value}`, `Variable ${name}`)]
  );
  return [...inherited, ...own];
}

const decoder = new TextDecoder();

/** The value of a variable among entries that {@linkcode forExec} made. */
export function valueOf(entries: readonly Uint8Array[], name: string): string | undefined {
  const entry = entries.find((entry) => nameOf(entry) === name);
  return entry && decoder.decode(entry.subarray(name.length + 1, -1));
}

function nameOf(entry: Uint8Array): string {
  return decoder.decode(entry.subarray(0, entry.indexOf(61, 1)));
}
