/**
 * POSIX shared memory and semaphores, memfds, and files and anonymous memory that are mapped for sharing.
 *
 * @module
 */

import { requireRead } from "../sys/permission.ts";
import { STATX } from "../sys/linux.ts";
import { type Listing, NOTHING } from "./listing.ts";
import type {
  AnonymousMemoryObject,
  Holder,
  MappedFileObject,
  MemfdObject,
  ObjectFacts,
  SemaphoreObject,
  SharedMemoryObject,
} from "./object.ts";
import { statusOf } from "./descriptors.ts";
import { type FileStatus, readNames, readStart, status } from "./proc.ts";
import { STALE_DRAFT, staleStruct } from "./stale.ts";

/** Where glibc keeps both. */
const DIRECTORY = "/dev/shm";
const SEMAPHORE_PREFIX = "sem.";
/** What a creator leaves that is killed where there is no `O_TMPFILE`. */
const DRAFT = /^\.causeway-[0-9a-f]{16}$/;

/** What is in /dev/shm, and what was there and somebody still has. */
export function posixShared(listing: Listing): (SharedMemoryObject | SemaphoreObject)[] {
  requireRead(DIRECTORY);
  const names = readNames(DIRECTORY);
  if (typeof names === "number") {
    listing.notes.push(`${DIRECTORY} cannot be read: POSIX shared memory and semaphores are not listed`);
    return [];
  }
  const listed = new Set<string>();
  const found: (SharedMemoryObject | SemaphoreObject)[] = [];
  for (const name of names) {
    const facts = status(`${DIRECTORY}/${name}`, false);
    if (typeof facts === "number" || facts.type !== STATX.S_IFREG) continue;
    listed.add(facts.identity);
    found.push(posixObject(listing, name, facts, `${DIRECTORY}/${name}`));
  }
  return [...found, ...nameless(listing, listed)];
}

/** Objects whose names are gone, or are in another mount namespace's /dev/shm. */
function* nameless(listing: Listing, listed: ReadonlySet<string>): Generator<SharedMemoryObject | SemaphoreObject> {
  for (const { object, shown, path } of held(listing, "shared-memory")) {
    if (listed.has(object)) continue;
    const name = shown.slice(DIRECTORY.length + 1);
    const facts = path === undefined ? undefined : status(path, true);
    yield posixObject(listing, name, typeof facts === "number" ? undefined : facts, path, object);
  }
}

function posixObject(
  listing: Listing,
  name: string,
  facts: FileStatus | undefined,
  readable: string | undefined,
  object: string = facts?.identity ?? "",
): SharedMemoryObject | SemaphoreObject {
  const holders = listing.holders.of(object);
  const path = readable === `${DIRECTORY}/${name}` ? readable : undefined;
  const unlinked = path === undefined && (facts?.links ?? 0) === 0;
  const common = { ...factsOf(listing, object, facts, holders), path, unlinked };
  if (name.startsWith(SEMAPHORE_PREFIX) && name.length > SEMAPHORE_PREFIX.length) {
    const semaphore = readable === undefined ? undefined : semaphoreAt(readable);
    return {
      kind: "semaphore",
      ...common,
      name: `/${name.slice(SEMAPHORE_PREFIX.length)}`,
      value: semaphore?.value,
      waiters: semaphore?.waiters,
    };
  }
  const content = readable === undefined || facts?.size === 0 ? NOTHING : listing.contentAt(readable);
  const isDraft = path !== undefined && DRAFT.test(name);
  const stale = isDraft && holders.length === 0 && listing.snapshot.hidden.length === 0
    ? STALE_DRAFT
    : staleStruct(content.struct, holders);
  return {
    kind: "shared-memory",
    ...common,
    name: `/${name}`,
    byteLength: facts?.size ?? sizeOf(listing, object),
    ...content,
    ours: content.holds !== undefined || isDraft,
    stale: path === undefined ? undefined : stale,
  };
}

/** `struct new_sem` of glibc on 64-bit CPUs, little-endian: the value, and then how many wait. Read as it is: no call reads it from a file. */
function semaphoreAt(path: string): { value: number; waiters: number } | undefined {
  const bytes = readStart(path, 8);
  if (typeof bytes === "number" || bytes.byteLength < 8) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, 8);
  return { value: view.getUint32(0, true), waiters: view.getUint32(4, true) };
}

/** Memfds that somebody has. */
export function memfds(listing: Listing): MemfdObject[] {
  return [...held(listing, "memfd")].map(({ object, shown, path }) => {
    const descriptors = listing.holders.descriptors(object);
    const [first] = descriptors;
    const facts = (first && statusOf(first)) ?? (path === undefined ? undefined : status(path, true));
    const isEmpty = typeof facts === "object" && facts.size === 0;
    const content = isEmpty ? NOTHING : listing.contentOf(descriptors, listing.holders.mappings(object));
    const holders = listing.holders.of(object);
    return {
      kind: "memfd",
      ...factsOf(listing, object, typeof facts === "number" ? undefined : facts, holders),
      name: shown.slice("/memfd:".length),
      byteLength: (typeof facts === "number" ? undefined : facts?.size) ?? sizeOf(listing, object),
      ...content,
      ours: content.holds !== undefined,
    };
  });
}

/** Files that somebody has mapped for sharing and may write to, and memory that processes share with their forks. */
export function mappedMemory(listing: Listing): (MappedFileObject | AnonymousMemoryObject)[] {
  const found: (MappedFileObject | AnonymousMemoryObject)[] = [];
  for (const [object, mappings] of listing.holders.mapped()) {
    const [first] = mappings;
    if (first === undefined) continue;
    const holders = listing.holders.of(object);
    if (first.kind === "anonymous" && new Set(mappings.map(({ pid }) => pid)).size > 1) {
      const byteLength = sizeOf(listing, object);
      found.push({
        kind: "anonymous-memory",
        ...factsOf(listing, object, undefined, holders),
        byteLength,
      });
    }
    if (first.kind !== "file" || !mappings.some(({ direction }) => direction === "both" || direction === "write")) {
      continue;
    }
    // Where it can be looked at through a holder, it is the same file whatever has become of the name.
    const { pid, start, end } = first;
    const path = `/proc/${pid}/map_files/${start.toString(16)}-${end.toString(16)}`;
    const facts = status(path, true);
    const content = listing.contentOf(listing.holders.descriptors(object), mappings);
    found.push({
      kind: "mapped-file",
      ...factsOf(listing, object, typeof facts === "number" ? undefined : facts, holders),
      name: first.target,
      byteLength: typeof facts === "number" ? sizeOf(listing, object) : facts.size,
      ...content,
      ours: content.holds !== undefined,
    });
  }
  return found;
}

interface Held {
  readonly object: string;
  /** What /proc shows. */
  readonly shown: string;
  /** By which it can be looked at. */
  readonly path: string | undefined;
}

/** Objects of a kind that somebody has open or mapped. */
function* held(listing: Listing, kind: "memfd" | "shared-memory"): Generator<Held> {
  const seen = new Set<string>();
  for (const [object, [first]] of listing.holders.open()) {
    if (first?.kind !== kind) continue;
    seen.add(object);
    yield { object, shown: first.target, path: `/proc/${first.pid}/fd/${first.number}` };
  }
  for (const [object, [first]] of listing.holders.mapped()) {
    if (first?.kind === kind && !seen.has(object)) yield { object, shown: first.target, path: undefined };
  }
}

/** How far an object reaches, as far as it is mapped. */
function sizeOf(listing: Listing, object: string): number {
  const ends = listing.holders.mappings(object).map(({ start, end, offset }) => Number(offset + end - start));
  return Math.max(0, ...ends);
}

function factsOf(
  listing: Listing,
  id: string,
  facts: FileStatus | undefined,
  holders: readonly Holder[],
): ObjectFacts {
  return {
    id,
    name: undefined,
    mode: facts?.mode,
    uid: facts?.uid,
    owner: listing.owner(facts?.uid),
    byteLength: facts?.size,
    createdAt: facts?.bornAt,
    holders,
    ours: false,
    stale: undefined,
  };
}
