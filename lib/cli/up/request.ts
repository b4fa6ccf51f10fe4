/**
 * What `causeway up` was asked for.
 *
 * @module
 */

import type { RestartWhen } from "../../process/mod.ts";
import { HelpRequested, UsageError } from "../command_line.ts";
import { withSuggestion } from "../options_classic.ts";
import { getopt, type OptionSpec } from "../tools/getopt.ts";

const OPTIONS = [
  { key: "file", names: "-f --file", value: "required" },
  { key: "env", names: "-e --env", value: "required" },
  { key: "only", names: "--only" },
  { key: "restart", names: "--restart", value: "required" },
  { key: "keep-going", names: "-k --keep-going" },
  { key: "json", names: "--json" },
  { key: "no-prefix", names: "--no-prefix" },
  { key: "raw", names: "--raw" },
  { key: "ctl", names: "--ctl", value: "required" },
  { key: "help", names: "-h --help" },
] as const satisfies readonly OptionSpec[];

type Key = typeof OPTIONS[number]["key"];

/** What a running one can be asked. */
export type Verb = "status" | "start" | "stop" | "restart" | "logs";

const VERBS: readonly Verb[] = ["status", "start", "stop", "restart", "logs"];

const RESTARTS: readonly RestartWhen[] = ["never", "on-failure", "always"];

/** What was asked for. */
export interface Request {
  /** The description; one of the usual names when left out. */
  readonly file: string | undefined;
  /** Names of services. */
  readonly names: readonly string[];
  /** Whether what they need is left out. */
  readonly only: boolean;
  readonly envFile: string | undefined;
  /** For services that say nothing themselves. */
  readonly restart: RestartWhen | undefined;
  readonly keepGoing: boolean;
  readonly json: boolean;
  readonly prefix: boolean;
  readonly raw: boolean;
  /** What to ask the one that runs; `undefined` to run. */
  readonly verb: Verb | undefined;
}

/**
 * Reads the words after the command's name.
 *
 * @param isFile Whether a word is the path of a file.
 * @throws {UsageError | HelpRequested}
 */
export async function readRequest(args: readonly string[], isFile: (word: string) => boolean): Promise<Request> {
  try {
    return read(args, isFile);
  } catch (error) {
    throw await withSuggestion("up", error, OPTIONS);
  }
}

function read(args: readonly string[], isFile: (word: string) => boolean): Request {
  const { given, operands } = getopt(args, OPTIONS);
  const values = new Map<Key, string>(given.map(({ key, value }) => [key, value]));
  if (values.has("help")) throw new HelpRequested();
  const verb = oneOf("ctl", values.get("ctl"), VERBS);
  const [first] = operands;
  const leads = values.get("file") === undefined && first !== undefined && (isFile(first) || looksLikeFile(first));
  const file = values.get("file") ?? (leads ? first : undefined);
  const names = leads ? operands.slice(1) : operands;
  const request: Request = {
    file,
    names,
    only: values.has("only"),
    envFile: values.get("env"),
    restart: oneOf("restart", values.get("restart"), RESTARTS),
    keepGoing: values.has("keep-going"),
    json: values.has("json"),
    prefix: !values.has("no-prefix"),
    raw: values.has("raw"),
    verb,
  };
  if (request.only && names.length === 0) throw new UsageError("up: --only needs the names of services");
  if (request.json && !request.prefix) throw new UsageError("up: --json or --no-prefix, not both");
  if (verb !== undefined) checkControl(request, verb, values);
  return request;
}

function checkControl({ json, names }: Request, verb: Verb, values: ReadonlyMap<Key, string>): void {
  const most = verb === "logs" ? Infinity : verb === "status" ? 0 : 1;
  const least = verb === "start" || verb === "restart" ? 1 : 0;
  if (names.length < least) throw new UsageError(`up: --ctl ${verb} needs the name of a service`);
  if (names.length > most) {
    throw new UsageError(`up: --ctl ${verb} takes ${most === 0 ? "no name" : "one name"}, got ${names.join(" ")}`);
  }
  if (json && verb !== "status" && verb !== "logs") throw new UsageError("up: --json goes with --ctl status and logs");
  for (const key of ["only", "env", "restart", "keep-going"] as const) {
    if (values.has(key)) throw new UsageError(`up: --${key} does not go with --ctl`);
  }
}

/** A word that can hardly be a name. */
function looksLikeFile(word: string): boolean {
  return word.includes("/") || /^Procfile/.test(word) || /\.(json|ts|js|mjs)$/.test(word);
}

function oneOf<Word extends string>(key: Key, word: string | undefined, words: readonly Word[]): Word | undefined {
  if (word === undefined) return undefined;
  const found = words.find((known) => known === word);
  if (found === undefined) {
    throw new UsageError(`up: --${key} takes ${words.join(", ")}, got ${JSON.stringify(word)}`);
  }
  return found;
}
