/**
 * Who has an object: descriptors and mappings, gathered by object and by process.
 *
 * @module
 */

import type { Descriptor, Direction } from "./descriptors.ts";
import type { SharedMapping } from "./mappings.ts";
import type { Holder } from "./object.ts";
import { readLink } from "./proc.ts";
import type { Snapshot } from "./snapshot.ts";

/** What processes have, by object. */
export class HolderIndex {
  readonly #snapshot: Snapshot;
  readonly #descriptors: ReadonlyMap<string, readonly Descriptor[]>;
  readonly #mappings: ReadonlyMap<string, readonly SharedMapping[]>;
  readonly #ipcNamespaces = new Map<number, string | number>();

  constructor(snapshot: Snapshot) {
    this.#snapshot = snapshot;
    this.#descriptors = grouped(snapshot.descriptors, ({ object }) => object);
    this.#mappings = grouped(snapshot.mappings, (mapping) => this.#keyOf(mapping));
  }

  /** The descriptors that are open on an object. */
  descriptors(object: string): readonly Descriptor[] {
    return this.#descriptors.get(object) ?? [];
  }

  /** Where an object is mapped. Of a System V segment: under `sysv-memory:ID`. */
  mappings(object: string): readonly SharedMapping[] {
    return this.#mappings.get(object) ?? [];
  }

  /** Every object that is mapped. */
  mapped(): Iterable<readonly [object: string, mappings: readonly SharedMapping[]]> {
    return this.#mappings;
  }

  /** Every object that is open. */
  open(): Iterable<readonly [object: string, descriptors: readonly Descriptor[]]> {
    return this.#descriptors;
  }

  /** Who has an object, by pid. */
  of(object: string): Holder[] {
    const [descriptors, mappings] = [this.descriptors(object), this.mappings(object)];
    // Most of what there is, nobody has, or one has by one descriptor.
    if (mappings.length === 0 && descriptors.length === 0) return [];
    const [only] = descriptors;
    if (mappings.length === 0 && descriptors.length === 1 && only !== undefined) {
      return [this.holder(only.pid, { direction: only.direction, descriptors: [only.number] })];
    }
    const held = new Map<number, { direction: Direction; descriptors: number[]; mapped: boolean }>();
    const hold = (pid: number, direction: Direction) => {
      const known = held.get(pid);
      const entry = known ?? { direction, descriptors: [], mapped: false };
      if (known === undefined) held.set(pid, entry);
      else entry.direction = together(entry.direction, direction);
      return entry;
    };
    for (const { pid, number, direction } of descriptors) hold(pid, direction).descriptors.push(number);
    for (const { pid, direction } of mappings) hold(pid, direction).mapped = true;
    return [...held].map(([pid, entry]) => this.holder(pid, entry)).sort((left, right) => left.pid - right.pid);
  }

  /** A process as a holder. */
  holder(pid: number, has: Partial<Holder>): Holder {
    const process = this.#snapshot.processes.get(pid);
    return {
      pid,
      program: process?.name ?? "",
      uid: process?.uid ?? 0,
      direction: "none",
      descriptors: [],
      mapped: false,
      waiting: false,
      ...has,
    };
  }

  /** The number of a segment says which one it is in its IPC namespace only. */
  #keyOf({ kind, pid, inode, object }: SharedMapping): string {
    if (kind !== "sysv-memory") return object;
    const own = this.#ipcNamespaceOf(Deno.pid);
    return this.#ipcNamespaceOf(pid) === own ? `sysv-memory:${inode}` : `elsewhere:${object}`;
  }

  #ipcNamespaceOf(pid: number): string | number {
    const known = this.#ipcNamespaces.get(pid) ?? readLink(`/proc/${pid}/ns/ipc`);
    this.#ipcNamespaces.set(pid, known);
    return known;
  }
}

function together(left: Direction, right: Direction): Direction {
  if (left === right || right === "none") return left;
  return left === "none" ? right : "both";
}

function grouped<T>(all: readonly T[], key: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of all) {
    const name = key(one);
    const group = groups.get(name);
    if (group === undefined) groups.set(name, [one]);
    else group.push(one);
  }
  return groups;
}
