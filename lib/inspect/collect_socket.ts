/**
 * Removing the name of a Unix socket that nobody has.
 *
 * @module
 */

import { dirname, join } from "../std/path.ts";
import { nameFacts } from "../sys/file_facts.ts";
import { requireWrite } from "../sys/permission.ts";
import { removeAside } from "./aside.ts";
import type { UnixSocketObject } from "./object.ts";
import { isNobodys } from "./objects_streams.ts";

/**
 * Removes the name, unless there is an objection.
 *
 * @returns The objection.
 * @throws {PosixError} EACCES, ENOENT, EPERM.
 */
export function removeSocket({ name = "", id }: UnixSocketObject): string | undefined {
  requireWrite(name);
  if (nameFacts(name).identity !== id) return "the name is another object's by now";
  if (!isNobodys(name)) return "somebody has it open";
  return removeAside(name, id, () => isNobodys(join(dirname(name), `.causeway-gc-${Deno.pid}`)));
}
