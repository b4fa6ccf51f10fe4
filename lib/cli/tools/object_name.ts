/**
 * Names of POSIX objects on a command line.
 *
 * @module
 */

/** The name with the slash that the calls want; people and `ls` often leave it out. */
export function withSlash(name: string): string {
  return name.startsWith("/") ? name : `/${name}`;
}
