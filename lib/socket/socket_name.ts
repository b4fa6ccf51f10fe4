/**
 * Names of sockets in the file system: taking one, replacing a stale one, giving it up.
 *
 * @module
 */

import { basename, dirname } from "../std/path.ts";
import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { AT, LOCK, O, RENAME, SOCK, STATX } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { type UnixAddress, unixAddress } from "./address.ts";
import { backOff } from "../sys/back_off.ts";
import { BIRTH_FLAGS } from "./kernel_socket.ts";
import { addressInUse, type NameRequest } from "./listener.ts";

/** A name that belongs to a socket of ours. The file's identity tells it from a successor's under the same name. */
export interface SocketName {
  readonly path: string;
  readonly device: string;
  readonly inode: bigint;
}

/** The name under which a successor waits to replace a stale one. One is enough: replacing holds a lock on the directory. */
const SUCCESSOR = ".causeway-listen";

/**
 * Gives a socket a name, and makes it listen if it is to.
 *
 * **The mode** is never wider than asked: on Linux `bind` takes the mode of the name from the socket, less the umask, so the socket is
 * narrowed before; what the umask took away is put back after. (The process's umask is not touched: other threads use it.)
 *
 * **A live name is never replaced, a stale one atomically.** `bind` itself refuses every name that exists. Only then is it asked whether
 * anybody has the socket open, and if nobody has, a successor that listens already is exchanged with it in one step, so that the name is
 * never absent. Between the question and the exchange somebody else could have put a live socket there, so
 * - a lock on the directory keeps other Causeway processes out, and
 * - what the exchange took out is asked again before it is removed. Should it be alive (a program that removed the stale name and bound its
 *   own without the lock), it is exchanged back and we fail with EADDRINUSE.
 *
 * @throws {PosixError} EADDRINUSE when the name is taken; EACCES, ELOOP, ENOENT, ENOTDIR, EROFS as `bind(2)` says.
 */
export async function takePath(socket: Fd, address: UnixAddress, request: NameRequest): Promise<SocketName> {
  check(libc().fchmod(socket.raw, request.mode), "fchmod", socket.what);
  const { name: path } = address;
  if (tryBind(socket, address)) return listenAt(socket, path, request);
  if (!request.replaceStale) throw addressInUse(path, "unlink it if nobody listens there");
  requireStale(address);
  using directory = openDirectory(dirname(path));
  const { what, options, deadline } = request.waiting;
  // flock(2) could block this thread for as long as a stranger likes, so it is only ever tried. It goes with the descriptor.
  await backOff(what, options, deadline, () => tryLock(directory));
  requireStale(address);
  return replace(socket, directory, address, request);
}

/**
 * Removes a name if it is still the one that was made. Only while its socket is open: a file system uses the inode again.
 *
 * @throws {PosixError} EACCES, EPERM, EROFS as `unlink(2)` says.
 */
export function unlinkName(name: SocketName): void {
  const file = lookAt(name.path);
  if (file === undefined || file.device !== name.device || file.inode !== name.inode) return;
  const failure = libc().unlink(cString(name.path, "Socket path")) === -1 ? errno() : 0;
  if (failure !== 0 && failure !== ERRNO.ENOENT) fail(failure, "unlink", name.path);
}

/** @returns Whether the name was free. */
function tryBind(socket: Fd, { bytes, name }: UnixAddress): boolean {
  const failure = libc().bind(socket.raw, bytes, bytes.byteLength) === -1 ? errno() : 0;
  if (failure !== 0 && failure !== ERRNO.EADDRINUSE) fail(failure, "bind", name);
  return failure === 0;
}

/** The socket is bound: gives the name its exact mode, and listens. The name is removed when that fails. */
function listenAt(socket: Fd, path: string, { mode, backlog }: NameRequest): SocketName {
  const file = lookAt(path);
  if (file === undefined) throw addressInUse(path, "the name was removed as soon as it was made");
  try {
    if (file.mode !== mode) {
      // Not through a symbolic link that somebody has put there meanwhile.
      check(libc().fchmodat(AT.FDCWD, cString(path, "Socket path"), mode, AT.SYMLINK_NOFOLLOW), "fchmodat", path);
    }
    if (backlog !== undefined) check(libc().listen(socket.raw, backlog), "listen", path);
    return file;
  } catch (error) {
    unlinkName(file);
    throw error;
  }
}

/** @throws {PosixError} EADDRINUSE unless the path is the name of a socket that nobody has open, or no name any more. */
function requireStale(address: UnixAddress): void {
  const file = lookAt(address.name);
  if (file === undefined) return;
  if (!file.isSocket) throw addressInUse(address.name, "something other than a socket has this name");
  if (isBound(address)) throw addressInUse(address.name, "somebody has this socket open");
}

/** Exchanges the stale name for a successor whose own name, mode and life are complete. */
function replace(socket: Fd, directory: Fd, address: UnixAddress, request: NameRequest): SocketName {
  const successor = bindSuccessor(socket, directory);
  const own = listenAt(socket, successor.name, request);
  const from = cString(SUCCESSOR, "Socket name");
  const to = cString(basename(address.name), "Socket name");
  const rename = (flags: number) => libc().renameat2(directory.raw, from, directory.raw, to, flags);
  try {
    const failure = rename(RENAME.EXCHANGE) === -1 ? errno() : 0;
    if (failure === ERRNO.ENOENT) {
      // Somebody has removed the stale name: then it is a free one.
      check(rename(RENAME.NOREPLACE), "renameat2(RENAME_NOREPLACE)", address.name);
      return { ...own, path: address.name };
    }
    if (failure !== 0) fail(failure, "renameat2(RENAME_EXCHANGE)", address.name);
    try {
      requireStale(successor);
    } catch (error) {
      check(rename(RENAME.EXCHANGE), "renameat2(RENAME_EXCHANGE)", address.name);
      throw error;
    }
  } catch (error) {
    // Only if it is ours that has the name: should the exchange back have failed, it is a living socket's.
    unlinkName(own);
    throw error;
  }
  removeSuccessor(successor);
  return { ...own, path: address.name };
}

/** Binds to the successor's name, through the open directory, so that its length and later renames of directories do not matter. */
function bindSuccessor(socket: Fd, directory: Fd): UnixAddress {
  const successor = unixAddress(`/proc/self/fd/${directory.raw}/${SUCCESSOR}`);
  if (tryBind(socket, successor)) return successor;
  // A process was killed while it held the lock.
  requireStale(successor);
  removeSuccessor(successor);
  if (tryBind(socket, successor)) return successor;
  throw addressInUse(successor.name, "another process replaces sockets here without the lock");
}

function removeSuccessor({ name }: UnixAddress): void {
  check(libc().unlink(cString(name, "Socket path")), "unlink", name);
}

/**
 * Whether any process has the socket of this name open, listening or about to.
 *
 * Asked by connecting a datagram socket: a bound socket of another type answers EPROTOTYPE and does not notice, where a stream connection
 * would wake its `accept` for nothing, and would be refused by one that has not called `listen` yet. Only ECONNREFUSED means that there is
 * nobody, and ENOENT that there is no name any more; whatever else happens (EACCES above all), the name counts as alive.
 */
function isBound({ bytes }: UnixAddress): boolean {
  const raw = check(libc().socket(SOCK.AF_UNIX, SOCK.DGRAM | BIRTH_FLAGS, 0), "socket");
  using probe = Fd.own(raw, "Unix datagram socket");
  const result = libc().connect(probe.raw, bytes, bytes.byteLength);
  if (result !== -1) return true;
  const number = errno();
  return number !== ERRNO.ECONNREFUSED && number !== ERRNO.ENOENT;
}

function openDirectory(path: string): Fd {
  const flags = O.RDONLY | O.CLOEXEC | platform().O_DIRECTORY;
  return Fd.own(
    check(libc().open(cString(path, "Directory"), flags, 0), "open", path),
    `Directory ${JSON.stringify(path)}`,
  );
}

function tryLock(directory: Fd): true | undefined {
  const failure = libc().flock(directory.raw, LOCK.EX | LOCK.NB) === -1 ? errno() : 0;
  if (failure !== 0 && failure !== ERRNO.EAGAIN) fail(failure, "flock", directory.what);
  return failure === 0 ? true : undefined;
}

interface FileFacts extends SocketName {
  readonly isSocket: boolean;
  readonly mode: number;
}

/** `statx(2)` of the name itself, not of what a symbolic link points at; `undefined` when there is none. */
function lookAt(path: string): FileFacts | undefined {
  const { offset } = STATX;
  const view = new DataView(new ArrayBuffer(STATX.byteLength));
  const name = cString(path, "Socket path");
  const result = libc().statx(AT.FDCWD, name, AT.SYMLINK_NOFOLLOW, STATX.BASIC_STATS, view);
  const failure = result === -1 ? errno() : 0;
  if (failure === ERRNO.ENOENT) return undefined;
  if (failure !== 0) fail(failure, "statx", path);
  const mode = view.getUint16(offset.mode, true);
  return {
    path,
    device: `${view.getUint32(offset.devMajor, true)}:${view.getUint32(offset.devMinor, true)}`,
    inode: view.getBigUint64(offset.ino, true),
    isSocket: (mode & STATX.S_IFMT) === STATX.S_IFSOCK,
    mode: mode & 0o7777,
  };
}
