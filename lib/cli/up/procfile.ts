/**
 * Procfiles: `name: command line` on each line.
 *
 * @see {@link https://ddollar.github.io/foreman/#PROCFILE foreman(1), PROCFILE}
 * @module
 */

import { type Command, command, type CommandOptions, type ServiceSpec } from "../../process/mod.ts";
import { parseShell, type Redirection } from "../../process/shell_syntax.ts";
import { resolve } from "../../std/path.ts";

/**
 * The services of a Procfile. Blank lines and those that begin with `#` are left out.
 *
 * @param directory Where the programs run, and what paths of redirections are relative to.
 * @throws {SyntaxError} With the number of the line.
 */
export function readProcfile(text: string, directory: string): Record<string, ServiceSpec> {
  const services: Record<string, ServiceSpec> = {};
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === "" || line.trimStart().startsWith("#")) continue;
    const { name, words } = /^(?<name>[\w.-]+):\s*(?<words>\S.*)$/.exec(line)?.groups ?? {};
    const refuse = (what: string) => new SyntaxError(`line ${index + 1}: ${what}`);
    if (name === undefined || words === undefined) {
      throw refuse(`must be "name: command line", got ${JSON.stringify(line)}`);
    }
    if (Object.hasOwn(services, name)) throw refuse(`there is a ${JSON.stringify(name)} already`);
    try {
      services[name] = { command: commandLine(words, directory) };
    } catch (error) {
      if (error instanceof SyntaxError || error instanceof TypeError) throw refuse(`${name}: ${error.message}`);
      throw error;
    }
  }
  return services;
}

/**
 * One program, its arguments and redirections, written as `$` has them.
 *
 * @throws {SyntaxError} For what only a shell can do.
 */
export function commandLine(line: string, directory: string): Command {
  try {
    const { stages } = parseShell([line], []);
    const [stage] = stages;
    if (stage === undefined || stages.length > 1) throw new SyntaxError("a service is one program, not a pipeline");
    const words = stage.words.map((word) => {
      if (typeof word === "string") return word;
      throw new SyntaxError("a service has no <(…)");
    });
    const [program = "", ...args] = words;
    return command(program, args, { cwd: directory, ...redirected(stage.redirections, directory) });
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    // The rest of it points at the place, in lines of its own.
    const [what] = error.message.split("\n", 1);
    throw new SyntaxError(`${what}; for a shell write sh -c '…'`, { cause: error });
  }
}

/** Redirections from left to right, each to a file, or of one output to where the other goes now. */
function redirected(redirections: readonly Redirection[], directory: string): CommandOptions {
  const options: CommandOptions = {};
  for (const [index, { descriptor, kind, target }] of redirections.entries()) {
    if (typeof target === "object") throw new SyntaxError("a service has no <(…)");
    if (kind === "same") {
      if (index < redirections.length - 1) throw new SyntaxError("2>&1 goes behind the other redirections here");
      if (descriptor === 2) options.stderr = "stdout";
      else options.stdout = "stderr";
      continue;
    }
    const file = String(target);
    const place = file === "/dev/null" ? "null" : { file: resolve(directory, file) };
    if (kind === "read") options.stdin = place;
    else {
      const output = typeof place === "string" ? place : { ...place, append: kind === "append" };
      if (descriptor === 2) options.stderr = output;
      else options.stdout = output;
    }
  }
  return options;
}
