/**
 * `causeway graph`: draws which processes talk to which, and by what.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { processGraph } from "../inspect/graph.ts";
import { renderDot } from "../inspect/graph_dot.ts";
import { renderHtml } from "../inspect/graph_html.ts";
import { renderMermaid } from "../inspect/graph_mermaid.ts";
import type { ProcessGraph } from "../inspect/graph_model.ts";
import { renderSvg } from "../inspect/graph_svg.ts";
import { renderText } from "../inspect/graph_text.ts";
import { fromDenoError } from "../sys/errno.ts";
import { hasFfi } from "../sys/platform.ts";
import { CommandError, UsageError } from "./command_line.ts";
import { parseOptions } from "./options.ts";
import { print } from "./output.ts";
import { styleFor } from "./style.ts";

/** How the graph is written. */
const FORMATS = ["dot", "mermaid", "json", "svg", "html"] as const;
type Format = typeof FORMATS[number] | "text";

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const { flags, values, words } = await parseOptions("graph", args.map(longName), {
    flags: ["all", ...FORMATS],
    values: ["output"],
  });
  const chosen = FORMATS.filter((format) => flags[format]);
  if (chosen.length > 1) {
    throw new UsageError(`graph: one format at a time, got ${chosen.map((format) => `--${format}`).join(" and ")}`);
  }
  const pids = words.map(pidOf);
  if (!hasFfi()) throw new CommandError("graph: needs --allow-ffi: /proc is read through libc", 1);
  const graph = look(pids, flags.all);
  const text = await written(graph, chosen[0] ?? "text", values.output === undefined);
  if (values.output === undefined) print(text);
  else write(values.output, text);
  return 0;
}

/** The parser knows long options only. */
function longName(word: string): string {
  return word === "-o" ? "--output" : word;
}

function pidOf(word: string): number {
  if (!/^[1-9]\d{0,9}$/.test(word)) throw new UsageError(`graph: ${JSON.stringify(word)} is no pid`);
  return Number(word);
}

function write(path: string, text: string): void {
  try {
    Deno.writeTextFileSync(path, text);
  } catch (error) {
    const reason = fromDenoError(error, "open", path);
    if (!(reason instanceof PosixError)) throw error;
    throw new CommandError(`graph: ${reason.message}`, 1, { cause: error });
  }
}

function look(pids: readonly number[], alone: boolean): ProcessGraph {
  try {
    return processGraph(pids, { alone, exclude: [Deno.pid] });
  } catch (error) {
    if (!(error instanceof PosixError && error.code === "ESRCH")) throw error;
    throw new CommandError(`graph: there is no process ${error.target?.replace("/proc/", "")}`, 1, { cause: error });
  }
}

/** Where the lines end; `undefined` where nothing ends them, as in a pipe. */
function terminalWidth(): number | undefined {
  try {
    return Deno.stdout.isTerminal() ? Math.max(40, Deno.consoleSize().columns) : undefined;
  } catch {
    // A terminal that does not know its size.
    return undefined;
  }
}

async function written(graph: ProcessGraph, format: Format, onTerminal: boolean): Promise<string> {
  switch (format) {
    case "dot":
      return renderDot(graph);
    case "mermaid":
      return renderMermaid(graph);
    case "json":
      return `${JSON.stringify(graph, null, 2)}\n`;
    case "html":
      return await renderHtml(graph);
    case "svg":
      try {
        return await renderSvg(graph);
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        throw new CommandError(`graph: ${message}; --dot needs nothing: causeway graph --dot | dot -Tsvg`, 1, {
          cause: error,
        });
      }
    case "text": {
      const style = onTerminal ? styleFor(Deno.stdout) : (_role: string, text: string) => text;
      const roles = { process: "name", channel: "title", faint: "faint" } as const;
      const width = onTerminal ? terminalWidth() : undefined;
      return renderText(graph, { style: (role, text) => style(roles[role], text), width });
    }
  }
}
