/**
 * Removing what is stale, and nothing else.
 *
 * @module
 */

import { dirname } from "../std/path.ts";
import { PosixError } from "../errors.ts";
import { listSysvMemory, removeSysvMemory } from "../memory/sysv_list.ts";
import { removeFile } from "./collect_file.ts";
import { removeSocket } from "./collect_socket.ts";
import type { IpcObject, SysvMemoryObject } from "./object.ts";
import { listObjects } from "./objects.ts";

/** What {@linkcode collectStale} does. */
export interface CollectStaleOptions {
  /**
   * Objects to look at, by name, path, key or id, as {@linkcode listObjects} shows them.
   * @default {what this library made}
   */
  readonly names?: readonly string[] | undefined;
  /**
   * Whether what is stale is removed. Otherwise it is only said what would be.
   * @default {false}
   */
  readonly remove?: boolean | undefined;
}

/** What became of one object. */
export interface Collected {
  /** The object, as it was found. */
  readonly object: IpcObject;
  /** `"stale"`: it would be removed. */
  readonly outcome: "removed" | "stale" | "left";
  /** Why. */
  readonly reason: string;
}

/** What {@linkcode collectStale} did. */
export interface Collection {
  /** Every object that was named; or every object of this library that could stay behind. */
  readonly objects: readonly Collected[];
  /** Names that nothing has. */
  readonly missing: readonly string[];
  /** What could not be seen. */
  readonly notes: readonly string[];
}

/**
 * `collectStale(options)`: finds, and with `remove` removes, names and segments that a process has left that was killed.
 *
 * Only what is named is looked at, and without names what this library made (memory that begins with the header of a struct, names in the runtime directory). It
 * is removed only when its owner has ended for certain: the process that its header names by pid, start time and pid namespace; the creator
 * that the kernel keeps of a System V segment that nobody has attached; nobody behind the name of a socket. Whatever else there is (semaphores,
 * queues, FIFOs, memory of other programs) has no owner that could be proven dead, and is left, as is everything in doubt.
 *
 * Just before the removal, identity, owner and holders are looked at once more: a name is moved aside, looked at again, and only then removed,
 * or moved back when it has become another object's. A lease of the file proves that nobody has it open, in any namespace: who opens it in
 * that moment keeps it from being removed.
 *
 * @throws {PosixError} ENOENT where /proc is not mounted.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, read permission as {@linkcode listObjects} needs it, and write permission for what is removed.
 *
 * @example What would be removed
 * ```ts
 * import { collectStale } from "@causeway/causeway/inspect";
 * import { createSharedMemory } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * using memory = createSharedMemory(`/in-use-${Deno.pid}`, { size: 64 });
 * const { objects } = collectStale({ names: [memory.name], remove: true });
 * assertEquals(objects.find(({ object }) => object.name === memory.name)?.outcome, "left");
 * memory.unlink();
 * ```
 *
 * @tags allow-ffi
 */
export function collectStale(options: CollectStaleOptions = {}): Collection {
  const { names, remove = false } = options;
  const directories = (names ?? []).filter((name) => name.lastIndexOf("/") > 0).map((name) => dirname(name));
  const { objects, notes, hidden } = listObjects({ directories });
  const chosen = objects.filter((object) => canBeNamed(object) && (names ? isNamed(object, names) : object.ours));
  const missing = (names ?? []).filter((name) => !chosen.some((object) => isNamed(object, [name])));
  return {
    objects: chosen.map((object) => judge(object, remove, hidden.length)),
    missing,
    notes,
  };
}

/** Whether something could stay when its holders are gone. */
function canBeNamed(object: IpcObject): boolean {
  switch (object.kind) {
    case "shared-memory":
    case "semaphore":
      return object.path !== undefined;
    case "unix-socket":
      return object.name !== undefined && !object.abstract && object.state !== "connected";
    case "sysv-memory":
    case "sysv-semaphores":
    case "sysv-queue":
    case "message-queue":
    case "fifo":
      return true;
    default:
      return false;
  }
}

function isNamed(object: IpcObject, names: readonly string[]): boolean {
  const own = [object.id, object.name, "path" in object ? object.path : undefined];
  return names.some((name) => own.includes(name) || (object.kind === "shared-memory" && object.name === `/${name}`));
}

function judge(object: IpcObject, remove: boolean, hidden: number): Collected {
  const { stale } = object;
  if (stale === undefined) return { object, outcome: "left", reason: doubt(object) };
  if (!remove) return { object, outcome: "stale", reason: stale };
  const objection = removal(object, hidden);
  return objection === undefined
    ? { object, outcome: "removed", reason: stale }
    : { object, outcome: "left", reason: objection };
}

/** Why something that is not stale is left. */
function doubt(object: IpcObject): string {
  const [holder, ...others] = object.holders;
  if (holder !== undefined) {
    const more = others.length === 0 ? "" : `, and ${others.length} more`;
    return `process ${holder.pid} (${holder.program}) has it${more}`;
  }
  if (object.kind === "sysv-memory" && object.removed) return "it is removed already, and goes with the last detach";
  if (object.kind === "sysv-memory" && object.attached > 0) return `it is attached ${object.attached} times`;
  if (object.kind === "sysv-memory") return `its creator, process ${object.creatorPid}, may be alive`;
  if (object.kind === "unix-socket") return "a process may have it open";
  if (object.kind === "shared-memory" && object.struct !== undefined) {
    const { pid, state } = object.struct.creator;
    return state === "alive" ? `its creator, process ${pid}, is alive` : `its creator, process ${pid}, may be alive`;
  }
  return "nothing says who made it";
}

/** Removes something, unless there is an objection by now. */
function removal(object: IpcObject, hidden: number): string | undefined {
  try {
    switch (object.kind) {
      case "shared-memory":
        return removeFile(object, hidden);
      case "unix-socket":
        return removeSocket(object);
      case "sysv-memory":
        return removeSegment(object);
      default:
        return "it cannot be removed by name";
    }
  } catch (error) {
    // Another user's, or somebody was faster.
    if (error instanceof PosixError) return error.message;
    throw error;
  }
}

/** An id is used again for another segment only after thousands of others; the time and the creator tell even then. */
function removeSegment({ sysvId, createdAt, creatorPid }: SysvMemoryObject): string | undefined {
  const now = listSysvMemory().find(({ id }) => id === sysvId);
  if (now === undefined) return "it has been removed meanwhile";
  const isSame = now.changedAt * 1000 === createdAt && now.creatorPid === creatorPid;
  if (!isSame || now.attached > 0) return "somebody has used it meanwhile";
  removeSysvMemory(sysvId);
  return undefined;
}
