/**
 * Services as JSON has them, and as modules may: the shape of `supervise()`, with commands in words.
 *
 * @module
 */

import {
  Command,
  command,
  type HealthCheck,
  type Readiness,
  type ReadyByCommand,
  type RestartOptions,
  type RestartWhen,
  type ServiceSpec,
  type SuperviseOptions,
} from "../../process/mod.ts";
import { type Signal, SIGNALS } from "../../signal/names.ts";
import { resolve } from "../../std/path.ts";
import { commandLine } from "./procfile.ts";

/** Services and what is said about all of them. */
export interface Services {
  /** By name. */
  readonly services: Readonly<Record<string, ServiceSpec>>;
  /** What becomes of the others when one fails for good. */
  readonly whenFailed?: SuperviseOptions["whenFailed"];
}

const FIELDS = {
  top: ["services", "whenFailed"],
  service: ["command", "cwd", "env", "needs", "ready", "health", "restart", "whenNeedsRestart", "endSignal", "graceMs"],
  ready: ["line", "stream", "descriptor", "socket", "host", "command", "everyMs", "timeoutMs"],
  line: ["pattern", "flags"],
  health: ["check", "everyMs", "timeoutMs", "failures"],
  restart: ["when", "delayMs", "factor", "maxDelayMs", "jitter", "resetAfterMs", "maxStarts", "withinMs"],
} as const;

/**
 * Checks the shape and makes commands of words. Values of numbers and words are checked by `supervise()`.
 *
 * @param directory Where programs run, and what paths are relative to.
 * @throws {TypeError | SyntaxError} With the path of what is wrong.
 */
export function readServices(value: unknown, directory: string): Services {
  const { services, whenFailed } = fields(value, "the description", FIELDS.top);
  const all = Object.entries(record(services, "services"));
  if (whenFailed !== undefined && whenFailed !== "stop" && whenFailed !== "keep") {
    throw wrong("whenFailed", '"stop" or "keep"', whenFailed);
  }
  return {
    services: Object.fromEntries(all.map(([name, spec]) => [name, readService(spec, `services.${name}`, directory)])),
    ...(whenFailed !== undefined && { whenFailed }),
  };
}

function readService(value: unknown, path: string, directory: string): ServiceSpec {
  const { cwd, env, endSignal, ready, health, restart, command: program, ...rest } = fields(
    value,
    path,
    FIELDS.service,
  );
  if (program === undefined) throw new TypeError(`${path}.command is missing`);
  if (cwd !== undefined && typeof cwd !== "string") throw wrong(`${path}.cwd`, "a path", cwd);
  const place = resolve(directory, cwd ?? ".");
  const variables = env === undefined ? undefined : readVariables(env, `${path}.env`);
  if (endSignal !== undefined && !isSignal(endSignal)) {
    throw wrong(`${path}.endSignal`, "the name of a signal", endSignal);
  }
  const change = (one: Command): Command =>
    one.with({
      ...(cwd !== undefined && { cwd: place }),
      ...(variables !== undefined && { env: variables }),
      ...(endSignal !== undefined && { endSignal }),
    });
  const isFunction = (made: unknown): made is () => Command => typeof made === "function";
  return {
    // What else is there has been checked for its name, and is checked for its value by supervise().
    ...(rest as Pick<ServiceSpec, "needs" | "whenNeedsRestart" | "graceMs">),
    command: isFunction(program)
      ? () => change(readCommand(program(), `${path}.command()`, place))
      : change(readCommand(program, `${path}.command`, place)),
    ...(ready !== undefined && { ready: readReadiness(ready, `${path}.ready`, place) }),
    ...(health !== undefined && { health: readHealth(health, `${path}.health`, place) }),
    ...(restart !== undefined && { restart: readRestart(restart, `${path}.restart`) }),
  };
}

function readCommand(value: unknown, path: string, directory: string): Command {
  if (value instanceof Command) return value;
  if (typeof value === "string") {
    try {
      return commandLine(value, directory);
    } catch (error) {
      if (error instanceof SyntaxError) throw new SyntaxError(`${path}: ${error.message}`, { cause: error });
      throw error;
    }
  }
  if (Array.isArray(value) && value.length > 0 && value.every((word) => typeof word === "string")) {
    const [program = "", ...args]: string[] = value;
    if (program !== "") return command(program, args, { cwd: directory });
  }
  throw wrong(path, "a command line, or an array of a program and its arguments", value);
}

function readVariables(value: unknown, path: string): Record<string, string> {
  const variables: Record<string, string> = {};
  for (const [name, text] of Object.entries(record(value, path))) {
    if (typeof text !== "string") throw wrong(`${path}.${name}`, "a string", text);
    variables[name] = text;
  }
  return variables;
}

function readReadiness(value: unknown, path: string, directory: string): Readiness {
  const ready = fields(value, path, FIELDS.ready);
  if (ready.command !== undefined) {
    const asked: unknown = { ...ready, command: readCommand(ready.command, `${path}.command`, directory) };
    return asked as ReadyByCommand;
  }
  if (typeof ready.line === "object" && ready.line !== null && !(ready.line instanceof RegExp)) {
    ready.line = readPattern(ready.line, `${path}.line`);
  }
  if (typeof ready.socket === "string" && ready.socket !== "") ready.socket = resolve(directory, ready.socket);
  // Which of them it is, and its values, are checked by supervise().
  const asked: unknown = ready;
  return asked as Readiness;
}

function readPattern(value: object, path: string): RegExp {
  const { pattern, flags = "" } = fields(value, path, FIELDS.line);
  if (typeof pattern !== "string" || typeof flags !== "string") {
    throw wrong(path, "a text or { pattern, flags }", value);
  }
  try {
    return new RegExp(pattern, flags);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new SyntaxError(`${path}.pattern: ${error.message}`, { cause: error });
  }
}

function readHealth(value: unknown, path: string, directory: string): HealthCheck {
  const health = fields(value, path, FIELDS.health);
  if (typeof health.check !== "function") health.check = readCommand(health.check, `${path}.check`, directory);
  // Its other values are checked by supervise().
  const checked: unknown = health;
  return checked as HealthCheck;
}

function readRestart(value: unknown, path: string): RestartWhen | RestartOptions {
  if (typeof value === "string") return value as RestartWhen;
  return fields(value, path, FIELDS.restart) as RestartOptions;
}

/** The fields of an object, of which each has a name that is known. */
function fields<Name extends string>(
  value: unknown,
  path: string,
  names: readonly Name[],
): { [K in Name]?: unknown } {
  const known: readonly string[] = names;
  const all = record(value, path);
  const unknown = Object.keys(all).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new TypeError(`${path} has an unknown field ${JSON.stringify(unknown)}: there are ${names.join(", ")}`);
  }
  return { ...all } as { [K in Name]?: unknown };
}

function record(value: unknown, path: string): Record<string, unknown> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw wrong(path, "an object", value);
}

function isSignal(value: unknown): value is Signal {
  return SIGNALS.some(({ name }) => name === value);
}

function wrong(path: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`${path} must be ${wanted}, got ${Deno.inspect(value, { depth: 1, breakLength: Infinity })}`);
}
