/**
 * A graph as one page that a browser shows without anything else.
 *
 * @module
 */

import { escapeXml, kindWords, processLabel, visible } from "./graph_label.ts";
import { drawGraph, type EndRole, type GraphChannel, type ProcessGraph } from "./graph_model.ts";
import { PAGE_SCRIPT, PAGE_STYLE } from "./graph_page.ts";
import { renderSvg } from "./graph_svg.ts";

/** Something that can be found on the page. */
interface Part {
  /** The element's id; its row in a table has the same, after `row-`. */
  readonly id: string;
  /** What it is found by. */
  readonly words: readonly string[];
  /** What is shown with it. */
  readonly kin: readonly string[];
}

/** Characters of a command line that the page shows and finds. */
const LONGEST_COMMAND = 200;

const ROLES: Readonly<Record<EndRole, string>> = {
  writes: "writes",
  reads: "reads",
  both: "reads and writes",
  holds: "holds",
  waits: "waits",
  listens: "listens",
  "sent-last": "was the last to send",
  "received-last": "was the last to receive",
  "exchanged-last": "was the last to send and to receive",
  "used-last": "was the last to operate on one",
};

/**
 * `renderHtml(graph)`: a graph as one self-contained HTML page: the picture, to move and to zoom, tables of processes and channels, and a search box that
 * finds by pid, program and kind. It loads nothing, and its policy lets no script run but its own. Without Graphviz it says so, and has the tables.
 *
 * @example
 * ```ts
 * import { renderHtml } from "@causeway/causeway/inspect";
 * import { assert } from "@std/assert";
 *
 * const process = { pid: 7, parent: 1, program: "</script><script>", command: [], outside: false };
 * const page = await renderHtml({ processes: [process], channels: [], hidden: [] });
 * assert(!page.includes("</script><script>"));
 * ```
 */
export async function renderHtml(graph: ProcessGraph): Promise<string> {
  const parts = partsOf(graph);
  const json = JSON.stringify(parts).replace(
    /[<>&\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
  const policy = `default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-${await sha256(PAGE_SCRIPT)}'`;
  const summary = `${graph.processes.length} processes, ${graph.channels.length} channels`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Who talks to whom</title>
<style>${PAGE_STYLE}</style>
</head>
<body>
<header>
<h1>Who talks to whom</h1>
<span class="faint">${summary}</span>
<label>Find <input type="search" id="search" placeholder="pid, program, kind or name  ( / )" autocomplete="off"></label>
<label><input type="checkbox" id="only"> hide the rest</label>
<output id="count" for="search"></output>
<span><button id="in" title="Larger">+</button> <button id="out" title="Smaller">−</button> <button id="fit">Fit</button></span>
</header>
${await figure(graph)}
<main>
${graph.hidden.map((sentence) => `<p class="faint">Not seen: ${escapeXml(visible(sentence))}</p>`).join("\n")}
<h2>Processes</h2>
<table>
<tr><th>Pid</th><th>Parent</th><th>Program</th><th>Command</th></tr>
${
    graph.processes.map((process) =>
      row(`p${process.pid}`, [
        String(process.pid),
        String(process.parent),
        visible(process.program),
        shortened(visible(process.command.join(" "))),
      ])
    ).join("\n")
  }
</table>
<h2>Channels</h2>
<table>
<tr><th>Kind</th><th>Name</th><th>Who</th></tr>
${
    graph.channels.map((channel, index) =>
      row(`c${index}`, [kindWords(channel.kind), visible(channel.name), who(graph, channel)])
    ).join("\n")
  }
</table>
</main>
<script type="application/json" id="data">${json}</script>
<script>${PAGE_SCRIPT}</script>
</body>
</html>
`;
}

/** The picture, or why there is none. */
async function figure(graph: ProcessGraph): Promise<string> {
  try {
    const svg = await renderSvg(graph);
    return `<figure>${svg.slice(svg.indexOf("<svg"))}</figure>`;
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    return `<p class="faint" id="no-picture">No picture: ${escapeXml(visible(message))}</p>`;
  }
}

/** Everything that the search finds: processes, channels, and the lines of the picture. */
function partsOf(graph: ProcessGraph): Part[] {
  const { edges } = drawGraph(graph);
  const indices = new Map(graph.channels.map(({ id }, index) => [id, `c${index}`]));
  const processes = new Map(graph.processes.map((process) => [`p${process.pid}`, process]));
  const wordsOf = (id: string) => {
    const process = processes.get(id);
    return process === undefined ? [] : [String(process.pid), visible(process.program)];
  };
  const lines = edges.map(({ from, to, kind, channel }, index): Part => {
    const node = channel === undefined ? undefined : indices.get(channel);
    const named = graph.channels.find(({ id }) => id === channel);
    const own = named === undefined ? ["child"] : [kind, kindWords(named.kind), visible(named.name)];
    const kin = [from, to, ...(node === undefined ? [] : [node])];
    return { id: `e${index}`, words: [...own, ...(kind === "child" ? [] : [...wordsOf(from), ...wordsOf(to)])], kin };
  });
  const linesAt = (id: string) => lines.filter(({ kin }) => kin.includes(id));
  return [
    ...graph.processes.map(({ pid, command }): Part => {
      const id = `p${pid}`;
      const near = linesAt(id);
      return {
        id,
        words: ["process", ...wordsOf(id), shortened(visible(command.join(" ")))],
        kin: near.flatMap((each) => [each.id, ...each.kin]),
      };
    }),
    ...graph.channels.map(({ kind, name, ends }, index): Part => {
      const id = `c${index}`;
      const pids = ends.map(({ pid }) => `p${pid}`);
      const words = [kind, kindWords(kind), visible(name), ...pids.flatMap(wordsOf)];
      return { id, words, kin: [...pids, ...linesAt(id).map((each) => each.id)] };
    }),
    ...lines,
  ];
}

function who({ processes }: ProcessGraph, { ends }: GraphChannel): string {
  return ends.map(({ pid, role, descriptors }) => {
    const process = processes.find((each) => each.pid === pid);
    const numbers = descriptors.length === 0 ? "" : ` (${descriptors.join(", ")})`;
    return `${process === undefined ? pid : processLabel(process)} ${ROLES[role]}${numbers}`;
  }).join("; ");
}

/** A command line may be megabytes long. */
function shortened(text: string): string {
  return text.length <= LONGEST_COMMAND ? text : `${text.slice(0, LONGEST_COMMAND)}…`;
}

function row(id: string, cells: readonly string[]): string {
  return `<tr id="row-${id}">${cells.map((cell) => `<td>${escapeXml(cell)}</td>`).join("")}</tr>`;
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return btoa(String.fromCharCode(...new Uint8Array(digest)));
}
