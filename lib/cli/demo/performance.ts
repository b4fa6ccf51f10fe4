/**
 * Playing one demonstration from beginning to end, whatever happens.
 *
 * @module
 */

import type { MechanismEntry, Model } from "./mechanism.ts";
import { type Check, type DemoEvent, PATIENCE_MS, Scene } from "./scene.ts";

/** One thing that somebody did, with times that count from the first event. */
export interface PerformedEvent {
  /** Milliseconds since the first event, by CLOCK_MONOTONIC. */
  readonly atMs: number;
  /** Who: `"parent"`, `"child(PID)"`, or a program. */
  readonly who: string;
  /** What. */
  readonly did: string;
}

/** What came of one demonstration. */
export interface Performance {
  /** The mechanism. */
  readonly name: string;
  /** The model of communication that it belongs to. */
  readonly model: Model;
  /** What it is. */
  readonly about: string;
  /** Whether everything was as it should be. */
  readonly ok: boolean;
  /** Milliseconds, start of the processes and cleaning up included. */
  readonly durationMs: number;
  /** Who did what when, in the order of time. */
  readonly events: readonly PerformedEvent[];
  /** What was checked. */
  readonly checks: readonly Check[];
  /** What went wrong; `null` when nothing did. */
  readonly error: string | null;
}

/** Plays it. Never rejects: what goes wrong is part of the result, and whatever was started or made is gone. */
export async function perform(entry: MechanismEntry, signal: AbortSignal): Promise<Performance> {
  const startedAt = performance.now();
  const { model, about, play } = await entry.load();
  const scene = new Scene(entry.name);
  const errors: string[] = [];
  const attempt = async (work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      errors.push(error instanceof Error ? error.message : String(error));
    }
  };
  await attempt(() => untilCurtain(play(scene), signal));
  await attempt(() => scene[Symbol.asyncDispose]());
  const { checks } = scene;
  return {
    name: entry.name,
    model,
    about,
    ok: errors.length === 0 && checks.length > 0 && checks.every(({ holds }) => holds),
    durationMs: performance.now() - startedAt,
    events: fromFirst(scene.events),
    checks,
    error: errors.length === 0 ? null : errors.join("; "),
  };
}

/** Waits for the play, until it takes too long or somebody ends the program. */
export async function untilCurtain<T>(play: Promise<T>, signal: AbortSignal, patienceMs = PATIENCE_MS): Promise<T> {
  const curtain = Promise.withResolvers<never>();
  const fall = () => curtain.reject(new Error("Interrupted"));
  const timer = setTimeout(() => curtain.reject(new Error(`Not done after ${patienceMs} ms`)), patienceMs);
  if (signal.aborted) fall();
  signal.addEventListener("abort", fall, { once: true });
  // A play that lost the race fails when its things are taken away; that failure is of no interest.
  play.catch(() => {});
  try {
    return await Promise.race([play, curtain.promise]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", fall);
  }
}

/** The events with times that count from the first. */
export function fromFirst(events: readonly DemoEvent[]): PerformedEvent[] {
  const firstNs = events[0]?.atNs ?? 0n;
  return events.map(({ atNs, who, did }) => ({ atMs: Number(atNs - firstNs) / 1e6, who, did }));
}
