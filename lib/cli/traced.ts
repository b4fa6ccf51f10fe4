/**
 * The picture of one message, traced: the same mechanism once more, each process telling what it does by the one clock.
 *
 * @module
 */

import { command } from "../process/command.ts";
import { describeStatus, isSuccess } from "../process/status.ts";
import { fromFileUrl } from "../std/path.ts";
import { drawText, record, type Trace } from "../trace/mod.ts";
import { PEER_FLAGS } from "./peer_flags.ts";
import { PATIENCE_MS } from "./trace/stage.ts";

/** What of `causeway trace` shows a lesson's mechanism, and what must be seen there. */
export interface Shown {
  /** The scene. */
  readonly scene: string;
  /** What its trace shows. */
  readonly claim: string;
  /** Whether it does. */
  shows(trace: Trace): boolean;
}

/**
 * Plays a scene and traces it. It takes a moment and is not interrupted: it cleans up after itself when it is over.
 *
 * @throws {Error} When the scene did not come to its end.
 */
export async function traced(scene: string): Promise<Trace> {
  const script = new URL("./trace/scene_process.ts", import.meta.url);
  const program = script.protocol === "file:" ? fromFileUrl(script) : script.href;
  return await record(async ({ directory }) => {
    const status = await command(Deno.execPath(), ["run", ...PEER_FLAGS, program, scene, directory, "first"], {
      stdin: "null",
      stdout: "null",
      stderr: "inherit",
      timeoutMs: 2 * PATIENCE_MS,
      // Ctrl-C is for this program; the scene would leave its names.
      group: "own",
    }).status();
    if (!isSuccess(status)) throw new Error(`The scene of causeway trace ${scene} ${describeStatus(status)}`);
  }, { title: `causeway trace ${scene}`, self: false });
}

/** The drawing; where there is no room for it, how to see it. */
export function drawing(trace: Trace, width: number): string {
  // What is said beside the last lane counts extra: narrower lanes make room for it.
  for (let asked = width; asked >= width - MARGIN_MOST; asked -= 5) {
    const text = drawText(trace, { width: asked });
    if (lanesOf(text).every((line) => line.length <= width)) return text;
  }
  const needed = Math.max(...lanesOf(drawText(trace, { width: 0 })).map((line) => line.length));
  return `(${trace.title} draws it where there are ${needed} columns)\n`;
}

/** The most that may stand beside the lanes. */
const MARGIN_MOST = 60;

function lanesOf(text: string): string[] {
  return text.split("\n").filter((line) => /[│║┊┃]/.test(line));
}
