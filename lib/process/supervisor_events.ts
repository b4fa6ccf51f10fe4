/**
 * What a supervisor tells: to `onEvent`, and through the probe (`lib/sys/probe.ts`).
 *
 * @module
 */

import type { ServiceFailedError } from "./service_failed_error.ts";
import type { Status } from "./status.ts";

/** A service was started. */
export interface ServiceStartEvent {
  /** What happened. */
  readonly kind: "service.start";
  /** The service. */
  readonly name: string;
  /** Its pid. */
  readonly pid: number;
  /** How often it has been restarted. */
  readonly restarts: number;
}

/** A service has become ready. */
export interface ServiceReadyEvent {
  /** What happened. */
  readonly kind: "service.ready";
  /** The service. */
  readonly name: string;
  /** Its pid. */
  readonly pid: number;
  /** Milliseconds from its start. */
  readonly afterMs: number;
}

/** A service has printed a line. Not published through the probe. */
export interface ServiceLineEvent {
  /** What happened. */
  readonly kind: "service.line";
  /** The service. */
  readonly name: string;
  /** Where. */
  readonly stream: "stdout" | "stderr";
  /** The line (UTF-8) without its newline. A line of more than 64 KiB comes in pieces. */
  readonly text: string;
}

/** A service did not pass a health check. */
export interface ServiceUnhealthyEvent {
  /** What happened. */
  readonly kind: "service.unhealthy";
  /** The service. */
  readonly name: string;
  /** How many checks in a row have failed. */
  readonly failures: number;
  /** Why. */
  readonly reason: string;
}

/** A service gets SIGTERM, and SIGKILL after its grace. */
export interface ServiceStoppingEvent {
  /** What happens. */
  readonly kind: "service.stopping";
  /** The service. */
  readonly name: string;
  /** Its pid. */
  readonly pid: number;
  /** Why. */
  readonly because: "stop" | "not-ready" | "unhealthy";
  /** More about it, for people. */
  readonly reason?: string;
}

/** A service's process has ended, and nothing is left of its group. */
export interface ServiceExitEvent {
  /** What happened. */
  readonly kind: "service.exit";
  /** The service. */
  readonly name: string;
  /** The pid that it had. */
  readonly pid: number;
  /** How it ended. */
  readonly status: Status;
  /** Milliseconds that it ran. */
  readonly durationMs: number;
  /** Whether it was asked to end. */
  readonly stopped: boolean;
  /** Whether SIGKILL was needed. */
  readonly forced: boolean;
}

/** A service that has ended will be started again. */
export interface ServiceRestartEvent {
  /** What happens. */
  readonly kind: "service.restart";
  /** The service. */
  readonly name: string;
  /** Which restart it will be, from 1. */
  readonly restarts: number;
  /** Milliseconds until then. */
  readonly delayMs: number;
}

/** A service has failed for good. */
export interface ServiceFailedEvent {
  /** What happened. */
  readonly kind: "service.failed";
  /** The service. */
  readonly name: string;
  /** Why. */
  readonly error: ServiceFailedError;
}

/** All services are ready, for the first time. */
export interface SupervisorReadyEvent {
  /** What happened. */
  readonly kind: "supervisor.ready";
}

/** All services are being stopped, in order. */
export interface SupervisorStoppingEvent {
  /** What happens. */
  readonly kind: "supervisor.stopping";
  /** Why. */
  readonly because: "close" | "abort" | "failed";
}

/** Services are not protected as they should be. */
export interface SupervisorUnprotectedEvent {
  /** What is. */
  readonly kind: "supervisor.unprotected";
  /** What is missing, and what that means. */
  readonly reason: string;
}

/** Everything that a supervisor tells. */
export type SupervisorEvent =
  | ServiceStartEvent
  | ServiceReadyEvent
  | ServiceLineEvent
  | ServiceUnhealthyEvent
  | ServiceStoppingEvent
  | ServiceExitEvent
  | ServiceRestartEvent
  | ServiceFailedEvent
  | SupervisorReadyEvent
  | SupervisorStoppingEvent
  | SupervisorUnprotectedEvent;
