/** Declarations for the part of `@std/path` that this repository uses. */

/** The last part of a path, without `suffix`. */
export function basename(path: string | URL, suffix?: string): string;

/** A path without its last part; `.` when it has one part only. */
export function dirname(path: string | URL): string;

/** The extension of a path with its dot, or an empty string. */
export function extname(path: string | URL): string;

/** The path of a `file:` URL. Throws `TypeError` for another scheme. */
export function fromFileUrl(url: string | URL): string;

/** The `file:` URL of an absolute path. Throws `TypeError` for a relative one. */
export function toFileUrl(path: string): URL;

/** Tells whether a path starts at the root. */
export function isAbsolute(path: string): boolean;

/** Joins parts with the separator and normalizes the result. */
export function join(path: string | URL, ...paths: string[]): string;

/** Resolves `.`, `..` and repeated separators, by text alone. */
export function normalize(path: string | URL): string;

/** The way from one path to another. */
export function relative(from: string, to: string): string;

/** An absolute path, read from right to left until a part is absolute; the working directory comes last. */
export function resolve(...paths: string[]): string;
