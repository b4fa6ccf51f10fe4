/**
 * A graph in the language of Mermaid.
 *
 * @see {@link https://mermaid.js.org/syntax/flowchart.html Mermaid: flowcharts}
 * @module
 */

import { channelLabel, processLabel } from "./graph_label.ts";
import { drawGraph, type GraphEdge, type ProcessGraph } from "./graph_model.ts";

/**
 * `renderMermaid(graph)`: a graph as a Mermaid flowchart, which many Markdown viewers draw. Parents and children are joined by dotted lines.
 *
 * @returns Text with a final newline. In labels, whatever could be syntax stands as a character code.
 *
 * @example A process that tries to be more than a label
 * ```ts
 * import { renderMermaid } from "@causeway/causeway/inspect";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const process = { pid: 7, parent: 1, program: 'a"]', command: [], outside: false };
 * const mermaid = renderMermaid({ processes: [process], channels: [], hidden: [] });
 * assertStringIncludes(mermaid, 'p7("a#34;#93; 7")');
 * ```
 */
export function renderMermaid(graph: ProcessGraph): string {
  const { nodes, edges } = drawGraph(graph);
  return [
    "flowchart LR",
    ...graph.processes.map((process) =>
      `  p${process.pid}(${quoted(processLabel(process))})${process.outside ? ":::outside" : ""}`
    ),
    ...nodes.map(({ id, channel }) => `  ${id}([${quoted(channelLabel(channel))}])`),
    ...edges.map((edge) => `  ${edge.from} ${arrow(edge)} ${edge.to}`),
    "  classDef outside stroke-dasharray: 4 3",
    "",
  ].join("\n");
}

function arrow({ kind, name, direction, past }: GraphEdge): string {
  if (kind === "child") return "-.-";
  const line = past
    ? { forward: "-.->", both: "<-.->", none: "-.-" }[direction]
    : { forward: "-->", both: "<-->", none: "---" }[direction];
  const label = [...(name === "" ? [] : [channelLabel({ kind, name })]), ...(past ? ["(last)"] : [])].join(" ");
  return label === "" ? line : `${line}|${quoted(label)}|`;
}

/** Letters, digits and harmless signs stand for themselves, all else as Mermaid's own character codes. */
function quoted(text: string): string {
  const escaped = text.replace(/[^\p{L}\p{N} ./:,_+=@…-]/gu, (character) => `#${character.codePointAt(0)};`);
  return `"${escaped}"`;
}
