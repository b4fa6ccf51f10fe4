/**
 * `causeway gc`: removes what killed processes have left.
 *
 * @module
 */

import { type Collected, type Collection, collectStale } from "../inspect/collect.ts";
import { HelpRequested, UsageError } from "./command_line.ts";
import { objectJson } from "./ls/json.ts";
import { listedPlaces } from "./ls/places.ts";
import { shownName } from "./ls/rows.ts";
import { nameText } from "./ls/text.ts";
import { withSuggestion } from "./options_classic.ts";
import { print, printError, printJson } from "./output.ts";
import { requirePermissions } from "./permissions.ts";
import { type Style, styleFor } from "./style.ts";
import { table } from "./table.ts";
import { getopt, type OptionSpec } from "./tools/getopt.ts";

const OPTIONS = [
  { key: "remove", names: "-y --remove --yes" },
  { key: "json", names: "-j --json" },
  { key: "help", names: "-h --help" },
] as const satisfies readonly OptionSpec[];

interface Request {
  readonly names: readonly string[];
  readonly remove: boolean;
  readonly json: boolean;
}

/** Runs the command. Its exit code is 1 when something that was named is left or missing. */
export function run(args: readonly string[]): Promise<number> {
  // What goes wrong is told by a promise that rejects, as of every command.
  return readRequest(args).then((request) => {
    const write = request.remove ? (["write"] as const) : [];
    const places = listedPlaces();
    requirePermissions(["gc", ...args], ["ffi", "read", ...write], { read: places, write: places.slice(1) });
    return collect(request);
  });
}

function collect({ names, remove, json }: Request): number {
  const collection = collectStale({ remove, ...(names.length > 0 && { names }) });
  if (json) printJson(collectionJson(collection));
  else show(collection, remove);
  const isLeft = names.length > 0 && collection.objects.some(({ outcome }) => outcome === "left");
  return isLeft || collection.missing.length > 0 ? 1 : 0;
}

function show({ objects, missing, notes }: Collection, remove: boolean): void {
  const style = styleFor(Deno.stdout);
  print(table(objects.map((one) => row(one, style))));
  const stale = objects.filter(({ outcome }) => outcome === "stale").length;
  if (stale > 0) print(`${stale} would be removed: causeway gc --remove\n`);
  else if (!remove || objects.length + missing.length === 0) print("Nothing to remove\n");
  for (const name of missing) printError(`causeway: gc: nothing is called ${JSON.stringify(name)}\n`);
  for (const note of notes) printError(`note: ${note}\n`);
}

function row({ object, outcome, reason }: Collected, style: Style) {
  const role = outcome === "left" ? "faint" : "good";
  const word = outcome === "stale" ? "would remove" : outcome === "removed" ? "removed" : "leave";
  return [
    { text: word, style: (padded: string) => style(role, padded) },
    { text: object.kind, style: (padded: string) => style("name", padded) },
    shownName(object),
    nameText(reason),
  ];
}

function collectionJson({ objects, missing, notes }: Collection): unknown {
  return {
    objects: objects.map(({ object, outcome, reason }) => ({ outcome, reason, object: objectJson(object) })),
    missing,
    notes,
  };
}

async function readRequest(args: readonly string[]): Promise<Request> {
  try {
    const { given, operands } = getopt(args, OPTIONS);
    const has = (key: string) => given.some((one) => one.key === key);
    if (has("help")) throw new HelpRequested();
    if (operands.includes("")) throw new UsageError("gc: a name is an empty word");
    return { names: operands, remove: has("remove"), json: has("json") };
  } catch (error) {
    throw await withSuggestion("gc", error, OPTIONS);
  }
}
