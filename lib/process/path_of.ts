/**
 * Paths that come as URLs.
 *
 * @module
 */

/** The path that a path or a `file:` URL is. @throws {TypeError} For another URL. */
export function pathOf(value: string | URL): string {
  if (typeof value === "string") return value;
  if (value.protocol !== "file:") throw new TypeError(`URL must begin with file:, got ${value.href}`);
  return decodeURIComponent(value.pathname);
}
