/**
 * POSIX message queues of this IPC namespace, as the mqueue file system shows them.
 *
 * @see {@link https://man7.org/linux/man-pages/man7/mq_overview.7.html mq_overview(7)}
 * @module
 */

import { PosixError } from "../errors.ts";
import { directoryNames } from "../sys/directory.ts";
import { readProcFile } from "../sys/proc.ts";

/** A queue in the list. */
export interface MessageQueueEntry {
  /** Its name, with the slash. */
  readonly name: string;
  /** Bytes of all messages in it; `undefined` when this user may not read it. */
  readonly bytes: number | undefined;
}

/**
 * Every message queue, by name; `undefined` where no mqueue file system is mounted: nothing else can list them.
 *
 * @throws {PosixError} EACCES.
 */
export function listMessageQueues(): MessageQueueEntry[] | undefined {
  const directory = messageQueueDirectory();
  if (directory === undefined) return undefined;
  return directoryNames(directory).map((name) => ({ name: `/${name}`, bytes: queuedBytes(`${directory}/${name}`) }));
}

/** Where the mqueue file system is mounted; `undefined` when it is not. */
export function messageQueueDirectory(): string | undefined {
  const mounts = readProcFile("/proc/self/mounts").split("\n").map((line) => line.split(" "));
  const [, path] = mounts.find(([, , type]) => type === "mqueue") ?? [];
  return path?.replace(/\\([0-7]{3})/g, (_escape, digits: string) => String.fromCharCode(parseInt(digits, 8)));
}

/** The file of a queue tells `QSIZE:129  NOTIFY:0 …`. */
function queuedBytes(path: string): number | undefined {
  try {
    const [, bytes] = /^QSIZE:(\d+)/.exec(readProcFile(path)) ?? [];
    return bytes === undefined ? undefined : Number(bytes);
  } catch (error) {
    // It may also have been unlinked meanwhile.
    if (error instanceof PosixError) return undefined;
    throw error;
  }
}
