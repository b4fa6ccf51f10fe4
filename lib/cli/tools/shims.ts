/**
 * `causeway shims`: writes a launcher for each classic tool, so that scripts find them on PATH.
 *
 * @module
 */

import { fromFileUrl } from "../../std/path.ts";
import { CommandError, UsageError } from "../command_line.ts";
import { parseOptions } from "../options.ts";
import { print } from "../output.ts";

/** The tools whose manual pages these programs follow. */
export const CLASSIC_TOOLS: readonly string[] = [
  "flock",
  "ipcmk",
  "ipcrm",
  "ipcs",
  "kill",
  "mkfifo",
  "pipesz",
  "setsid",
  "timeout",
  "waitpid",
];

/** What the tools need: libc, other programs, files. */
const FLAGS = ["--quiet", "--no-prompt", "--allow-ffi", "--allow-run", "--allow-read", "--allow-write", "--allow-env"];

/** Reads the file of a command when it is called. Else Deno reads those of all commands at each start, which takes 25 ms. */
const LAZY = "--unstable-lazy-dynamic-imports";

/** The second line of every launcher: a file without it is somebody else's. */
const MARK = "# Written by causeway shims.";

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const { words } = await parseOptions("shims", args, { flags: [] });
  const [directory, extra] = words;
  if (directory === undefined) throw new UsageError("shims: which directory? causeway shims DIR");
  if (extra !== undefined) throw new UsageError(`shims: one directory at a time, got also ${JSON.stringify(extra)}`);
  attempt(directory, () => Deno.mkdirSync(directory, { recursive: true }));
  const paths = CLASSIC_TOOLS.map((tool) => ({ tool, path: `${directory.replace(/(?<=.)\/+$/, "")}/${tool}` }));
  // All are looked at before the first is written.
  for (const { path } of paths) attempt(path, () => refuseForeign(path));
  for (const { tool, path } of paths) {
    attempt(path, () => write(path, launcher(tool)));
    print(`${path}\n`);
  }
  return 0;
}

/** The launcher of a tool. */
export function launcher(tool: string): string {
  const path = program();
  // What comes from the network would need one more permission then.
  const flags = path.startsWith("/") ? [LAZY, ...FLAGS] : FLAGS;
  const words = [Deno.execPath(), "run", ...flags, path, tool].map(quoted).join(" ");
  return `#!/bin/sh\n${MARK}\nexec ${words} "$@"\n`;
}

/** This program: a file, or an address when it was run from one. */
function program(): string {
  const url = new URL("../../../cli.ts", import.meta.url);
  return url.protocol === "file:" ? fromFileUrl(url) : url.href;
}

function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}

function refuseForeign(path: string): void {
  let text: string;
  try {
    text = Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return;
    throw error;
  }
  if (!text.includes(`\n${MARK}\n`)) throw new CommandError(`shims: ${path} is no launcher of ours: move it away`, 1);
}

/** A launcher that runs at this moment is replaced as a whole. */
function write(path: string, text: string): void {
  const draft = `${path}.${crypto.randomUUID()}`;
  try {
    Deno.writeTextFileSync(draft, text, { mode: 0o755, createNew: true });
    Deno.chmodSync(draft, 0o755);
    Deno.renameSync(draft, path);
  } catch (error) {
    try {
      Deno.removeSync(draft);
    } catch (missing) {
      if (!(missing instanceof Deno.errors.NotFound)) throw missing;
    }
    throw error;
  }
}

/** Says where it failed. */
function attempt(path: string, work: () => void): void {
  try {
    work();
  } catch (error) {
    if (error instanceof CommandError || !(error instanceof Error)) throw error;
    throw new CommandError(`shims: cannot write ${path}: ${error.message}`, 1, { cause: error });
  }
}
