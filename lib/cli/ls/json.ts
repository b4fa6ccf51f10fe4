/**
 * A listing as JSON. Every object of a kind has the same members: what is not known is null.
 *
 * @module
 */

import type { IpcObject, ObjectListing } from "../../inspect/mod.ts";

/** What `ls --json` prints. */
export interface ListingJson {
  /** When it was looked: ISO 8601. */
  readonly time: string;
  /** The objects. */
  readonly objects: readonly Readonly<Record<string, unknown>>[];
  /** Pids of processes of which this user may not see what they hold. */
  readonly hidden: readonly number[];
  /** What could not be seen, and what would help. */
  readonly notes: readonly string[];
}

/** Makes it. */
export function listingJson(listing: ObjectListing, objects: readonly IpcObject[]): ListingJson {
  return {
    time: new Date(listing.takenAt).toISOString(),
    objects: objects.map(objectJson),
    hidden: listing.hidden,
    notes: listing.notes,
  };
}

/** One object. Times are ISO 8601; the start time of a creator is in clock ticks since the machine started. */
export function objectJson(object: IpcObject): Readonly<Record<string, unknown>> {
  const { createdAt, ...others } = object;
  const time = createdAt === undefined ? null : new Date(createdAt).toISOString();
  return { ...plain(others), createdAt: time };
}

function plain(value: object): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, plainValue(inner)]));
}

function plainValue(value: unknown): unknown {
  if (value === undefined || value === null) return null;
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plainValue);
  return typeof value === "object" ? plain(value) : value;
}
