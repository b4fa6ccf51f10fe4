/**
 * What can be known of a service.
 *
 * @module
 */

import type { ServiceFailedError } from "./service_failed_error.ts";
import type { Status } from "./status.ts";

/**
 * Where a service is:
 *
 * - `"waiting"`: for what it needs
 * - `"starting"`: its process runs and is not ready
 * - `"ready"`
 * - `"restarting"`: its process has ended, and is started again after a delay
 * - `"stopping"`: its process has been asked to end
 * - `"stopped"`: by request, or never started
 * - `"exited"`: it has ended well, and is not to be restarted
 * - `"failed"`: for good
 */
export type ServiceState =
  | "waiting"
  | "starting"
  | "ready"
  | "restarting"
  | "stopping"
  | "stopped"
  | "exited"
  | "failed";

/** What a supervisor knows of a service at one moment. */
export interface ServiceStatus {
  /** Its name. */
  readonly name: string;
  /** Where it is. */
  readonly state: ServiceState;
  /** The pid of its process, while there is one. */
  readonly pid?: number;
  /** How often it has been restarted. */
  readonly restarts: number;
  /** Milliseconds that its process has run, while there is one. */
  readonly uptimeMs?: number;
  /** How its last process ended, once one has. */
  readonly status?: Status;
  /** Why it has failed, when it has. */
  readonly error?: ServiceFailedError;
}
