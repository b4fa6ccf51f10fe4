/**
 * The file that describes services: a Procfile, JSON, or a module.
 *
 * @module
 */

import { parseEnv } from "node:util";
import { PosixError } from "../../errors.ts";
import { toStage } from "../../process/command.ts";
import type { Command, ServiceSpec } from "../../process/mod.ts";
import { dirname, toFileUrl } from "../../std/path.ts";
import { fromDenoError } from "../../sys/errno.ts";
import { CommandError, UsageError } from "../command_line.ts";
import { readServices, type Services } from "./plain_services.ts";
import { readProcfile } from "./procfile.ts";
import type { Request } from "./request.ts";

/** Where to look when no file was named. */
const USUAL = ["Procfile", "causeway.json", "causeway.ts"];

/**
 * The real path of the description.
 *
 * @throws {UsageError} When there is none.
 */
export function descriptionPath(file: string | undefined): string {
  for (const path of file === undefined ? USUAL : [file]) {
    try {
      return Deno.realPathSync(path);
    } catch (error) {
      if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) continue;
      const reason = fromDenoError(error, "realpath", path);
      throw reason instanceof PosixError ? new CommandError(`up: ${reason.message}`, 1, { cause: error }) : error;
    }
  }
  if (file !== undefined) throw new UsageError(`up: no such file: ${JSON.stringify(file)}`);
  throw new UsageError(
    `up: there is no ${USUAL.join(", ").replace(/, (?=[^,]*$)/, " and no ")} here: causeway up FILE`,
  );
}

/**
 * Reads a description. A module (`.ts`, `.js`, `.mjs`) is imported, which runs it.
 *
 * @throws {CommandError} With the file and what is wrong.
 */
export async function readDescription(path: string, request: Pick<Request, "envFile" | "restart">): Promise<Services> {
  const directory = dirname(path);
  const isModule = /\.(ts|js|mjs)$/.test(path);
  try {
    const { services, ...others } = isModule
      ? readServices(await importDefault(path), directory)
      : path.endsWith(".json")
      ? readServices(JSON.parse(textOf(path)), directory)
      : { services: readProcfile(textOf(path), directory) };
    const env = request.envFile === undefined ? {} : variablesOf(request.envFile);
    // In a Procfile nothing can be said about it, and there a process that fails ends the whole.
    const restart = request.restart ?? (isModule || path.endsWith(".json") ? undefined : "never");
    const entries = Object.entries(services).map(([name, spec]) => [name, withDefaults(spec, env, restart)]);
    return { services: Object.fromEntries(entries), ...others };
  } catch (error) {
    if (error instanceof CommandError || error instanceof Deno.errors.NotCapable) throw error;
    // A module can throw anything.
    throw new CommandError(`up: ${path}: ${error instanceof Error ? error.message : String(error)}`, 1, {
      cause: error,
    });
  }
}

/** @throws {CommandError} With the path and why it cannot be read. */
function textOf(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    const reason = fromDenoError(error, "open", path);
    if (!(reason instanceof PosixError)) throw error;
    throw new CommandError(`up: ${reason.message}`, 1, { cause: error });
  }
}

async function importDefault(path: string): Promise<unknown> {
  const module: { readonly default?: unknown } = await import(toFileUrl(path).href);
  if (module.default === undefined) throw new TypeError("the module has no default export");
  return module.default;
}

function variablesOf(file: string): Record<string, string> {
  const parsed: Record<string, string | undefined> = parseEnv(textOf(file));
  const given = Object.entries(parsed).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return Object.fromEntries(given);
}

function withDefaults(spec: ServiceSpec, env: Record<string, string>, restart: Request["restart"]): ServiceSpec {
  const { command } = spec;
  // What a service says itself goes before.
  const withEnv = (one: Command) => one.with({ env: { ...env, ...one[toStage]().options.env } });
  return {
    ...spec,
    command: typeof command === "function" ? () => withEnv(command()) : withEnv(command),
    ...(spec.restart === undefined && restart !== undefined && { restart }),
  };
}
