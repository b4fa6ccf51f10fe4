/**
 * Doing one experiment from beginning to end, whatever happens.
 *
 * @module
 */

import { fromFirst, type PerformedEvent, untilCurtain } from "../demo/performance.ts";
import { type Check, type DemoEvent, Scene } from "../demo/scene.ts";
import type { Trace } from "../../trace/mod.ts";
import type { Experiment } from "./lesson.ts";
import { traced } from "../traced.ts";
import { BUSY_MS } from "./waiting.ts";

/** What came of an experiment. */
export interface Trial {
  /** What it was about. */
  readonly about: string;
  /** How it is done by hand. */
  readonly command: readonly string[];
  /** Whether it showed what its lesson says. */
  readonly ok: boolean;
  /** Milliseconds, start of the processes and cleaning up included. */
  readonly durationMs: number;
  /** Who did what when, in the order of time. */
  readonly events: readonly PerformedEvent[];
  /** The claims of the text. */
  readonly checks: readonly Check[];
  /** What happened, in words, with what was measured; empty when it failed. */
  readonly happened: readonly string[];
  /** One message of the mechanism, as `causeway trace` has it; `null` when the experiment has none. */
  readonly trace: Trace | null;
  /** What went wrong; `null` when nothing did. */
  readonly error: string | null;
}

/** How long a signal may take to be heard that has been sent to this process already. */
const HEARSAY_MS = 200;

/** Does it. Never rejects: what goes wrong is part of the result, and whatever was started or made is gone. */
export async function attempt(
  name: string,
  { about, command, play, shown }: Experiment,
  signal: AbortSignal,
  onEvent?: (event: DemoEvent) => void,
): Promise<Trial> {
  const startedAt = performance.now();
  const scene = new Scene(name, { script: new URL("./peer.ts", import.meta.url), onEvent });
  const errors: string[] = [];
  let happened: readonly string[] = [];
  let trace: Trace | null = null;
  try {
    happened = await untilCurtain(play(scene), signal, 2 * BUSY_MS);
    if (shown !== undefined && !signal.aborted) {
      trace = await traced(shown.scene);
      scene.check(shown.claim, shown.shows(trace));
    }
  } catch (error) {
    errors.push(messageOf(error));
  }
  try {
    await scene[Symbol.asyncDispose]();
  } catch (error) {
    errors.push(messageOf(error));
  }
  const { checks } = scene;
  const ok = errors.length === 0 && checks.length > 0 && checks.every(({ holds }) => holds);
  // Ctrl-C reaches the children too, and this process may hear of their death first.
  if (!ok) await new Promise((resolve) => setTimeout(resolve, HEARSAY_MS));
  return {
    about,
    command,
    ok,
    durationMs: performance.now() - startedAt,
    events: fromFirst(scene.events),
    checks,
    happened,
    trace,
    error: errors.length === 0 ? null : errors.join("; "),
  };
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
