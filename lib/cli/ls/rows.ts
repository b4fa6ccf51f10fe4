/**
 * Objects as a table.
 *
 * @module
 */

import type { Holder, IpcObject } from "../../inspect/mod.ts";
import type { Style } from "../style.ts";
import { type Cell, fitted, table } from "../table.ts";
import { fillOf } from "./fill.ts";
import { ageText, bytesText, nameText } from "./text.ts";

/** How the table is made. */
export interface TableRequest {
  /** When it was looked, in milliseconds since 1970. */
  readonly takenAt: number;
  /** Whether every holder has a line of its own. */
  readonly holders: boolean;
  /** Marks text up. */
  readonly style: Style;
  /**
   * How wide the terminal is: where the table does not fit, long names lose their middle.
   * @default {Infinity} as for whoever reads it by a program
   */
  readonly columns?: number | undefined;
}

const HEAD = ["KIND", "NAME", "SIZE", "FILL", "MODE", "OWNER", "AGE", "HOLDERS"];
const NAME = 1;
const SIZE = 2;
const AGE = 6;
/** How many holders are named in one line. */
const MOST_HOLDERS = 3;

/** A line for each object, and with `holders` one for each holder below it. */
export function objectTable(objects: readonly IpcObject[], request: TableRequest): string {
  const { columns = Infinity, style } = request;
  const rows: (string | Cell)[][] = [HEAD.map((text) => ({ text, style: (padded) => style("title", padded) }))];
  for (const object of objects) rows.push(row(object, request));
  const text = fitted(rows, { right: [SIZE, AGE], name: NAME, columns });
  if (!request.holders) return text;
  const [head = "", ...others] = text.split("\n");
  return `${head}\n${objects.map((object, index) => `${others[index]}\n${details(object, style)}`).join("")}`;
}

function row(object: IpcObject, request: TableRequest): (string | Cell)[] {
  const { style } = request;
  return [
    { text: object.kind, style: (padded) => style("name", padded) },
    shownName(object),
    object.byteLength === undefined ? "-" : bytesText(object.byteLength),
    fillOf(object)?.text ?? "-",
    object.mode === undefined ? "-" : object.mode.toString(8).padStart(3, "0"),
    object.owner ?? object.uid?.toString() ?? "-",
    object.createdAt === undefined ? "-" : ageText(request.takenAt - object.createdAt),
    lastCell(object, request),
  ];
}

/** What has no name is shown by what the kernel calls it. */
export function shownName(object: IpcObject): string {
  if (object.name === undefined || object.name === "") return object.id;
  const name = nameText(object.name);
  if (object.kind === "unix-socket" && object.abstract) return `@${name}`;
  if (object.kind !== "shared-memory" && object.kind !== "semaphore") return name;
  if (object.unlinked) return `${name} (unlinked)`;
  return object.path === undefined ? `${name} (elsewhere)` : name;
}

function lastCell(object: IpcObject, { holders, style }: TableRequest): Cell {
  if (object.stale !== undefined) {
    return { text: `STALE: ${object.stale}`, style: (padded) => style("bad", padded) };
  }
  const ours = object.ours ? `${whatOfOurs(object)}; ` : "";
  if (holders) return { text: `${ours}${object.holders.length}` };
  const named = object.holders.slice(0, MOST_HOLDERS).map(shortHolder);
  const more = object.holders.length - named.length;
  return { text: `${ours}${named.join(", ")}${more > 0 ? `, +${more}` : ""}` || "-" };
}

/** What of this library something is. */
function whatOfOurs(object: IpcObject): string {
  if (object.kind === "unix-socket" && object.address !== undefined) return nameText(object.address);
  return "holds" in object && object.holds !== undefined ? object.holds : "causeway";
}

function shortHolder({ pid, program, direction, waiting }: Holder): string {
  return `${pid} ${nameText(program)} ${waiting ? "waits" : LETTERS[direction]}`;
}

const LETTERS = { read: "r", write: "w", both: "rw", none: "-" } as const;

function details(object: IpcObject, style: Style): string {
  const facts = factsOf(object).map((text) => `    ${style("faint", text)}\n`);
  const rows = object.holders.map((holder) => [
    String(holder.pid),
    nameText(holder.program),
    holder.waiting ? "waits" : LETTERS[holder.direction],
    [
      ...(holder.mapped ? ["mapped"] : []),
      ...(holder.descriptors.length > 0 ? [`fd ${holder.descriptors.join(",")}`] : []),
    ].join(", "),
  ]);
  return facts.join("") + table(rows, { right: [0], indent: "    " });
}

/** What only some kinds have. */
function factsOf(object: IpcObject): string[] {
  const facts: string[] = [];
  if ("struct" in object && object.struct !== undefined) {
    const { state, fingerprint, byteLength, creator } = object.struct;
    facts.push(
      `struct of ${bytesText(byteLength)}, type ${fingerprint}, ${state}; creator ${creator.pid} (${creator.state})`,
    );
  }
  if (object.kind === "sysv-memory") {
    facts.push(`id ${object.sysvId}, creator ${object.creatorPid}, last ${object.lastPid}`);
  }
  if (object.kind === "sysv-semaphores") facts.push(`id ${object.sysvId}`);
  if (object.kind === "sysv-queue") {
    facts.push(`id ${object.sysvId}, last sender ${object.lastSender}, last receiver ${object.lastReceiver}`);
  }
  if (object.kind === "unix-socket") {
    facts.push(
      `${object.type ?? "socket"}, ${object.state}${object.peer === undefined ? "" : `, peer ${object.peer}`}`,
    );
  }
  return facts;
}
