/**
 * The numbers of the Linux kernel interface that are about sockets. `tests/sys/abi_test.ts` compares them with the C compiler's.
 *
 * @module
 */

/** Socket families, types, options and flags. */
export const SOCK = {
  AF_UNIX: 1,
  STREAM: 1,
  DGRAM: 2,
  SEQPACKET: 5,
  NONBLOCK: 0o4000,
  CLOEXEC: 0o2000000,
  SOL_SOCKET: 1,
  SO_ERROR: 4,
  SO_PASSCRED: 16,
  SO_PEERCRED: 17,
  SO_TYPE: 3,
  SO_ACCEPTCONN: 30,
  SO_DOMAIN: 39,
  SO_PEERPIDFD: 77,
  SCM_RIGHTS: 1,
  SCM_CREDENTIALS: 2,
  MSG_PEEK: 2,
  MSG_CTRUNC: 8,
  MSG_TRUNC: 0x20,
  MSG_DONTWAIT: 0x40,
  MSG_NOSIGNAL: 0x4000,
  MSG_CMSG_CLOEXEC: 0x40000000,
  SHUT_RD: 0,
  SHUT_WR: 1,
  SHUT_RDWR: 2,
} as const;

/** `struct msghdr`, `struct iovec` and `struct cmsghdr` of 64-bit Linux: offsets in bytes. */
export const MSGHDR = {
  byteLength: 56,
  offset: { name: 0, namelen: 8, iov: 16, iovlen: 24, control: 32, controllen: 40, flags: 48 },
  iovecByteLength: 16,
  /** `cmsg_len` (which counts the header), `cmsg_level`, `cmsg_type`, and where the data begins. */
  cmsg: { len: 0, level: 8, type: 12, data: 16, alignment: 8 },
  /** `SCM_MAX_FD`: most descriptors in one message. */
  maxDescriptors: 253,
} as const;

/** Asking the kernel for its Unix sockets: `sock_diag(7)` over a netlink socket. */
export const SOCK_DIAG = {
  NETLINK_SOCK_DIAG: 4,
  SOCK_DIAG_BY_FAMILY: 20,
  NLM_F_REQUEST: 1,
  NLM_F_DUMP_INTR: 0x10,
  NLM_F_DUMP: 0x300,
  NLMSG_ERROR: 2,
  NLMSG_DONE: 3,
  UDIAG_SHOW_NAME: 1,
  UDIAG_SHOW_VFS: 2,
  UDIAG_SHOW_PEER: 4,
  UDIAG_SHOW_RQLEN: 0x10,
  UDIAG_SHOW_UID: 0x40,
  UNIX_DIAG_NAME: 0,
  UNIX_DIAG_VFS: 1,
  UNIX_DIAG_PEER: 2,
  UNIX_DIAG_RQLEN: 4,
  UNIX_DIAG_UID: 7,
  TCP_ESTABLISHED: 1,
  TCP_LISTEN: 10,
  nlmsghdr: { byteLength: 16, len: 0, type: 4, flags: 6 },
  /** After the header of a request. */
  request: { byteLength: 24, sdiag_family: 0, udiag_states: 4, udiag_show: 12 },
  /** After the header of an answer; the attributes follow. */
  message: { byteLength: 16, udiag_type: 1, udiag_state: 2, udiag_ino: 4 },
} as const;
