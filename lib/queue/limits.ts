/**
 * The limits of message queues: what to raise, and what it is now. The values are read only when a call has failed.
 *
 * @module
 */

import { readProcFile } from "../memory/proc_file.ts";
import { resourceLimit } from "../sys/capacity.ts";

/** What a failed `mq_open(3)` can be helped with, by errno name. `creating` says whether sizes were given. */
export function posixHints(creating: boolean): Record<string, string> {
  const hints = {
    EMFILE: `all queues of this user together may have ${limit("MSGQUEUE")} bytes (RLIMIT_MSGQUEUE, raise it with ` +
      `ulimit -q), this process ${limit("NOFILE")} descriptors (RLIMIT_NOFILE, ulimit -n)`,
    ENOSPC: `raise ${sysctl("fs.mqueue.queues_max")}, or remove queues`,
  };
  if (!creating) return hints;
  const EINVAL = `maxMessages and messageSize are limited by ${sysctl("fs.mqueue.msg_max")} and ${
    sysctl("fs.mqueue.msgsize_max")
  }`;
  return { ...hints, EINVAL };
}

/** What a failed `msgget(2)` can be helped with. */
export function sysvHints(): Record<string, string> {
  return { ENOSPC: `raise ${sysctl("kernel.msgmni")}, or remove queues` };
}

/** What a failed `msgsnd(2)` can be helped with. */
export function sysvSendHints(): Record<string, string> {
  return { EINVAL: `the queue is gone, or the message is longer than ${sysctl("kernel.msgmax")}` };
}

/** What a failed `msgctl(2)` can be helped with. */
export function sysvChangeHints(): Record<string, string> {
  return { EPERM: `more than ${sysctl("kernel.msgmnb")} bytes needs CAP_SYS_RESOURCE, any change the queue's owner` };
}

/** `fs.mqueue.msg_max = 10`; only the name where /proc is hidden. */
function sysctl(name: string): string {
  const value = readProcFile(`/proc/sys/${name.replaceAll(".", "/")}`)?.trim();
  return value === undefined ? name : `${name} = ${value}`;
}

function limit(resource: "MSGQUEUE" | "NOFILE"): string {
  const { soft } = resourceLimit(resource);
  return soft === Infinity ? "any number of" : String(soft);
}
