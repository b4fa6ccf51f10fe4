/**
 * What the doctor found: how bad it is, what it breaks, and what helps.
 *
 * @module
 */

/** How bad something is. `ok`: as it should be; `note`: good to know; `warning`: will break something; `error`: breaks something now. */
export type Level = "ok" | "note" | "warning" | "error";

/** One thing that was looked at. */
export interface Finding {
  /** How bad it is. */
  readonly level: Level;
  /** What it belongs to. */
  readonly area:
    | "platform"
    | "permissions"
    | "kernel"
    | "limits"
    | "mounts"
    | "login"
    | "container"
    | "cpu"
    | "protection";
  /** What was found. */
  readonly what: string;
  /** What does not work because of it; `null` when everything does. */
  readonly breaks: string | null;
  /** What to do, a command where there is one; `null` when there is nothing to do. */
  readonly fix: string | null;
}

/** Reads a small file; `undefined` when there is none, or it may not be read. */
export type Files = (path: string) => string | undefined;

/** From the best to the worst. */
export const LEVELS: readonly Level[] = ["ok", "note", "warning", "error"];

/** Everything is as it should be. */
export function fine(area: Finding["area"], what: string): Finding {
  return { level: "ok", area, what, breaks: null, fix: null };
}

/** The worst first; within a level as they were found. */
export function worstFirst(findings: readonly Finding[]): Finding[] {
  return findings.toSorted((left, right) => LEVELS.indexOf(right.level) - LEVELS.indexOf(left.level));
}
