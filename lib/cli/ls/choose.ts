/**
 * Which objects `causeway ls` shows, and in which order.
 *
 * @module
 */

import type { IpcObject } from "../../inspect/mod.ts";
import { fillOf } from "./fill.ts";
import type { Request } from "./request.ts";

/** What one can sort by. */
export const SORT_KEYS = ["kind", "name", "size", "fill", "owner", "age", "holders"] as const;

/** One of them. */
export type SortKey = typeof SORT_KEYS[number];

/** What a filter lets through. */
export type Filter = Pick<Request, "owners" | "pids" | "names" | "stale" | "ours">;

/** The objects that were asked for. */
export function choose(objects: readonly IpcObject[], filter: Filter): IpcObject[] {
  const patterns = filter.names.map(globPattern);
  return objects.filter((object) =>
    (filter.owners.length === 0 || filter.owners.some((owner) => isOwner(object, owner))) &&
    (filter.pids.length === 0 || object.holders.some(({ pid }) => filter.pids.includes(pid))) &&
    (patterns.length === 0 || patterns.some((pattern) => namesOf(object).some((name) => pattern.test(name)))) &&
    (!filter.stale || object.stale !== undefined) &&
    (!filter.ours || object.ours)
  );
}

/** Sorted by a key: sizes and numbers the largest first, ages the oldest, the rest by letters. What has none comes last. */
export function sorted(objects: readonly IpcObject[], key: SortKey | undefined, reverse: boolean): IpcObject[] {
  const ordered = key === undefined || key === "kind" ? [...objects] : objects.toSorted(byKey(key));
  return reverse ? ordered.reverse() : ordered;
}

function isOwner({ uid }: IpcObject, wanted: string): boolean {
  return String(uid) === wanted;
}

function namesOf(object: IpcObject): string[] {
  const names = [object.name, object.id, "path" in object ? object.path : undefined];
  return names.filter((name) => name !== undefined);
}

/** `*` is any text, a slash too, and `?` one character; a pattern without them is the whole name. */
function globPattern(pattern: string): RegExp {
  const escaped = pattern.replace(/[.+^${}()|[\]\\]/g, "\\$&").replaceAll("*", ".*").replaceAll("?", ".");
  return new RegExp(`^${escaped}$`, "s");
}

function byKey(key: Exclude<SortKey, "kind">): (left: IpcObject, right: IpcObject) => number {
  switch (key) {
    case "name":
      return (left, right) => texts(left.name, right.name);
    case "owner":
      return (left, right) => texts(left.owner ?? left.uid?.toString(), right.owner ?? right.uid?.toString());
    case "size":
      return (left, right) => (right.byteLength ?? -1) - (left.byteLength ?? -1);
    case "fill":
      return (left, right) => (fillOf(right)?.amount ?? -1) - (fillOf(left)?.amount ?? -1);
    case "age":
      return (left, right) => (left.createdAt ?? Infinity) < (right.createdAt ?? Infinity) ? -1 : 1;
    case "holders":
      return (left, right) => right.holders.length - left.holders.length;
  }
}

function texts(left: string | undefined, right: string | undefined): number {
  if (left === undefined || right === undefined) return left === right ? 0 : left === undefined ? 1 : -1;
  return left < right ? -1 : left > right ? 1 : 0;
}
