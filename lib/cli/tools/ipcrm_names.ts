/**
 * Removing POSIX shared memory, message queues and semaphores by name.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { unlinkSharedMemory } from "../../memory/shared_memory.ts";
import { listMessageQueues } from "../../queue/posix_list.ts";
import { unlinkMessageQueue } from "../../queue/posix.ts";
import { unlinkPosixSemaphore } from "../../sync/posix_semaphore.ts";
import { directoryNames } from "../../sys/directory.ts";
import { print } from "../output.ts";
import { ClassicError, complain, reasonOf } from "./classic.ts";
import { withSlash } from "./object_name.ts";

/** A kind of POSIX object. */
interface NamedKind {
  readonly title: string;
  names(): string[];
  remove(name: string): void;
}

const SHARED_MEMORY = "/dev/shm";
/** glibc keeps semaphores beside shared memory, under names that begin so. */
const SEMAPHORE = "sem.";

const KINDS: Readonly<Record<string, NamedKind>> = {
  pshm: {
    title: "shared memory",
    names: () => directoryNames(SHARED_MEMORY).filter((name) => !name.startsWith(SEMAPHORE)),
    remove: unlinkSharedMemory,
  },
  pmsg: {
    title: "message queue",
    names: () => (listMessageQueues() ?? []).map(({ name }) => name),
    remove: unlinkMessageQueue,
  },
  psem: {
    title: "semaphore",
    names: () =>
      directoryNames(SHARED_MEMORY).filter((name) => name.startsWith(SEMAPHORE)).map((name) =>
        name.slice(SEMAPHORE.length)
      ),
    remove: unlinkPosixSemaphore,
  },
};

/** Removes one; `false` after saying why it could not be. */
export function removeName(kind: string, name: string, verbose: boolean): boolean {
  const { title, remove } = KINDS[kind]!;
  if (verbose) print(`removing POSIX ${title} \`${name}'\n`);
  try {
    remove(withSlash(name));
    return true;
  } catch (error) {
    if (error instanceof TypeError) {
      const long = new TextEncoder().encode(name).byteLength > 250;
      complain("ipcrm", long ? `name \`${name}' too long` : `name failed: Invalid argument`);
      return false;
    }
    if (!(error instanceof PosixError)) throw error;
    if (error.code === "EACCES" || error.code === "EPERM") complain("ipcrm", `permission denied for name \`${name}'`);
    else if (error.code === "ENOENT") complain("ipcrm", `name \`${name}' not found`);
    else throw new ClassicError(`name failed: ${reasonOf(error)}`, undefined, { cause: error });
    return false;
  }
}

/** Removes all of a kind; `false` when one is left. */
export function removeAllNames(kind: string, verbose: boolean): boolean {
  return !KINDS[kind]!.names().map((name) => removeName(kind, name, verbose)).includes(false);
}
