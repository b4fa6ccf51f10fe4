/**
 * Names in a file system that appear when what they stand for is whole.
 *
 * The file is made without a name (`O_TMPFILE`), filled, and linked: whoever opens the name finds it complete, a creator that fails or is killed
 * leaves nothing, and of many creators one wins.
 *
 * A file system that cannot do that (NFS, FUSE) gets a draft beside the name, which is renamed:
 *
 * | step | does | killed right after it |
 * |---|---|---|
 * | D1 | creates the draft, exclusively | a draft without a lock: the next creator of this name removes it (D2) |
 * | D2 | takes the draft's `flock`; looks whether the draft is still that file | the kernel drops the lock: the same |
 * | D3 | fills it | the same |
 * | D4 | renames it, if the name is free | done: the lock goes with the descriptor |
 *
 * @module
 */

import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { fileFacts, nameFacts } from "../sys/file_facts.ts";
import { libc } from "../sys/libc.ts";
import { AT, LOCK, O, RENAME, STATX } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { allocate } from "./allocate.ts";
import { fingerprintOf } from "./fingerprint.ts";
import type { NamedFile } from "./named_file.ts";

/** What is created. */
export interface CreateNamedRequest<Made> {
  /** The file gets exactly this size, all zeros, all its blocks allocated. */
  size: number;
  /** Permission bits, whatever the umask. */
  mode: number;
  /**
   * Makes something of the file before it has a name: maps it, writes a header. The descriptor is its own from then on, unless this throws. It may
   * be called a second time, for another file.
   */
  prepare(fd: Fd): Made;
  /** Closes what `prepare` made, the descriptor included. */
  discard(made: Made): void;
}

/**
 * Creates a file with a name.
 *
 * @throws {PosixError} EEXIST when the name is taken, or another process is just about to; ENOSPC, EFBIG, ENOENT, ENOTDIR, EACCES, EROFS,
 * ENAMETOOLONG, EMFILE, ENFILE, EDQUOT.
 */
export function createNamed<Made>(file: NamedFile, request: CreateNamedRequest<Made>): Made {
  // Only to be quick about it: what decides is the link.
  if (exists(file.path)) fail(ERRNO.EEXIST, file.syscall, file.target);
  return createUnnamed(file, request) ?? createDraft(file, request);
}

/** `undefined` when the file system cannot do it. */
function createUnnamed<Made>(file: NamedFile, request: CreateNamedRequest<Made>): Made | undefined {
  const flags = platform().O_TMPFILE | O.RDWR | O.CLOEXEC;
  const raw = libc().open(cString(file.directory, "path"), flags, 0o600);
  if (raw === -1) {
    const number = errno();
    if (UNSUPPORTED.has(number)) return undefined;
    fail(number, file.syscall, file.target);
  }
  const fd = Fd.own(raw, file.what);
  let made: Made;
  try {
    made = fill(fd, file, request);
  } catch (error) {
    fd.close();
    throw error;
  }
  // Without CAP_DAC_READ_SEARCH a descriptor is linked through its name in /proc.
  const source = cString(`/proc/self/fd/${raw}`, "path");
  const linked = libc().linkat(AT.FDCWD, source, AT.FDCWD, cString(file.path, "path"), AT.SYMLINK_FOLLOW);
  const number = errno();
  if (linked !== -1) return made;
  request.discard(made);
  if (FINAL.has(number)) fail(number, file.syscall, file.target);
  return undefined;
}

/** What an old kernel, or a file system that does not know `O_TMPFILE`, answers to it. */
const UNSUPPORTED: ReadonlySet<number> = new Set([ERRNO.EISDIR, ERRNO.EINVAL, ERRNO.EOPNOTSUPP]);

/** What renaming would come to as well. */
const FINAL: ReadonlySet<number> = new Set([ERRNO.EEXIST, ERRNO.ENAMETOOLONG, ERRNO.ENOSPC, ERRNO.EROFS]);

function fill<Made>(fd: Fd, file: NamedFile, { size, mode, prepare }: CreateNamedRequest<Made>): Made {
  allocate(fd, size, file.target);
  // Not subject to the umask.
  check(libc().fchmod(fd.raw, mode), "fchmod", file.target);
  return prepare(fd);
}

function createDraft<Made>(file: NamedFile, request: CreateNamedRequest<Made>): Made {
  // The same for every creator of this name, so that the next finds what a killed one left.
  const path = `${file.directory}/.causeway-${fingerprintOf(file.path).toString(16).padStart(16, "0")}`;
  const draft = cString(path, "path");
  const fd = openDraft(file, path, draft);
  let made: Made;
  try {
    made = fill(fd, file, request);
  } catch (error) {
    // In this order: without the lock, the draft may be another's.
    libc().unlink(draft);
    fd.close();
    throw error;
  }
  const number = rename(draft, cString(file.path, "path"));
  if (number === 0) return made;
  libc().unlink(draft);
  request.discard(made);
  return fail(number, file.syscall, file.target);
}

/** D1 and D2. */
function openDraft(file: NamedFile, path: string, draft: Uint8Array<ArrayBuffer>): Fd {
  const flags = O.RDWR | O.CREAT | O.CLOEXEC | platform().O_NOFOLLOW;
  while (true) {
    const created = libc().open(draft, flags | O.EXCL, 0o600);
    const number = errno();
    if (created === -1 && number !== ERRNO.EEXIST) fail(number, file.syscall, file.target);
    const raw = created !== -1 ? created : libc().open(draft, flags & ~O.CREAT, 0);
    if (raw === -1 && errno() === ERRNO.ENOENT) continue;
    const fd = Fd.own(check(raw, file.syscall, file.target), file.what);
    try {
      if (lockDraft(fd, path, created !== -1)) return fd;
    } catch (error) {
      fd.close();
      throw error;
    }
    fd.close();
  }

  /** Whoever has the lock of the file that is there now is its creator, or clears away what a dead one left. */
  function lockDraft(fd: Fd, at: string, isOurs: boolean): boolean {
    if (libc().flock(fd.raw, LOCK.EX | LOCK.NB) === -1) {
      const number = errno();
      if (number !== ERRNO.EAGAIN) fail(number, "flock", at);
      if (!isOurs) fail(ERRNO.EEXIST, file.syscall, file.target, { EEXIST: "it is being created" });
      return false;
    }
    if (!isAt(fd, at)) return false;
    if (!isOurs) check(libc().unlink(draft), "unlink", at);
    return isOurs;
  }
}

function isAt(fd: Fd, path: string): boolean {
  return exists(path) && nameFacts(path).identity === fileFacts(fd).identity;
}

/** @returns 0 or the errno. */
function rename(from: Uint8Array<ArrayBuffer>, to: Uint8Array<ArrayBuffer>): number {
  if (libc().renameat2(AT.FDCWD, from, AT.FDCWD, to, RENAME.NOREPLACE) !== -1) return 0;
  const number = errno();
  if (number !== ERRNO.EINVAL) return number;
  // A file system that does not know RENAME_NOREPLACE (NFS) knows hard links.
  if (libc().linkat(AT.FDCWD, from, AT.FDCWD, to, 0) === -1) return errno();
  libc().unlink(from);
  return 0;
}

const ignored = new Uint8Array(STATX.byteLength);

/** Whether a name is there, as far as can be seen: what cannot be seen is what creating it will complain about. */
function exists(path: string): boolean {
  return libc().statx(AT.FDCWD, cString(path, "path"), AT.SYMLINK_NOFOLLOW, 0, ignored) === 0;
}
