/**
 * Speaking to a running `causeway up`.
 *
 * @module
 */

import { PosixError, ProtocolError } from "../../errors.ts";
import { connectUnix, type StreamSocket } from "../../socket/mod.ts";
import { CommandError } from "../command_line.ts";
import { print, printError, printJson } from "../output.ts";
import { type Role, styleFor } from "../style.ts";
import { table } from "../table.ts";
import { controlPath, ownUser } from "./control_address.ts";
import { readValues, writeValue } from "./control_lines.ts";
import type { ServiceReport, StatusReport } from "./control_server.ts";
import { duration, endOf, type EventRecord, Log } from "./log.ts";
import type { Request, Verb } from "./request.ts";

/** Asks, and prints the answer. Returns the exit code. */
export async function control(verb: Verb, file: string, request: Request): Promise<number> {
  using socket = await connect(file);
  const [name] = request.names;
  await writeValue(socket, { verb, ...(verb !== "logs" && name !== undefined && { name }) });
  const answers = readValues(socket);
  const { value: answer } = await answers.next();
  if (answer === undefined) throw new CommandError("up: it has ended without an answer", 1);
  if (answer.ok !== true) throw new CommandError(`up: ${String(answer.error)}`, 1);
  if (verb === "status") printStatus(statusOf(answer), request.json);
  else if (verb === "logs") await printLog(answers, request);
  return 0;
}

async function connect(file: string): Promise<StreamSocket> {
  try {
    const path = await controlPath(file, false);
    const socket = await connectUnix(path);
    // Whoever listens there answers for our services: it must be our own.
    if (socket.peer.uid === ownUser()) return socket;
    socket.close();
    throw new CommandError(`up: the socket ${path} is another user's`, 1);
  } catch (error) {
    if (!(error instanceof PosixError) || !["ENOENT", "ECONNREFUSED"].includes(error.code)) throw error;
    throw new CommandError(`up: nobody runs ${file}`, 1, { cause: error });
  }
}

function statusOf(answer: Readonly<Record<string, unknown>>): StatusReport {
  const { file, pid, services } = answer;
  if (typeof file === "string" && typeof pid === "number" && Array.isArray(services)) return { file, pid, services };
  throw new ProtocolError("Control socket: this is no status");
}

function printStatus(report: StatusReport, json: boolean): void {
  if (json) return printJson(report);
  const style = styleFor(Deno.stdout);
  const title = (text: string) => ({ text, style: (padded: string) => style("title", padded) });
  const rows = report.services.map((service) => {
    const { name, pid, restarts, state, status, uptimeMs } = service;
    return [
      { text: name, style: (padded: string) => style("name", padded) },
      { text: state, style: (padded: string) => style(roleOf(service), padded) },
      pid === undefined ? "" : String(pid),
      String(restarts),
      uptimeMs === undefined ? "" : duration(uptimeMs),
      status === undefined ? "" : endOf(status),
    ];
  });
  const titles = ["name", "state", "pid", "restarts", "uptime", "last end"];
  print(table([titles.map(title), ...rows], { right: [2, 3, 4] }));
}

function roleOf({ state }: ServiceReport): Role {
  if (state === "ready") return "good";
  return state === "failed" ? "bad" : "faint";
}

async function printLog(answers: AsyncIterable<Readonly<Record<string, unknown>>>, request: Request): Promise<void> {
  const { json, names, prefix, raw } = request;
  const colours = !Deno.noColor && Deno.stdout.isTerminal();
  const log = new Log({ names, json, prefix, raw, colours });
  for await (const answer of answers) {
    if (typeof answer.kind !== "string" || typeof answer.time !== "string") {
      throw new ProtocolError("Control socket: this is no event");
    }
    const record = answer as EventRecord;
    if (names.length > 0 && !names.includes(String(record.name))) continue;
    const piece = log.piece(record);
    if (piece === undefined) continue;
    if (piece.stream === "stdout") print(piece.text);
    else printError(piece.text);
  }
}
