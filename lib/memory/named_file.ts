/**
 * Names in a file system, as mapped files and POSIX shared memory have them: opened with suspicion. (created_file.ts creates them.)
 *
 * @module
 */

import { PosixError, ProtocolError } from "../errors.ts";
import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { fileFacts, nameFacts } from "../sys/file_facts.ts";
import { MAP, O } from "../sys/linux.ts";
import { Mapping } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { type Owner, requireOwner } from "./arguments.ts";

/** A name and the calls that work on it. */
export interface NamedFile {
  /** Where it is, for calls that take a path. */
  path: string;
  /** The directory of `path`. */
  directory: string;
  /** What it is, for errors. */
  what: string;
  /** `open` or `shm_open`, with its name for errors. */
  open(flags: number, mode: number): number;
  syscall: string;
  /** What the caller called it, for errors. */
  target: string;
  /** `unlink` or `shm_unlink`. */
  unlink(): number;
}

/** How {@linkcode openNamed} opens. */
export interface OpenNamedRequest {
  readOnly: boolean;
  owner: Owner | undefined;
}

/**
 * Opens a name that must be a regular file, not empty, of a trusted owner; a symbolic link is refused.
 *
 * @returns The descriptor and the size that the kernel reports.
 */
export function openNamed(file: NamedFile, request: OpenNamedRequest): { fd: Fd; size: number } {
  // O_NONBLOCK: opening a FIFO by mistake must not wait for its writer. It means nothing for a regular file.
  const flags = (request.readOnly ? O.RDONLY : O.RDWR) | O.CLOEXEC | O.NOCTTY | O.NONBLOCK | platform().O_NOFOLLOW;
  const fd = openAgain(file, flags);
  try {
    const { kind, uid, size } = fileFacts(fd);
    if (kind !== "regular file") {
      throw new PosixError({ code: "EACCES", syscall: file.syscall, target: file.target, hint: `it is a ${kind}` });
    }
    requireOwner(uid, request.owner, file.syscall, file.target);
    if (size === 0) throw new ProtocolError(`${file.what} is empty: its creator has not finished, or died`);
    return { fd, size };
  } catch (error) {
    fd.close();
    throw error;
  }
}

/** A file system over the network may be interrupted by a signal. */
function openAgain(file: NamedFile, flags: number): Fd {
  while (true) {
    const raw = file.open(flags, 0);
    const number = errno();
    if (raw !== -1) return Fd.own(raw, file.what);
    if (number !== ERRNO.EINTR) fail(number, file.syscall, file.target, { ELOOP: "it is a symbolic link" });
  }
}

/** What of a file is mapped, and how. */
export interface MapFileRequest {
  byteLength: number;
  /** First byte. */
  offset?: number;
  readOnly?: boolean;
  /** Stores stay in this mapping. */
  isPrivate?: boolean;
}

/** `mmap(2)` of a file. */
export function mapFile(
  fd: Fd,
  { byteLength, offset = 0, readOnly = false, isPrivate = false }: MapFileRequest,
): Mapping {
  const protection = readOnly ? MAP.PROT_READ : MAP.PROT_READ | MAP.PROT_WRITE;
  const flags = isPrivate ? MAP.PRIVATE : MAP.SHARED;
  return Mapping.map({ byteLength, offset, raw: fd.raw, protection, flags, target: fd.what });
}

/** Maps all of a file for sharing; closes it when that fails. */
export function mapShared(fd: Fd, byteLength: number, readOnly: boolean): Mapping {
  try {
    return mapFile(fd, { byteLength, readOnly });
  } catch (error) {
    fd.close();
    throw error;
  }
}

/**
 * Removes a name, if it still is the name of this file.
 *
 * @throws {PosixError} ENOENT when the name is gone, or another file's by now.
 */
export function unlinkOwn(fd: Fd, file: NamedFile, syscall: string): void {
  if (nameFacts(file.path).identity !== fileFacts(fd).identity) {
    throw new PosixError({ code: "ENOENT", syscall, target: file.target, hint: "the name is another object's by now" });
  }
  check(file.unlink(), syscall, file.target);
}
