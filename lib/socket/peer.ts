/**
 * Who is at the other end: what the kernel knows, never what the peer says.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { check, ERRNO, errno, fail } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { SOCK } from "../sys/linux.ts";

/**
 * The process that made the other end, as the kernel recorded it at `connect`, `listen` or `socketpair`.
 *
 * @example Serve one's own user only
 * ```ts
 * import { socketPair } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const [left, right] = socketPair("stream");
 * using _left = left;
 * using _right = right;
 * assertEquals(left.peer.uid, Deno.uid());
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/unix.7.html unix(7), SO_PEERCRED}
 */
export interface PeerCredentials {
  /**
   * Its process id, in this process's pid namespace; 0 when it is not visible there. The end may have been given to another process
   * since, and the pid may be used again after the process has ended: it is a hint for people, `uid` is what to decide by.
   */
  readonly pid: number;
  /** Its effective user id. */
  readonly uid: number;
  /** Its effective group id. */
  readonly gid: number;
}

/** `struct ucred { pid_t pid; uid_t uid; gid_t gid; }` */
const credentials = new Int32Array(3);
const length = new Uint32Array(1);

/** What the kernel gives for a peer that it did not record. */
const NOBODY = 0xffffffff;

/**
 * `getsockopt(SO_PEERCRED)`.
 *
 * @throws {PosixError} ENODATA for a connected datagram socket: the kernel records none there.
 */
export function peerCredentials(fd: Fd): PeerCredentials {
  length[0] = credentials.byteLength;
  check(
    libc().getsockopt(fd.raw, SOCK.SOL_SOCKET, SOCK.SO_PEERCRED, credentials, length),
    "getsockopt(SO_PEERCRED)",
    fd.what,
  );
  const [pid = 0, uid = 0, gid = 0] = credentials;
  if (uid >>> 0 === NOBODY) {
    const hint = "the kernel records credentials of stream and seqpacket peers and of socket pairs only";
    throw new PosixError({ code: "ENODATA", syscall: "getsockopt(SO_PEERCRED)", target: fd.what, hint });
  }
  return { pid, uid: uid >>> 0, gid: gid >>> 0 };
}

const pidfd = new Int32Array(1);

/**
 * `getsockopt(SO_PEERPIDFD)`: the process that made the other end, as a descriptor.
 *
 * A kernel that lacks it could open the recorded pid instead, but by then the pid may be another process's, and nothing would tell.
 *
 * @throws {PosixError} ENOSYS before Linux 6.5; ENODATA for a connected datagram socket; ESRCH when the process has been reaped and the
 *   kernel keeps no trace of it.
 */
export function peerPidFd(fd: Fd): Fd {
  length[0] = pidfd.byteLength;
  const result = libc().getsockopt(fd.raw, SOCK.SOL_SOCKET, SOCK.SO_PEERPIDFD, pidfd, length);
  const number = result === -1 ? errno() : 0;
  if (number !== 0) {
    const code = number === ERRNO.ENOPROTOOPT ? ERRNO.ENOSYS : number;
    fail(code, "getsockopt(SO_PEERPIDFD)", fd.what, {
      ENOSYS: "it needs Linux 6.5; peer.pid is a hint only",
      ENODATA: "the kernel records the process of stream and seqpacket peers and of socket pairs only",
      ESRCH: "the process has ended and been reaped",
    });
  }
  return Fd.own(pidfd[0]!, `Peer process of ${fd.what}`);
}
