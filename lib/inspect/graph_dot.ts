/**
 * A graph in the language of Graphviz.
 *
 * @see {@link https://graphviz.org/doc/info/lang.html The DOT language}
 * @module
 */

import { channelLabel, kindWords, processLabel } from "./graph_label.ts";
import { type ChannelKind, drawGraph, type GraphEdge, type GraphProcess, type ProcessGraph } from "./graph_model.ts";

/** Colours that keep apart on white, also for most colour-blind eyes. */
const KIND_COLOURS: Readonly<Record<ChannelKind, string>> = {
  "pipe": "#0072b2",
  "fifo": "#1f86c2",
  "unix-socket": "#009e73",
  "shared-memory": "#d55e00",
  "memfd": "#a87400",
  "sysv-memory": "#b04a00",
  "mapped-file": "#8c6d1f",
  "message-queue": "#b0568a",
  "sysv-queue": "#8a3a6b",
  "sysv-semaphores": "#7a4fa3",
  "lock": "#b00020",
  "eventfd": "#666666",
};

/**
 * `renderDot(graph)`: a graph as DOT, for Graphviz. Parents and children are joined by dotted lines.
 *
 * @returns Text with a final newline. Every label is a quoted string in which nothing is syntax.
 *
 * @example A process that tries to be more than a label
 * ```ts
 * import { renderDot } from "@causeway/causeway/inspect";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const process = { pid: 7, parent: 1, program: 'a"]; b', command: [], outside: false };
 * const dot = renderDot({ processes: [process], channels: [], hidden: [] });
 * assertStringIncludes(dot, '"a\\"]; b\\n7"');
 * ```
 */
export function renderDot(graph: ProcessGraph): string {
  const { nodes, edges } = drawGraph(graph);
  return [
    "digraph causeway {",
    '  graph [rankdir=LR, bgcolor="white", fontname="sans-serif", nodesep=0.3, ranksep=0.9];',
    '  node [fontname="sans-serif", fontsize=11, margin="0.16,0.06", shape=box, style="rounded,filled", fillcolor="#f4f6f8", color="#44505c"];',
    '  edge [fontname="sans-serif", fontsize=9, arrowsize=0.7];',
    ...graph.processes.map((process) => `  p${process.pid} [${attributes(processAttributes(process))}];`),
    ...nodes.map(({ id, channel }) => {
      const colour = KIND_COLOURS[channel.kind];
      return `  ${id} [${
        attributes({
          id,
          label: channelLabel(channel),
          tooltip: channelLabel(channel),
          class: channel.kind,
          shape: "ellipse",
          style: "filled",
          fillcolor: "#ffffff",
          color: colour,
          fontcolor: colour,
        })
      }];`;
    }),
    ...edges.map((edge, index) => `  ${edge.from} -> ${edge.to} [${attributes(edgeAttributes(edge, index))}];`),
    "}",
    "",
  ].join("\n");
}

function processAttributes(process: GraphProcess): Record<string, string> {
  const label = processLabel(process);
  const split = label.lastIndexOf(" ");
  return {
    id: `p${process.pid}`,
    label: `${label.slice(0, split)}\n${label.slice(split + 1)}`,
    tooltip: label,
    class: "process",
    ...(process.outside && { style: "rounded,dashed" }),
  };
}

function edgeAttributes({ kind, name, direction, past }: GraphEdge, index: number): Record<string, string> {
  const id = `e${index}`;
  if (kind === "child") {
    return { id, class: kind, tooltip: "child", style: "dotted", penwidth: "1.5", color: "#66727d", arrowhead: "none" };
  }
  const colour = KIND_COLOURS[kind];
  const words = `${name === "" ? kindWords(kind) : channelLabel({ kind, name })}${past ? " (last)" : ""}`;
  return {
    id,
    class: kind,
    tooltip: words,
    color: colour,
    ...(past && { style: "dashed" }),
    ...(name !== "" ? { label: words, fontcolor: colour } : past && { label: "last", fontcolor: colour }),
    ...(direction !== "forward" && { dir: direction }),
  };
}

function attributes(all: Record<string, string>): string {
  return Object.entries(all).map(([name, value]) => `${name}=${quoted(value)}`).join(", ");
}

/** A string of DOT: a backslash would begin an escape, such as \N, and `&` an entity. A line end is a line end. */
function quoted(text: string): string {
  const escaped = text.replace(/[\\"]/g, "\\$&").replaceAll("&", "&amp;").replaceAll("\n", "\\n");
  return `"${escaped}"`;
}
