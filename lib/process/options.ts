/**
 * What can be said about how a command runs.
 *
 * @module
 */

import type { Signal } from "../signal/names.ts";
import type { Fd } from "../sys/fd.ts";
import type { Inheritable, Movable } from "../sys/inheritable.ts";
import type { Limits } from "./limits.ts";
import type { OutputTarget, StdinSource } from "./stdio.ts";

/** Limits on how long a run may take and how it is ended. */
export interface EndingOptions {
  /**
   * Milliseconds after which the run is ended: SIGTERM (or a program's own `endSignal`), and SIGKILL after `graceMs`.
   * @default {Infinity}
   */
  timeoutMs?: number | undefined;
  /**
   * Milliseconds that a process has to obey SIGTERM before it gets SIGKILL.
   * @default {5000}
   */
  graceMs?: number | undefined;
  /**
   * Milliseconds that captured outputs may stay open after the exit (a grandchild may hold them) before capturing stops.
   * @default {1000}
   */
  drainGraceMs?: number | undefined;
  /** Ends the run when it aborts; the verb then rejects with `signal.reason`. */
  signal?: AbortSignal | undefined;
  /**
   * Most bytes to capture of one stream. When there are more, the run is ended, what came before is kept, and the error says so.
   * @default {Infinity}
   */
  maxOutputBytes?: number | undefined;
  /**
   * Whether the processes must not outlive this one: when it ends in whatever way, SIGKILL included, they get SIGKILL at once, together with
   * the groups that they lead. A small process watches, which hears of this one's death by the end of a pipe. Needs `--allow-ffi` and Perl.
   * @default {false}
   */
  lifeline?: boolean | undefined;
}

/** Standard descriptors of a run. */
export interface StdioOptions {
  /**
   * Where standard input comes from.
   * @default {"null"}
   */
  stdin?: StdinSource | undefined;
  /**
   * Where standard output goes; `"stderr"` for the same place. `output()`, `text()`, `json()`, `bytes()` and `lines()` capture it; `spawn()` and `status()` inherit.
   * @default {"piped" or "inherit", by verb}
   */
  stdout?: OutputTarget | "stderr" | undefined;
  /**
   * Where standard error goes, as for `stdout`; `"stdout"` for the same place, in the order in which it is written (`2>&1`).
   * @default {"piped" or "inherit", by verb}
   */
  stderr?: OutputTarget | "stdout" | undefined;
}

/** How a command runs. What Deno itself cannot do needs `--allow-ffi`; `explain()` says what that is. */
export interface CommandOptions extends EndingOptions, StdioOptions {
  /** Working directory of the child; this process's when left out. */
  cwd?: string | URL | undefined;
  /** Variables to set; `undefined` removes one (which needs `--allow-env` or `--allow-ffi`: the others must then be copied). */
  env?: Readonly<Record<string, string | undefined>> | undefined;
  /**
   * Whether the child starts without this process's variables.
   * @default {false}
   */
  clearEnv?: boolean | undefined;
  /** What the program sees as its own name (`argv[0]`); the word that it is started by when left out. */
  argv0?: string | undefined;
  /** User that the child becomes. Without `groups`, it then has no supplementary groups. */
  uid?: number | undefined;
  /** Group that the child has; this process's when left out. */
  gid?: number | undefined;
  /** Supplementary groups of the child. */
  groups?: readonly number[] | undefined;
  /** Permission bits that files the child creates do not get, for example `0o077`. */
  umask?: number | undefined;
  /** Nice value of the child: from -20, which gets most of the CPU, to 19. */
  nice?: number | undefined;
  /** Resource limits of the child. */
  limits?: Limits | undefined;
  /**
   * What asks the program to end, whoever ends it: a time limit, an abort, `terminate()`, `await using`, a supervisor, a pool. Some end well on
   * another signal than SIGTERM: SIGINT, SIGQUIT. SIGKILL follows after `graceMs` all the same.
   * @default {"SIGTERM"}
   */
  endSignal?: Signal | undefined;
  /**
   * Process group of the child: this process's; one of its `"own"`, which the terminal's Ctrl-C does not reach and which is ended as a whole;
   * or a new `"session"`, without a terminal, with a group in it.
   * @default {"inherit"}
   */
  group?: "inherit" | "own" | "session" | undefined;
  /**
   * Descriptors above 2, by the number that the child has them by. The ends are moved: they are closed here.
   */
  descriptors?: Readonly<Record<number, Movable | Fd>> | undefined;
  /**
   * What the child gets besides, such as an end of a channel. Its descriptors get the lowest numbers above 2 that are free, in order, and
   * `{0}`, `{1}` … in its variables become those numbers. They are moved: closed here.
   */
  inherit?: readonly Inheritable[] | undefined;
  /**
   * Whether the result tells the CPU time and memory that the child used. Needs `--allow-ffi` and Perl.
   * @default {false}
   */
  usage?: boolean | undefined;
}

/** Default of `graceMs`. */
export const DEFAULT_GRACE_MS = 5000;

/** Default of `drainGraceMs`. */
export const DEFAULT_DRAIN_GRACE_MS = 1000;
