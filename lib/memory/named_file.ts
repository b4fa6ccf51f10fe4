/**
 * Names in a file system, as mapped files and POSIX shared memory have them: created whole and private, opened with suspicion.
 *
 * @module
 */

import { PosixError, ProtocolError } from "../errors.ts";
import { check, errno, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { fileFacts, nameFacts } from "../sys/file_facts.ts";
import { libc } from "../sys/libc.ts";
import { AT, MAP, O, STATX } from "../sys/linux.ts";
import { cString, Mapping } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { allocate } from "./allocate.ts";
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

/**
 * Creates a file of an exact size, all zeros, all its blocks allocated, with exactly this mode.
 *
 * The file is made without a name and gets the name when it is whole: whoever opens the name finds it complete, and a creator that fails or is
 * killed leaves none. Of many creators one wins, the others get EEXIST.
 */
export function createNamed(file: NamedFile, size: number, mode: number): Fd {
  return createUnnamed(file, size, mode) ?? createInPlace(file, size, mode);
}

/** `undefined` when this is not the way: the name exists, or the file system cannot do it. The other way then tells why. */
function createUnnamed(file: NamedFile, size: number, mode: number): Fd | undefined {
  if (exists(file.path)) return undefined;
  const flags = platform().O_TMPFILE | O.RDWR | O.CLOEXEC;
  const raw = libc().open(cString(file.directory, "path"), flags, 0o600);
  if (raw === -1) return undefined;
  const fd = Fd.own(raw, file.what);
  try {
    fill(fd, file, size, mode);
  } catch (error) {
    fd.close();
    throw error;
  }
  // Without CAP_DAC_READ_SEARCH a descriptor is linked through its name in /proc.
  const source = cString(`/proc/self/fd/${raw}`, "path");
  const linked = libc().linkat(AT.FDCWD, source, AT.FDCWD, cString(file.path, "path"), AT.SYMLINK_FOLLOW);
  if (linked !== -1) return fd;
  fd.close();
  return undefined;
}

/** The name comes first here: an opener may find the file empty, and gets a ProtocolError. */
function createInPlace(file: NamedFile, size: number, mode: number): Fd {
  const flags = O.RDWR | O.CREAT | O.EXCL | O.CLOEXEC | platform().O_NOFOLLOW;
  const fd = Fd.own(check(file.open(flags, 0o600), file.syscall, file.target), file.what);
  try {
    fill(fd, file, size, mode);
    return fd;
  } catch (error) {
    file.unlink();
    fd.close();
    throw error;
  }
}

function fill(fd: Fd, file: NamedFile, size: number, mode: number): void {
  allocate(fd, size, file.target);
  // Not subject to the umask, and last: nobody can open the file before it is whole.
  check(libc().fchmod(fd.raw, mode), "fchmod", file.target);
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
  const raw = file.open(flags, 0);
  if (raw === -1) fail(errno(), file.syscall, file.target, { ELOOP: "it is a symbolic link" });
  const fd = Fd.own(raw, file.what);
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

/** Maps all of a file for sharing; closes it when that fails. */
export function mapShared(fd: Fd, byteLength: number, readOnly: boolean): Mapping {
  const protection = readOnly ? MAP.PROT_READ : MAP.PROT_READ | MAP.PROT_WRITE;
  try {
    return Mapping.map({ byteLength, raw: fd.raw, protection, flags: MAP.SHARED, target: fd.what });
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

/** Whether a name is there, as far as can be seen: what cannot be seen is what creating it will complain about. */
function exists(path: string): boolean {
  const flags = AT.SYMLINK_NOFOLLOW;
  return libc().statx(AT.FDCWD, cString(path, "path"), flags, 0, new Uint8Array(STATX.byteLength)) === 0;
}
