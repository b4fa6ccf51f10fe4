/**
 * What the parts of a listing share: the snapshot, who holds what, names of users, and what could not be seen.
 *
 * @module
 */

import { isGone, ownIdentity } from "../memory/creator.ts";
import { findHeader } from "../memory/header.ts";
import { ERRNO, errno } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { isGranted } from "../sys/permission.ts";
import { userName } from "../sys/user_names.ts";
import type { Descriptor } from "./descriptors.ts";
import { HolderIndex } from "./holders.ts";
import type { SharedMapping } from "./mappings.ts";
import type { MemoryFacts, StructFacts } from "./object.ts";
import { PipeProbe } from "./pipe_fill.ts";
import { readAt, readStart } from "./proc.ts";
import type { Snapshot } from "./snapshot.ts";

/** Bytes of the header of a struct. */
const HEADER_BYTES = 64;

/** What some memory holds. */
export type Content = Pick<MemoryFacts, "holds" | "struct">;

/** Nothing of this library, or nobody may look. */
export const NOTHING: Content = { holds: undefined, struct: undefined };

/** What the memory of channels begins with: see docs/layouts.md. */
const MAGICS: readonly (readonly [magic: string, holds: "ring" | "lanes" | "latest"])[] = [
  ["CWRG", "ring"],
  ["CWLN", "lanes"],
  ["CWLATEST", "latest"],
];

const decoder = new TextDecoder();

/** One listing that is being made. */
export class Listing implements Disposable {
  /** Processes, descriptors, mappings. */
  readonly snapshot: Snapshot;
  /** Who holds what. */
  readonly holders: HolderIndex;
  /** How full pipes are. */
  readonly pipes: PipeProbe = new PipeProbe();
  /** What could not be seen, in sentences. */
  readonly notes: string[] = [];
  readonly #names = new Map<number, string | undefined>();
  readonly #creators = new Map<string, boolean>();
  readonly #mayName = isGranted({ name: "read", path: "/etc/passwd" });

  constructor(snapshot: Snapshot) {
    this.snapshot = snapshot;
    this.holders = new HolderIndex(snapshot);
  }

  /** The name of a user. */
  owner(uid: number | undefined): string | undefined {
    if (uid === undefined || !this.#mayName) return undefined;
    if (!this.#names.has(uid)) this.#names.set(uid, userName(uid));
    return this.#names.get(uid);
  }

  /** What of this library is at the beginning of a file. */
  contentAt(path: string): Content {
    return this.#content(readStart(path, HEADER_BYTES));
  }

  /** What of this library is at the beginning of some memory that has no name. */
  contentOf(descriptors: readonly Descriptor[], mappings: readonly SharedMapping[]): Content {
    const descriptor = descriptors.find(({ direction }) => direction === "read" || direction === "both");
    if (descriptor !== undefined) return this.contentAt(`/proc/${descriptor.pid}/fd/${descriptor.number}`);
    const mapping = mappings.find(({ direction, offset }) => direction !== "none" && offset === 0n);
    if (mapping === undefined) return NOTHING;
    return this.#content(readAt(`/proc/${mapping.pid}/mem`, mapping.start, HEADER_BYTES));
  }

  /** Whether a process is gone for certain: no process has its pid, or only one that has ended and was not waited for. */
  isGonePid(pid: number): boolean {
    if (pid <= 0) return false;
    if (this.snapshot.processes.get(pid)?.state === "Z") return true;
    // Signal 0 sends nothing. A pid that exists may be another's by now, and may not: in doubt.
    return libc().kill(pid, 0) === -1 && errno() === ERRNO.ESRCH;
  }

  /** Closes what was opened. */
  [Symbol.dispose](): void {
    this.pipes[Symbol.dispose]();
  }

  #content(bytes: Uint8Array<ArrayBuffer> | number): Content {
    if (typeof bytes === "number") return NOTHING;
    const struct = this.#struct(bytes);
    if (struct !== undefined) return { holds: "struct", struct };
    const start = decoder.decode(bytes.subarray(0, 8));
    return { holds: MAGICS.find(([magic]) => start.startsWith(magic))?.[1], struct: undefined };
  }

  #struct(bytes: Uint8Array<ArrayBuffer>): StructFacts | undefined {
    const header = findHeader(bytes);
    if (header === undefined) return undefined;
    const { pid, startTime, pidNamespace } = header.creator;
    const key = `${pid}:${startTime}:${pidNamespace}`;
    const gone = this.#creators.get(key) ?? isGone(header.creator);
    this.#creators.set(key, gone);
    const seen = pidNamespace === ownIdentity().pidNamespace ? this.snapshot.processes.get(pid) : undefined;
    const state = gone ? "gone" : seen?.startTime === startTime && seen.state !== "Z" ? "alive" : "unknown";
    return {
      state: header.state,
      fingerprint: header.fingerprint.toString(16).padStart(16, "0"),
      byteLength: Number(header.size),
      creator: { pid, startTime, state },
    };
  }
}
