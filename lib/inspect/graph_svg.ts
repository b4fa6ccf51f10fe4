/**
 * A graph as a picture. Graphviz does the layout, compiled to WebAssembly, and is loaded only then.
 *
 * @module
 */

import { renderDot } from "./graph_dot.ts";
import type { ProcessGraph } from "./graph_model.ts";

/**
 * Where Graphviz comes from. The specifier is no literal in an `import()`, because Deno fetches those before a program starts, whether or not it
 * ever gets there.
 */
const GRAPHVIZ = "npm:@viz-js/viz@3.31.0";

/** What is used of the package. */
interface Viz {
  instance(): Promise<{ renderString(dot: string, options: { format: string }): string }>;
}

/**
 * `renderSvg(graph)`: a graph as an SVG picture, laid out by Graphviz. Processes have ids `p` and pid, lines `e` and a number, and everything has its
 * kind as class.
 *
 * @returns An XML document.
 * @throws {Error} When `npm:@viz-js/viz` is neither in Deno's cache nor to be had; its `cause` says why.
 *
 * @example
 * ```ts
 * import { renderSvg } from "@causeway/causeway/inspect";
 * import { assertStringIncludes } from "@std/assert";
 *
 * const process = { pid: 7, parent: 1, program: "<b>", command: [], outside: false };
 * const svg = await renderSvg({ processes: [process], channels: [], hidden: [] });
 * assertStringIncludes(svg, "&lt;b&gt;");
 * ```
 */
export async function renderSvg(graph: ProcessGraph): Promise<string> {
  const { instance } = await loadGraphviz();
  const viz = await instance();
  return viz.renderString(renderDot(graph), { format: "svg" });
}

async function loadGraphviz(): Promise<Viz> {
  try {
    return await import(GRAPHVIZ);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`Graphviz (${GRAPHVIZ}) cannot be loaded: ${reason}`, { cause });
  }
}
