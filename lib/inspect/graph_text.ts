/**
 * A graph as lines of text.
 *
 * @module
 */

import { channelLabel, processLabel } from "./graph_label.ts";
import type { EndRole, GraphChannel, GraphEnd, GraphProcess, ProcessGraph } from "./graph_model.ts";

/** What a piece of the text is. */
export type TextRole = "process" | "channel" | "faint";

/** How a graph is written as text. */
export interface RenderTextOptions {
  /**
   * Marks pieces of text up, for a terminal.
   * @default nothing is marked up
   */
  readonly style?: (role: TextRole, text: string) => string;
  /**
   * Columns after which a list of processes goes on in the next line. A name that is longer is not broken.
   * @default {Infinity}
   */
  readonly width?: number | undefined;
}

/** What a process does, in one sign. */
const SIGNS: Readonly<Record<EndRole, string>> = {
  writes: "──▶",
  reads: "◀──",
  both: "◀─▶",
  holds: "──■",
  waits: "··■",
  listens: "──○",
  "sent-last": "╌╌▶",
  "received-last": "◀╌╌",
  "exchanged-last": "◀╌▶",
  "used-last": "╌╌■",
};

/** What is to be said of one who did something last: it may do so no more. */
const PASTS: Partial<Record<EndRole, string>> = {
  "sent-last": " (last to send)",
  "received-last": " (last to receive)",
  "exchanged-last": " (last to send and to receive)",
  "used-last": " (last to operate)",
};

/** What one does there, and what several do. */
const VERBS: Readonly<Record<EndRole, readonly [one: string, several: string]>> = {
  writes: ["writes", "write"],
  reads: ["reads", "read"],
  both: ["shares", "share"],
  holds: ["holds", "hold"],
  waits: ["waits for", "wait for"],
  listens: ["listens at", "listen at"],
  "sent-last": ["sent last", "sent last"],
  "received-last": ["received last", "received last"],
  "exchanged-last": ["was last at", "were last at"],
  "used-last": ["operated on last", "operated on last"],
};

/**
 * `renderText(graph)`: a graph as a tree of processes, each with its channels beneath it, and who is at the other end.
 *
 * @returns Lines with a final newline; control characters in names are escaped.
 *
 * @example A pipe
 * ```ts
 * import { renderText } from "@causeway/causeway/inspect";
 * import { assertEquals } from "@std/assert";
 *
 * const process = { command: [], outside: false };
 * const text = renderText({
 *   processes: [{ ...process, pid: 7, parent: 1, program: "sh" }, { ...process, pid: 8, parent: 7, program: "cat" }],
 *   channels: [{
 *     id: "pipe:1",
 *     kind: "pipe",
 *     name: "1",
 *     ends: [{ pid: 7, role: "writes", descriptors: [1] }, { pid: 8, role: "reads", descriptors: [0] }],
 *   }],
 *   hidden: [],
 * });
 * assertEquals(text.split("\n"), [
 *   "sh 7",
 *   "│  ──▶ pipe 1, which cat 8 reads",
 *   "└─ cat 8",
 *   "      ◀── pipe 1, to which sh 7 writes",
 *   "",
 * ]);
 * ```
 */
export function renderText(graph: ProcessGraph, options: RenderTextOptions = {}): string {
  const { style = (_role, text) => text, width = Infinity } = options;
  const labels = new Map(graph.processes.map((process) => [process.pid, processLabel(process)]));
  const children = Map.groupBy(
    graph.processes.filter(({ parent }) => labels.has(parent)),
    ({ parent }) => parent,
  );
  const channels = new Map<number, [GraphChannel, GraphEnd][]>();
  for (const channel of graph.channels) {
    for (const end of channel.ends) channels.set(end.pid, [...channels.get(end.pid) ?? [], [channel, end]]);
  }
  const lines: string[] = [];
  const add = (process: GraphProcess, first: string, rest: string) => {
    const below = children.get(process.pid) ?? [];
    const outside = process.outside ? style("faint", " (not asked for)") : "";
    lines.push(`${style("faint", first)}${style("process", labels.get(process.pid) ?? "?")}${outside}`);
    const stem = below.length > 0 ? "│  " : "   ";
    for (const [channel, end] of channels.get(process.pid) ?? []) {
      const others = channel.ends.filter(({ pid, role }) => pid !== process.pid && meets(end.role, role));
      const sign = `${SIGNS[end.role]} ${channelLabel(channel)}`;
      const indent = style("faint", rest + stem);
      const room = width - rest.length - stem.length;
      const [first = "", ...more] = folded(
        `${PASTS[end.role] ?? ""}${told(others, labels)}`,
        room - sign.length,
        room - 4,
      );
      lines.push(`${indent}${style("channel", sign)}${first}`, ...more.map((line) => `${indent}    ${line}`));
    }
    below.forEach((child, index) => {
      const last = index === below.length - 1;
      add(child, `${rest}${last ? "└─ " : "├─ "}`, `${rest}${last ? "   " : "│  "}`);
    });
  };
  for (const process of graph.processes) {
    if (!labels.has(process.parent)) add(process, "", "");
  }
  if (graph.processes.length === 0) lines.push("No process that communicates");
  for (const sentence of graph.hidden) lines.push(style("faint", `Not seen: ${sentence}`));
  return lines.map((line) => `${line}\n`).join("");
}

/** What is said behind something, on as many lines as it takes: the first has less room. */
function folded(text: string, first: number, others: number): string[] {
  const lines = [""];
  // The first word begins with what joins it to what it stands behind, a comma or a blank.
  for (const [index, word] of text.split(/(?<=\S) /).entries()) {
    const line = lines.at(-1) ?? "";
    const joined = index === 0 || line === "" ? `${line}${word}` : `${line} ${word}`;
    if (index === 0 || joined.length <= (lines.length === 1 ? first : others)) lines[lines.length - 1] = joined;
    else lines.push(word);
  }
  return lines;
}

/** Who only writes is of interest to who reads, and the other way round; who writes beside one is not. */
function meets(own: EndRole, other: EndRole): boolean {
  const oneWay = ["writes", "reads", "holds", "waits", "sent-last", "received-last"];
  return own !== other || !oneWay.includes(own);
}

const PREPOSITIONS: Partial<Record<EndRole, string>> = {
  "writes": "to which",
  "sent-last": "to which",
  "received-last": "from which",
};

/** Who else is there: `, which cat 8 reads`. */
function told(others: readonly GraphEnd[], labels: ReadonlyMap<number, string>): string {
  return Array.from(Map.groupBy(others, ({ role }) => role), ([role, ends]) => {
    const names = ends.map(({ pid }) => labels.get(pid) ?? `process ${pid}`);
    const list = names.length === 1 ? names[0] : `${names.slice(0, -1).join(", ")} and ${names.at(-1)}`;
    if (role === "both") return `, with ${list}`;
    return `, ${PREPOSITIONS[role] ?? "which"} ${list} ${VERBS[role][names.length === 1 ? 0 : 1]}`;
  }).join("");
}
