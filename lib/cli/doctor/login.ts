/**
 * systemd's RemoveIPC: what becomes of IPC objects when their user logs out.
 *
 * @see {@link https://www.freedesktop.org/software/systemd/man/latest/logind.conf.html logind.conf(5)}
 * @module
 */

import { type Finding, fine } from "./finding.ts";

/** What is known of logins. */
export interface LoginFacts {
  /** Whether systemd-logind runs. */
  readonly logind: boolean;
  /** Its configuration files in the order in which they count, the last one most. */
  readonly configuration: readonly string[];
  /** This user. */
  readonly uid: number;
  /** Whether the user stays logged in without a session. */
  readonly lingers: boolean;
}

/** Users up to here are of the system: logind leaves their objects alone, as those of root. */
const SYSTEM_UID_MAX = 999;

/** Whether logging out takes shared memory, queues and semaphores away. */
export function loginFindings({ logind, configuration, uid, lingers }: LoginFacts): Finding[] {
  if (!logind) return [fine("login", "no systemd-logind: nobody removes IPC objects at logout")];
  if (!removesIpc(configuration)) return [fine("login", "systemd-logind has RemoveIPC=no")];
  if (uid <= SYSTEM_UID_MAX) {
    return [fine("login", `systemd-logind has RemoveIPC=yes, which spares system users such as this one (uid ${uid})`)];
  }
  if (lingers) return [fine("login", "systemd-logind has RemoveIPC=yes, but this user lingers")];
  return [{
    level: "warning",
    area: "login",
    what: "systemd-logind has RemoveIPC=yes",
    breaks:
      "when the last session of this user ends, its shared memory, queues and semaphores are deleted, also those of programs that still run",
    fix:
      "loginctl enable-linger, or RemoveIPC=no in /etc/systemd/logind.conf.d/ipc.conf, or run the service as a system user",
  }];
}

/** The last assignment that counts; yes when there is none. */
export function removesIpc(configuration: readonly string[]): boolean {
  const values = configuration.flatMap((text) =>
    [...text.matchAll(/^[ \t]*RemoveIPC[ \t]*=[ \t]*(\w*)[ \t]*$/gm)].map(([, value]) => value)
  );
  const value = values.findLast((each) => each !== "")?.toLowerCase();
  return value === undefined || ["1", "yes", "y", "true", "t", "on"].includes(value);
}
