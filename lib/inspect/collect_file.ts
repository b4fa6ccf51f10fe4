/**
 * Removing the name of a file in /dev/shm that nobody has open.
 *
 * @module
 */

import { findHeader } from "../memory/header.ts";
import { isGone } from "../memory/creator.ts";
import { signalNumber } from "../signal/names.ts";
import { check, ERRNO, errno } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { fileFacts } from "../sys/file_facts.ts";
import { libc } from "../sys/libc.ts";
import { F, LOCK, O, OFD } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { requireWrite } from "../sys/permission.ts";
import { platform } from "../sys/platform.ts";
import { removeAside } from "./aside.ts";
import type { SharedMemoryObject } from "./object.ts";

const HEADER_BYTES = 64;

/**
 * Removes the name, unless there is an objection.
 *
 * @param hidden How many processes there are whose descriptors cannot be seen.
 * @returns The objection.
 * @throws {PosixError} EACCES, ENOENT, EPERM.
 */
export function removeFile(object: SharedMemoryObject, hidden: number): string | undefined {
  const { path } = object;
  if (path === undefined) return "it has no name here";
  requireWrite(path);
  const flags = O.RDONLY | O.CLOEXEC | O.NONBLOCK | platform().O_NOFOLLOW;
  const raw = check(libc().open(cString(path, "path"), flags, 0), "open", path);
  using fd = Fd.own(raw, path);
  if (fileFacts(fd).identity !== object.id) return "the name is another object's by now";
  if (object.struct !== undefined && !hasDeadCreator(fd)) return "somebody has made it anew";
  // Creators of this library hold this lock while they clear away what a dead one left, and while a draft is theirs.
  if (libc().flock(fd.raw, LOCK.EX | LOCK.NB) === -1) return "somebody has it locked";
  const lease = takeLease(fd);
  if (lease === "refused") return "somebody has it open whom /proc does not show";
  if (lease === "unsupported" && hidden > 0) return `what ${hidden} processes hold is hidden: one of them may have it`;
  return removeAside(path, object.id, () => lease === "unsupported" || stillAlone(fd));
}

function hasDeadCreator(fd: Fd): boolean {
  const bytes = new Uint8Array(HEADER_BYTES);
  if (libc().pread(fd.raw, bytes, bytes.byteLength, 0n) < HEADER_BYTES) return false;
  const header = findHeader(bytes);
  return header !== undefined && isGone(header.creator);
}

/**
 * `fcntl(F_SETLEASE, F_WRLCK)`: the kernel grants it while nobody else has the file open or mapped, whatever namespace he is in. Who opens it
 * afterwards waits until this descriptor is closed, and is noticed by {@linkcode stillAlone}.
 */
function takeLease(fd: Fd): "granted" | "refused" | "unsupported" {
  // By default the kernel announces an opener by SIGIO, which kills; SIGURG is ignored by default.
  if (libc().fcntl(fd.raw, F.SETSIG, signalNumber("SIGURG")) === -1) return "unsupported";
  if (libc().fcntl(fd.raw, F.SETLEASE, OFD.WRLCK) !== -1) return "granted";
  return errno() === ERRNO.EAGAIN ? "refused" : "unsupported";
}

/** While an opener waits, the kernel tells what the lease is about to become. */
function stillAlone(fd: Fd): boolean {
  return libc().fcntl(fd.raw, F.GETLEASE, 0) === OFD.WRLCK;
}
