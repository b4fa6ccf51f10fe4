/**
 * `causeway ls`: everything by which processes of this machine talk.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { listObjects } from "../inspect/objects.ts";
import { fromDenoError } from "../sys/errno.ts";
import { readProcFile } from "../sys/proc.ts";
import { userId } from "../sys/user_names.ts";
import { CommandError } from "./command_line.ts";
import { choose, sorted } from "./ls/choose.ts";
import { listingJson } from "./ls/json.ts";
import { listedPlaces } from "./ls/places.ts";
import { readRequest, type Request } from "./ls/request.ts";
import { objectTable } from "./ls/rows.ts";
import { print, printError, printJson } from "./output.ts";
import { requirePermissions } from "./permissions.ts";
import { styleFor } from "./style.ts";

/** Moves to the first line and erases the screen. */
const CLEAR = "\x1b[H\x1b[2J";

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  let request = await readRequest(args);
  const { watchMs } = request;
  requirePermissions(["ls", ...args], ["ffi", "read"], { read: [...listedPlaces(), ...request.directories] });
  const { owners } = request;
  request = { ...request, owners: owners.map(requireUser) };
  request.pids.forEach(requireProcess);
  request.directories.forEach(requireDirectory);
  if (watchMs === undefined) {
    show(request);
    return 0;
  }
  // Ends by a signal, or when nobody reads any more.
  while (true) {
    showAgain(request);
    await new Promise((resolve) => setTimeout(resolve, watchMs));
  }
}

/** A table of nothing would say that the process has nothing. */
function requireProcess(pid: number): void {
  try {
    readProcFile(`/proc/${pid}/stat`);
  } catch (error) {
    if (!(error instanceof PosixError && (error.code === "ENOENT" || error.code === "ESRCH"))) throw error;
    throw new CommandError(`ls: there is no process ${pid}`, 1, { cause: error });
  }
}

/** The id of a user. A number need not have a name. */
function requireUser(owner: string): string {
  if (/^\d+$/.test(owner)) return String(Number(owner));
  const uid = userId(owner);
  if (uid === undefined) throw new CommandError(`ls: there is no user ${JSON.stringify(owner)}`, 1);
  return String(uid);
}

/** What was named and is not there is no empty directory. */
function requireDirectory(path: string): void {
  try {
    for (const _ of Deno.readDirSync(path)) return;
  } catch (error) {
    const reason = fromDenoError(error, "open", path);
    if (!(reason instanceof PosixError)) throw error;
    throw new CommandError(`ls: ${reason.message}`, 1, { cause: error });
  }
}

function show(request: Request): void {
  const { listing, objects } = look(request);
  if (request.json) return printJson(listingJson(listing, objects));
  const columns = Deno.stdout.isTerminal() ? Deno.consoleSize().columns : undefined;
  print(objectTable(objects, { ...request, takenAt: listing.takenAt, style: styleFor(Deno.stdout), columns }));
  printError(notes([...hiddenHolders(request.pids, listing.hidden), ...listing.notes]));
}

/** One of many looks: a screen on a terminal, a line of JSON with `--json`, and elsewhere tables with the time above them. */
function showAgain(request: Request): void {
  const { listing, objects } = look(request);
  if (request.json) return print(`${JSON.stringify(listingJson(listing, objects))}\n`);
  const time = new Date(listing.takenAt).toISOString();
  const { columns, rows } = Deno.stdout.isTerminal() ? Deno.consoleSize() : { columns: undefined, rows: 0 };
  const text = objectTable(objects, { ...request, takenAt: listing.takenAt, style: styleFor(Deno.stdout), columns });
  if (columns === undefined) return print(`${time}\n${text}\n`);
  const lines = `${time}: ${objects.length} objects\n${text}${notes(listing.notes)}`.trimEnd().split("\n");
  const shown = lines.length > rows - 1 ? [...lines.slice(0, rows - 2), `… ${lines.length - rows + 2} more`] : lines;
  print(`${CLEAR}${shown.map((line) => cut(line, columns)).join("\n")}\n`);
}

function look(request: Request) {
  const { kinds, directories, sort, reverse } = request;
  const listing = listObjects({ directories, ...(kinds.length > 0 && { kinds }) });
  return { listing, objects: sorted(choose(listing.objects, request), sort, reverse) };
}

/** Who was asked for and does not let this user look: what he has is missing. */
function hiddenHolders(pids: readonly number[], hidden: readonly number[]): string[] {
  return pids.filter((pid) => hidden.includes(pid)).map((pid) => `what process ${pid} holds is hidden from this user`);
}

function notes(texts: readonly string[]): string {
  return texts.map((text) => `note: ${text}\n`).join("");
}

/** A line that fits: what marks text up takes no place, and is never cut through. */
function cut(line: string, columns: number): string {
  let left = columns;
  // deno-lint-ignore no-control-regex -- the marks are control characters
  return line.replace(/\x1b\[[\d;]*m|[^\x1b]/gu, (piece) => piece.startsWith("\x1b") || left-- > 0 ? piece : "");
}
