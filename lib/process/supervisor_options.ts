/**
 * What can be said about services and their supervisor.
 *
 * @module
 */

import type { Command } from "./command.ts";
import type { SupervisorEvent } from "./supervisor_events.ts";

/** When a service counts as ready, so that those that need it may start. */
export type Readiness =
  | ReadyByLine
  | ReadyByDescriptor
  | ReadyBySocket
  | ReadyByCommand;

/** What every kind of readiness has. */
export interface ReadyOptions {
  /**
   * Milliseconds from its start that a service has to become ready; then it is ended, which counts as a failure. A service that is stopped
   * (SIGSTOP) at that moment gets the time once more, where /proc can be read.
   * @default {Infinity}
   */
  timeoutMs?: number | undefined;
}

/** Ready when it has printed a line. */
export interface ReadyByLine extends ReadyOptions {
  /** A text that the line contains, or an expression that it matches. The output must be `"piped"`, which it is when nothing else was said. */
  line: string | RegExp;
  /**
   * The output to look at.
   * @default {"both"}
   */
  stream?: "stdout" | "stderr" | "both" | undefined;
}

/**
 * Ready when it has written a newline to a descriptor, as programs for s6 do. The service gets a pipe of its own there; when it closes it without a
 * newline it is ended, which counts as a failure. Needs `--allow-ffi`.
 *
 * @see {@link https://skarnet.org/software/s6/notifywhenup.html Service startup notifications}
 */
export interface ReadyByDescriptor extends ReadyOptions {
  /** The number of the descriptor, above 2. */
  descriptor: number;
}

/**
 * Ready when a socket accepts a connection, which is closed at once. No event tells when a socket begins to listen, so this polls: after 10 ms, at
 * last every 250. Whose socket it is cannot be told. A port needs `--allow-net`.
 */
export interface ReadyBySocket extends ReadyOptions {
  /** The path of a Unix socket, or a TCP port. */
  socket: string | number;
  /**
   * The host of a port.
   * @default {"127.0.0.1"}
   */
  host?: string | undefined;
}

/** Ready when another program exits with 0. It is run again and again, one at a time. */
export interface ReadyByCommand extends ReadyOptions {
  /** The program. */
  command: Command;
  /**
   * Milliseconds between the end of one run and the next.
   * @default {200}
   */
  everyMs?: number | undefined;
}

/** Asking a service that is ready whether it is well. A service that is stopped (SIGSTOP) is not taken for ill, where /proc can be read. */
export interface HealthCheck {
  /** A program that exits with 0, or a function that neither throws, rejects nor returns `false`. The signal aborts when the answer is late. */
  check: Command | ((signal: AbortSignal) => unknown);
  /**
   * Milliseconds between the end of one check and the next, and before the first.
   * @default {10000}
   */
  everyMs?: number | undefined;
  /**
   * Milliseconds that a check may take; a late one has failed.
   * @default {5000}
   */
  timeoutMs?: number | undefined;
  /**
   * So many failures in a row end the service, which counts as a failure.
   * @default {3}
   */
  failures?: number | undefined;
}

/** Which ends of a service are followed by another start. */
export type RestartWhen = "never" | "on-failure" | "always";

/** When and how a service that has ended is started again. */
export interface RestartOptions {
  /**
   * `"never"`; `"on-failure"`: unless it exited with 0; `"always"`.
   * @default {"on-failure"}
   */
  when?: RestartWhen | undefined;
  /**
   * Milliseconds before the first time.
   * @default {100}
   */
  delayMs?: number | undefined;
  /**
   * By what the delay is multiplied for each further time.
   * @default {2}
   */
  factor?: number | undefined;
  /**
   * The longest delay in milliseconds.
   * @default {30000}
   */
  maxDelayMs?: number | undefined;
  /**
   * Which part of each delay is left to chance, from 0 to 1.
   * @default {0.5}
   */
  jitter?: number | undefined;
  /**
   * A service that was ready for so many milliseconds begins with the first delay again.
   * @default {10000}
   */
  resetAfterMs?: number | undefined;
  /**
   * Storm guard: a service that would be started more than so many times within `withinMs` has failed for good.
   * @default {5}
   */
  maxStarts?: number | undefined;
  /**
   * Milliseconds that the storm guard looks back.
   * @default {10000}
   */
  withinMs?: number | undefined;
}

/** A service: a program that should run as long as it is wanted. It must stay in the foreground. */
export interface ServiceSpec<Name extends string = string> {
  /**
   * The program, or a function that describes it anew for every start (a descriptor that is given to a child is given once). Its outputs are
   * `"piped"` unless something else was asked for.
   */
  command: Command | (() => Command);
  /** Names of the services that must be ready (or have exited well) before this one starts. It is stopped before they are. */
  needs?: readonly Name[] | undefined;
  /** When it counts as ready; as soon as it has been started, when left out. */
  ready?: Readiness | undefined;
  /** How to ask whether it is well; it is not asked when left out. */
  health?: HealthCheck | undefined;
  /**
   * When it is started again.
   * @default {"on-failure"}
   */
  restart?: RestartWhen | RestartOptions | undefined;
  /**
   * What becomes of it when a service that it needs ends, or is stopped or restarted by `stop(name)` or `restart(name)`: it runs on, or it is
   * stopped and started again when all that it needs is ready.
   * @default {"keep"}
   */
  whenNeedsRestart?: "keep" | "restart" | undefined;
  /**
   * Milliseconds that it has to obey SIGTERM, or the `endSignal` of its command, before it gets SIGKILL.
   * @default {5000}
   */
  graceMs?: number | undefined;
}

/** Services by name. */
export type ServiceSpecs<Name extends string = string> = Readonly<Record<Name, ServiceSpec<NoInfer<Name>>>>;

/** How a supervisor works. */
export interface SuperviseOptions {
  /**
   * What becomes of the others when a service fails for good: they are stopped, or they run on.
   * @default {"stop"}
   */
  whenFailed?: "stop" | "keep" | undefined;
  /**
   * Names of the services to start, together with what they need; the others are stopped until they are started by name. All when left out.
   */
  only?: readonly string[] | undefined;
  /**
   * Hears everything that happens, in order. When it returns a promise for a line, the service's output is not read on before that has resolved:
   * nothing is dropped and memory stays bounded, and a service that says more waits.
   */
  onEvent?: ((event: SupervisorEvent) => void | Promise<void>) | undefined;
  /** Stops all services in order when it aborts. */
  signal?: AbortSignal | undefined;
}
