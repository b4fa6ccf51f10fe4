/**
 * What the kernel says about an open file or a name, from our own `statx`; never from a peer.
 *
 * @module
 */

import { check } from "./errno.ts";
import type { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { AT, STATX } from "./linux.ts";
import { cString } from "./memory.ts";

/** What a name in the file system can stand for. */
export type FileKind =
  | "FIFO"
  | "regular file"
  | "directory"
  | "symbolic link"
  | "socket"
  | "character device"
  | "block device"
  | "unknown kind of file";

/** Facts of a file. */
export interface FileFacts {
  readonly kind: FileKind;
  /** Permission bits, set-id and sticky included. */
  readonly mode: number;
  /** Names that it has; 0 once it was deleted. */
  readonly links: number;
  /** The owning user. */
  readonly uid: number;
  /** Bytes. */
  readonly size: number;
  /** Device and inode: equal for two names or descriptors of one file. */
  readonly identity: string;
}

const buffer = new DataView(new ArrayBuffer(STATX.byteLength));
const EMPTY = cString("", "path");

/** `statx(2)` of an open descriptor. */
export function fileFacts(fd: Fd): FileFacts {
  check(libc().statx(fd.raw, EMPTY, AT.EMPTY_PATH, STATX.BASIC_STATS, buffer), "statx", fd.what);
  return facts();
}

/**
 * `statx(2)` of a name, without following a symbolic link.
 *
 * @throws {PosixError} EACCES, ELOOP, ENAMETOOLONG, ENOENT, ENOTDIR.
 */
export function nameFacts(path: string): FileFacts {
  check(libc().statx(AT.FDCWD, cString(path, "path"), AT.SYMLINK_NOFOLLOW, STATX.BASIC_STATS, buffer), "statx", path);
  return facts();
}

const KINDS: ReadonlyMap<number, FileKind> = new Map([
  [STATX.S_IFIFO, "FIFO"],
  [STATX.S_IFREG, "regular file"],
  [STATX.S_IFDIR, "directory"],
  [STATX.S_IFLNK, "symbolic link"],
  [STATX.S_IFSOCK, "socket"],
  [STATX.S_IFCHR, "character device"],
  [STATX.S_IFBLK, "block device"],
]);

function facts(): FileFacts {
  const { offset } = STATX;
  const mode = buffer.getUint16(offset.mode, true);
  const device = `${buffer.getUint32(offset.devMajor, true)}:${buffer.getUint32(offset.devMinor, true)}`;
  return {
    kind: KINDS.get(mode & STATX.S_IFMT) ?? "unknown kind of file",
    mode: mode & ~STATX.S_IFMT,
    links: buffer.getUint32(offset.nlink, true),
    uid: buffer.getUint32(offset.uid, true),
    size: Number(buffer.getBigUint64(offset.size, true)),
    identity: `${device}:${buffer.getBigUint64(offset.ino, true)}`,
  };
}
