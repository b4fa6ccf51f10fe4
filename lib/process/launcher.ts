/**
 * The two ways to start a program, and the choice between them.
 *
 * `Deno.Command` starts what it can. `posix_spawn(3)` starts what needs an option that Deno does not have, and goes through a trampoline
 * (`trampoline.ts`) for what must be done in the child between its birth and `execve(2)`.
 *
 * @module
 */

import { hasFfi } from "../sys/platform.ts";
import type { EnvironmentChange } from "./environment.ts";
import type { CommandOptions } from "./options.ts";
import type { Status } from "./status.ts";
import type { LaunchStdio } from "./stdio.ts";
import type { Usage } from "./usage.ts";

/** Options that the choice depends on. */
export type LaunchSettings = Pick<
  CommandOptions,
  "argv0" | "uid" | "gid" | "groups" | "umask" | "nice" | "limits" | "group" | "usage" | "lifeline"
>;

/** What a launcher needs to know. */
export interface LaunchRequest {
  /** A name to look up in PATH, or a path. */
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string | undefined;
  readonly environment: EnvironmentChange;
  readonly stdin: LaunchStdio;
  readonly stdout: LaunchStdio;
  readonly stderr: LaunchStdio;
  /** Descriptors above 2, by the child's number. */
  readonly descriptors: ReadonlyMap<number, number>;
  readonly settings: LaunchSettings;
  /** The terminal that it has for 0, 1 and 2, in a session of its own. */
  readonly terminal?: string | undefined;
}

/** A process that was launched. */
export interface Launched {
  readonly pid: number;
  /** Resolves when it was reaped, which happens once. */
  readonly status: Promise<Status>;
  readonly stdin: WritableStream<Uint8Array> | undefined;
  readonly stdout: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  readonly stderr: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  /** Whether it leads a process group of its own. */
  readonly leadsGroup: boolean;
  /** What it used, when that was asked for and it has ended. */
  readonly usage: Usage | undefined;
  /** Whether the process has not exited, as far as can be known. */
  isAlive(): boolean;
  /** Sends a signal by number; `false` when the process has exited. */
  signal(number: number): boolean;
  /** Sends a signal to every process of the group that it leads; `false` when nobody is left there. */
  signalGroup(number: number): boolean;
  /** Whether anybody is left in the group that it led, when it has been reaped. */
  isGroupThere(): boolean;
  /** Whether waiting for it keeps this process alive. */
  hold(held: boolean): void;
  /** Gives up what is kept for the sake of its group, once it has ended. */
  release(): Promise<void>;
}

/** Which launcher, and why. */
export interface Choice {
  readonly launcher: "Deno.Command" | "posix_spawn";
  /** The options that need `posix_spawn`; empty for `Deno.Command`. */
  readonly because: readonly string[];
  /** The options that need the trampoline; empty without. */
  readonly trampoline: readonly string[];
}

/**
 * Chooses a launcher.
 *
 * @param descriptors The child's numbers above 2.
 * @param others What else needs `posix_spawn`.
 */
export function choose(
  settings: LaunchSettings,
  descriptors: readonly number[],
  others: readonly string[] = [],
): Choice {
  const { group = "inherit" } = settings;
  const trampoline = (["umask", "nice", "limits", "groups"] as const).filter((name) => settings[name] !== undefined);
  const asked: string[] = (["usage", "lifeline"] as const).filter((name) => settings[name]);
  const because = [
    ...others,
    ...(settings.argv0 === undefined ? [] : ["argv0"]),
    ...descriptors.map((number) => `descriptor ${number}`),
    // Deno can begin a session as well, but takes the supplementary groups away.
    ...(group === "own" || (group === "session" && hasFfi()) ? [`group: "${group}"`] : []),
    ...asked,
    ...trampoline,
  ];
  if (because.length === 0) return { launcher: "Deno.Command", because, trampoline: [] };
  const identity = (["uid", "gid"] as const).filter((name) => settings[name] !== undefined);
  return { launcher: "posix_spawn", because, trampoline: [...asked, ...trampoline, ...identity] };
}
