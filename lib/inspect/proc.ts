/**
 * Fast reading of /proc: thousands of small files and links, by libc, with one question to Deno's permissions for all of them. A result that is a number
 * is an errno: processes end while one looks at them, and others belong to other users, so both are results rather than errors.
 *
 * @module
 */

import { ERRNO, errno } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { AT, O, STATX } from "../sys/linux.ts";
import { requireRead } from "../sys/permission.ts";
import { platform } from "../sys/platform.ts";

/** Nothing here waits: not a FIFO for its other end, not a terminal. */
const LOOK_FLAGS = O.RDONLY | O.CLOEXEC | O.NONBLOCK | O.NOCTTY;

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const path = new Uint8Array(8192);
/** Holds the maps of a large process in two or three reads. */
let content = new Uint8Array(65_536);
const link = new Uint8Array(4352);
const facts = new DataView(new ArrayBuffer(STATX.byteLength));

/**
 * Asks once for everything that is read here.
 *
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for /proc.
 */
export function requireProc(): void {
  requireRead("/proc");
  libc();
}

/** The text of a file, or an errno. */
export function readText(name: string): string | number {
  return readBytes(name, (bytes) => decoder.decode(bytes));
}

/** The first bytes of a file, or an errno. A symbolic link in the last place is followed only below /proc. */
export function readStart(name: string, byteLength: number): Uint8Array<ArrayBuffer> | number {
  const raw = libc().open(cPath(name), LOOK_FLAGS | (name.startsWith("/proc/") ? 0 : platform().O_NOFOLLOW), 0);
  if (raw === -1) return errno();
  const bytes = new Uint8Array(byteLength);
  const count = libc().pread(raw, bytes, byteLength, 0n);
  const failure = count === -1 ? errno() : 0;
  libc().close(raw);
  return failure !== 0 ? failure : bytes.subarray(0, count);
}

/** Bytes from the middle of a file (the memory of a process), or an errno. */
export function readAt(name: string, offset: bigint, byteLength: number): Uint8Array<ArrayBuffer> | number {
  const raw = libc().open(cPath(name), LOOK_FLAGS, 0);
  if (raw === -1) return errno();
  const bytes = new Uint8Array(byteLength);
  const count = libc().pread(raw, bytes, byteLength, BigInt.asIntN(64, offset));
  const failure = count === -1 ? errno() : 0;
  libc().close(raw);
  return failure !== 0 ? failure : bytes.subarray(0, count);
}

/** Where a symbolic link leads, or an errno. */
export function readLink(name: string): string | number {
  const count = libc().readlink(cPath(name), link, link.byteLength);
  return count === -1 ? errno() : text(link, 0, count);
}

/** `struct dirent64`: inode 8 bytes, offset 8, then these. */
const DIRENT = { inode: 0, length: 16, name: 19 } as const;
const entries = new Uint8Array(65_536);
const entriesView = new DataView(entries.buffer);

/** The names in a directory, without `.` and `..`, as they come; or an errno. */
export function readNames(name: string): string[] | number {
  const found = readEntries(name);
  return typeof found === "number" ? found : found.map((entry) => entry.name);
}

/** What a directory says of what is in it. */
export interface DirectoryEntry {
  readonly name: string;
  /** Its inode number, in words: that of a file on which nothing is mounted. */
  readonly inode: string;
}

/** What is in a directory, without `.` and `..`, as it comes; or an errno. */
export function readEntries(name: string): DirectoryEntry[] | number {
  const directory = OpenDirectory.open(name);
  if (typeof directory === "number") return directory;
  using _closed = directory;
  return directory.entries();
}

/** A directory that is open, so that each thing in it is found without walking the whole path again. */
export class OpenDirectory implements Disposable {
  readonly #raw: number;

  private constructor(raw: number) {
    this.#raw = raw;
  }

  /** Opens it, or tells an errno. */
  static open(name: string): OpenDirectory | number {
    const raw = libc().open(cPath(name), LOOK_FLAGS | platform().O_DIRECTORY, 0);
    return raw === -1 ? errno() : new OpenDirectory(raw);
  }

  /** What is in it, when it has just been opened; or an errno. */
  entries(): DirectoryEntry[] | number {
    const found: DirectoryEntry[] = [];
    while (true) {
      const count = libc().getdents64(this.#raw, entries, entries.byteLength);
      if (count === -1) return errno();
      if (count === 0) return found;
      for (let at = 0; at < count; at += entriesView.getUint16(at + DIRENT.length, true)) {
        const start = at + DIRENT.name;
        const name = text(entries, start, entries.indexOf(0, start));
        if (name !== "." && name !== "..") found.push({ name, inode: whole(entriesView, at + DIRENT.inode) });
      }
    }
  }

  /** Where a symbolic link in it leads, or an errno. */
  readLink(name: string): string | number {
    const count = libc().readlinkat(this.#raw, cPath(name), link, link.byteLength);
    return count === -1 ? errno() : text(link, 0, count);
  }

  /** The mode of a symbolic link in it, or -errno: /proc/PID/fd says by it how a descriptor is open. Cheaper than {@linkcode status}. */
  linkMode(name: string): number {
    const result = libc().statx(this.#raw, cPath(name), AT.SYMLINK_NOFOLLOW, STATX.BASIC_STATS, facts);
    return result === -1 ? -errno() : facts.getUint16(STATX.offset.mode, true);
  }

  /** `statx(2)` of what is in it, or an errno. */
  status(name: string, follow: boolean): FileStatus | number {
    return statusAt(this.#raw, name, follow);
  }

  [Symbol.dispose](): void {
    libc().close(this.#raw);
  }
}

/** What `statx(2)` tells. */
export interface FileStatus {
  /** `S_IFMT` bits: see `STATX`. */
  readonly type: number;
  /** Permission bits, set-id and sticky included. */
  readonly mode: number;
  readonly uid: number;
  readonly size: number;
  readonly links: number;
  /** `MAJOR:MINOR:INODE`, in decimal. */
  readonly identity: string;
  /** Milliseconds since 1970; `undefined` where the file system keeps no time of birth. */
  readonly bornAt: number | undefined;
  /** Milliseconds since 1970 of the last change of the file's facts. */
  readonly changedAt: number;
}

/** `statx(2)`, or an errno. */
export function status(name: string, follow: boolean): FileStatus | number {
  return statusAt(AT.FDCWD, name, follow);
}

function statusAt(directory: number, name: string, follow: boolean): FileStatus | number {
  const flags = follow ? 0 : AT.SYMLINK_NOFOLLOW;
  if (libc().statx(directory, cPath(name), flags, STATX.BASIC_STATS | STATX.BTIME, facts) === -1) return errno();
  const { offset } = STATX;
  const mode = facts.getUint16(offset.mode, true);
  const device = `${facts.getUint32(offset.devMajor, true)}:${facts.getUint32(offset.devMinor, true)}`;
  const hasBirth = (facts.getUint32(offset.mask, true) & STATX.BTIME) !== 0;
  return {
    type: mode & STATX.S_IFMT,
    mode: mode & ~STATX.S_IFMT,
    uid: facts.getUint32(offset.uid, true),
    size: Number(facts.getBigUint64(offset.size, true)),
    links: facts.getUint32(offset.nlink, true),
    identity: `${device}:${whole(facts, offset.ino)}`,
    bornAt: hasBirth ? time(offset.btime) : undefined,
    changedAt: time(offset.ctime),
  };
}

/** Whether an errno says that this user may not look. */
export function isDenied(number: number): boolean {
  return number === ERRNO.EACCES || number === ERRNO.EPERM;
}

/** `struct statx_timestamp`: seconds 8 bytes, nanoseconds 4. */
function time(offset: number): number {
  const seconds = facts.getInt32(offset + 4, true) * 2 ** 32 + facts.getUint32(offset, true);
  return seconds * 1000 + facts.getUint32(offset + 8, true) / 1e6;
}

/** 64 bits in decimal. Nearly all numbers are small, and bigints are slow. */
function whole(view: DataView, offset: number): string {
  const high = view.getUint32(offset + 4, true);
  return high < 2 ** 21
    ? String(high * 2 ** 32 + view.getUint32(offset, true))
    : String(view.getBigUint64(offset, true));
}

function readBytes<T>(name: string, use: (bytes: Uint8Array) => T): T | number {
  const raw = libc().open(cPath(name), LOOK_FLAGS, 0);
  if (raw === -1) return errno();
  let length = 0;
  let failure = 0;
  while (true) {
    const count = libc().read(raw, content.subarray(length), content.byteLength - length);
    if (count === -1) failure = errno();
    if (count <= 0) break;
    length += count;
    if (content.byteLength - length < 8192) content = grown(content);
  }
  libc().close(raw);
  return failure !== 0 ? failure : use(content.subarray(0, length));
}

function grown(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(bytes.byteLength * 2);
  larger.set(bytes);
  return larger;
}

/** Names so short are made and read here, letter by letter: the encoder and decoder cost more than that. */
const SHORT = 64;

/** Bytes as text. */
function text(bytes: Uint8Array<ArrayBuffer>, start: number, end: number): string {
  if (end - start > SHORT) return decoder.decode(bytes.subarray(start, end));
  let found = "";
  for (let at = start; at < end; at++) {
    const byte = bytes[at]!;
    if (byte > 127) return decoder.decode(bytes.subarray(start, end));
    found += String.fromCharCode(byte);
  }
  return found;
}

/** A path in the one buffer for paths: good until the next call here. */
function cPath(name: string): Uint8Array<ArrayBuffer> {
  if (name.length <= SHORT) {
    let at = 0;
    for (; at < name.length; at++) {
      const code = name.charCodeAt(at);
      if (code > 127) break;
      path[at] = code;
    }
    if (at === name.length) {
      path[at] = 0;
      return path;
    }
  }
  if (name.length * 3 < path.byteLength) {
    path[encoder.encodeInto(name, path).written] = 0;
    return path;
  }
  return encoder.encode(`${name}\0`);
}
