/**
 * The numbers of the Linux kernel interface: flags, commands, limits and struct layouts. What differs between CPUs sits in the two
 * {@linkcode PlatformTable}s of `linux_tables.ts`; everything else is the same on x86-64 and aarch64 (`asm-generic`).
 * `tests/sys/abi_test.ts` compares every number here with the C compiler's.
 *
 * @module
 */

/** `open(2)` flags that are the same on both CPUs. */
export const O = {
  RDONLY: 0,
  WRONLY: 1,
  RDWR: 2,
  CREAT: 0o100,
  EXCL: 0o200,
  NOCTTY: 0o400,
  TRUNC: 0o1000,
  APPEND: 0o2000,
  NONBLOCK: 0o4000,
  CLOEXEC: 0o2000000,
  PATH: 0o10000000,
  ACCMODE: 3,
} as const;

/** `fcntl(2)` commands and flags. */
export const F = {
  GETFD: 1,
  SETFD: 2,
  GETFL: 3,
  SETFL: 4,
  SETSIG: 10,
  SETLEASE: 1024,
  GETLEASE: 1025,
  DUPFD_CLOEXEC: 1030,
  SETPIPE_SZ: 1031,
  GETPIPE_SZ: 1032,
  ADD_SEALS: 1033,
  GET_SEALS: 1034,
  CLOEXEC: 1,
  SEAL_SEAL: 1,
  SEAL_SHRINK: 2,
  SEAL_GROW: 4,
  SEAL_WRITE: 8,
  SEAL_FUTURE_WRITE: 0x10,
} as const;

/** `mmap(2)` protections and flags. */
export const MAP = {
  PROT_NONE: 0,
  PROT_READ: 1,
  PROT_WRITE: 2,
  PROT_EXEC: 4,
  SHARED: 1,
  PRIVATE: 2,
  ANONYMOUS: 0x20,
  MS_ASYNC: 1,
  MS_SYNC: 4,
} as const;

/** `madvise(2)` kinds of advice. */
export const MADV = {
  NORMAL: 0,
  RANDOM: 1,
  SEQUENTIAL: 2,
  WILLNEED: 3,
  HUGEPAGE: 14,
  NOHUGEPAGE: 15,
  DONTDUMP: 16,
  DODUMP: 17,
  COLD: 20,
  PAGEOUT: 21,
  POPULATE_READ: 22,
  POPULATE_WRITE: 23,
} as const;

/** `memfd_create(2)` flags. */
export const MFD = { CLOEXEC: 1, ALLOW_SEALING: 2, NOEXEC_SEAL: 8 } as const;

/** `poll(2)` events. */
export const POLL = { IN: 1, OUT: 4, ERR: 8, HUP: 0x10, NVAL: 0x20, RDHUP: 0x2000 } as const;

/** `epoll_ctl(2)` operations and events. */
export const EPOLL = {
  CTL_ADD: 1,
  CTL_DEL: 2,
  CTL_MOD: 3,
  IN: 1,
  OUT: 4,
  ERR: 8,
  HUP: 0x10,
  RDHUP: 0x2000,
  ONESHOT: 0x40000000,
  CLOEXEC: 0o2000000,
} as const;

/** `eventfd(2)` flags. */
export const EFD = { CLOEXEC: 0o2000000, NONBLOCK: 0o4000 } as const;

/** `timerfd_create(2)` flags. */
export const TFD = { CLOEXEC: 0o2000000, NONBLOCK: 0o4000 } as const;

/** `splice(2)` and `tee(2)` flags. */
export const SPLICE = { MOVE: 1, NONBLOCK: 2 } as const;

/** `inotify(7)` events and flags. */
export const IN = { ATTRIB: 4, OPEN: 0x20, DELETE_SELF: 0x400, CLOEXEC: 0o2000000, NONBLOCK: 0o4000 } as const;

/** TCP sockets: families, options, and the size of the larger `struct sockaddr_in6`. */
export const TCP = {
  AF_INET: 2,
  AF_INET6: 10,
  IPPROTO_TCP: 6,
  SO_REUSEADDR: 2,
  NODELAY: 1,
  sockaddrIn: { byteLength: 16, port: 2, addr: 4 },
  sockaddrIn6: { byteLength: 28, port: 2, addr: 8 },
} as const;

/** `futex(2)` operations and the bits of a robust futex word. */
export const FUTEX = {
  WAIT: 0,
  WAKE: 1,
  WAKE_OP: 5,
  WAIT_BITSET: 9,
  BITSET_MATCH_ANY: 0xffffffff,
  WAITERS: 0x80000000,
  OWNER_DIED: 0x40000000,
  TID_MASK: 0x3fffffff,
  /** `futex_waitv(2)`: a 32-bit word, shared between processes. */
  WAITV_U32: 2,
  WAITV_MAX: 128,
} as const;

/** System V IPC. */
export const IPC = {
  PRIVATE: 0,
  CREAT: 0o1000,
  EXCL: 0o2000,
  NOWAIT: 0o4000,
  RMID: 0,
  SET: 1,
  STAT: 2,
  SHM_RDONLY: 0o10000,
} as const;

/** System V shared memory: `shmctl(2)` operations, marks above the permission bits, and `struct shm_info` of 64-bit Linux. */
export const SHM = {
  INFO: 14,
  DEST: 0o1000,
  LOCKED: 0o2000,
  info: { byteLength: 48, usedIds: 0, total: 8, resident: 16, swapped: 24, swapAttempts: 32, swapSuccesses: 40 },
} as const;

/** POSIX message queues, and the netlink socket through which the kernel tells of their messages. */
export const MQ = {
  PRIO_MAX: 32768,
  /** `struct mq_attr`: four longs, then four that are reserved. */
  attr: { byteLength: 64, flags: 0, maxmsg: 8, msgsize: 16, curmsgs: 24 },
  /** `struct sigevent` as the kernel reads it for SIGEV_THREAD: a pointer to a cookie, the socket's number, the kind. */
  sigevent: { byteLength: 64, value: 0, signo: 8, notify: 12 },
  SIGEV_THREAD: 2,
  NOTIFY_COOKIE_LEN: 32,
  /** The cookie's last byte when a message came. */
  NOTIFY_WOKENUP: 1,
  AF_NETLINK: 16,
  SOCK_RAW: 3,
} as const;

/** System V message queues: `msgrcv(2)` flags, and `struct msqid_ds` of 64-bit Linux (the same on both CPUs). */
export const MSG = {
  NOERROR: 0o10000,
  EXCEPT: 0o20000,
  COPY: 0o40000,
  /** `msgctl(2)` operation, and `struct msginfo` as it fills it: how many queues, messages and bytes there are. */
  INFO: 12,
  info: { byteLength: 32, pool: 0, map: 4, tql: 24 },
  /** Bytes of the type before the text. */
  typeByteLength: 8,
  msqidDs: {
    byteLength: 120,
    key: 0,
    uid: 4,
    gid: 8,
    cuid: 12,
    cgid: 16,
    mode: 20,
    stime: 48,
    rtime: 56,
    ctime: 64,
    cbytes: 72,
    qnum: 80,
    qbytes: 88,
    lspid: 96,
    lrpid: 100,
  },
} as const;

/** System V semaphores: `semctl(2)` operations, `semop(2)` flags and limits. */
export const SEM = {
  GETPID: 11,
  GETVAL: 12,
  GETALL: 13,
  GETNCNT: 14,
  GETZCNT: 15,
  SETVAL: 16,
  SETALL: 17,
  INFO: 19,
  UNDO: 0o10000,
  /** `SEMVMX`: the highest value. */
  VMX: 32767,
  /** `struct sembuf`. */
  sembuf: { byteLength: 6, num: 0, op: 2, flg: 4 },
  /** `struct seminfo` as SEM_INFO fills it: how many sets and semaphores there are. */
  info: { byteLength: 40, usz: 28, aem: 36 },
} as const;

/** POSIX semaphores: `sizeof(sem_t)` of glibc on 64-bit CPUs, and the highest value. */
export const POSIX_SEM = { byteLength: 32, VALUE_MAX: 0x7fff_ffff } as const;

/** `waitid(2)` and `close_range(2)`. */
export const WAIT = { P_PID: 1, P_PIDFD: 3, NOHANG: 1, EXITED: 4, NOWAIT: 0x01000000 } as const;
export const CLOSE_RANGE_CLOEXEC = 4;

/** `posix_spawn(3)`: flags, and the sizes of glibc's two structs. */
export const SPAWN = {
  SETPGROUP: 2,
  SETSIGDEF: 4,
  SETSIGMASK: 8,
  SETSID: 0x80,
  attrByteLength: 336,
  fileActionsByteLength: 80,
} as const;

/** How a child changed, in `si_code` of `waitid(2)`. */
export const CLD = { EXITED: 1, KILLED: 2, DUMPED: 3 } as const;

/** `struct rusage` of 64-bit Linux: two `struct timeval`, then longs. */
export const RUSAGE = { byteLength: 144, utime: 0, stime: 16, maxrss: 32 } as const;

/** `pidfd_send_signal(2)`: to the process group whose number the process has, or had. Since Linux 6.9. */
export const PIDFD_SIGNAL_PROCESS_GROUP = 4;

/** `clone(2)`: the new process is a sister of the caller, not a child. */
export const CLONE_PARENT = 0x8000;

/** `access(2)`. */
export const X_OK = 1;

/** `clockid_t` of the clock that every process of a machine shares and nobody can set. */
export const CLOCK_MONOTONIC = 1;

/** `clockid_t` of the time of day. */
export const CLOCK_REALTIME = 0;

/** `flock(2)` operations. */
export const LOCK = { SH: 1, EX: 2, NB: 4, UN: 8 } as const;

/** Locks of open file descriptions: `fcntl(2)` commands, kinds, and `struct flock` on 64-bit CPUs. */
export const OFD = {
  GETLK: 36,
  SETLK: 37,
  SETLKW: 38,
  RDLCK: 0,
  WRLCK: 1,
  UNLCK: 2,
  flock: { byteLength: 32, type: 0, whence: 2, start: 8, len: 16 },
} as const;

/** `renameat2(2)` flags. */
export const RENAME = { NOREPLACE: 1, EXCHANGE: 2 } as const;

/** `getrlimit(2)`: resources, and the value that means "no limit". */
export const RLIMIT = {
  CPU: 0,
  FSIZE: 1,
  DATA: 2,
  STACK: 3,
  CORE: 4,
  RSS: 5,
  NPROC: 6,
  NOFILE: 7,
  MEMLOCK: 8,
  AS: 9,
  LOCKS: 10,
  SIGPENDING: 11,
  MSGQUEUE: 12,
  NICE: 13,
  RTPRIO: 14,
  RTTIME: 15,
  INFINITY: 0xffff_ffff_ffff_ffffn,
} as const;

/** `statvfs(3)`: glibc's struct on 64-bit CPUs. */
export const STATVFS = { byteLength: 112, frsize: 8, blocks: 16, bavail: 32 } as const;

/** `AT_*` flags of the `*at(2)` calls. */
export const AT = { FDCWD: -100, SYMLINK_NOFOLLOW: 0x100, SYMLINK_FOLLOW: 0x400, EMPTY_PATH: 0x1000 } as const;

/** `statx(2)`: the struct is the same on every CPU, unlike `struct stat`. */
export const STATX = {
  BASIC_STATS: 0x7ff,
  byteLength: 256,
  BTIME: 0x800,
  offset: {
    mask: 0,
    blksize: 4,
    nlink: 16,
    uid: 20,
    gid: 24,
    mode: 28,
    ino: 32,
    size: 40,
    btime: 80,
    ctime: 96,
    mtime: 112,
    devMajor: 136,
    devMinor: 140,
  },
  S_IFMT: 0o170000,
  S_IFIFO: 0o010000,
  S_IFSOCK: 0o140000,
  S_IFREG: 0o100000,
  S_IFDIR: 0o040000,
  S_IFLNK: 0o120000,
  S_IFCHR: 0o020000,
  S_IFBLK: 0o060000,
} as const;

/** `sigaction(2)`, `siginfo_t` and signal causes. */
export const SIG = {
  DFL: 0n,
  IGN: 1n,
  SA_SIGINFO: 4n,
  SA_RESTART: 0x10000000n,
  BLOCK: 0,
  UNBLOCK: 1,
  SETMASK: 2,
  RTMIN: 34,
  RTMAX: 64,
  siginfoByteLength: 128,
  /** Offsets in `siginfo_t` of 64-bit Linux. */
  siginfo: { signo: 0, errno: 4, code: 8, pid: 16, uid: 20, value: 24, status: 24 },
  /** Offsets in glibc's `struct sigaction` of 64-bit Linux. */
  sigaction: { handler: 0, mask: 8, flags: 136, byteLength: 152 },
  /** `si_code` values. */
  SI_USER: 0,
  SI_KERNEL: 0x80,
  SI_QUEUE: -1,
  SI_TIMER: -2,
  SI_MESGQ: -3,
  SI_ASYNCIO: -4,
  SI_TKILL: -6,
} as const;

/** Most bytes of a path in a Unix socket address, its NUL included. */
export const SOCKADDR_UN_PATH_BYTES = 108;

/** A write of at most this many bytes to a pipe is atomic: it never interleaves with another writer's (`pipe(7)`). */
export const PIPE_BUF = 4096;

/** Most bytes of one `read(2)` or `write(2)`: the kernel cuts what is longer. */
export const IO_MAX_BYTES = 0x7ffff000;

/** `ioctl(2)`: how many bytes wait to be read. */
export const FIONREAD = 0x541bn;

/** `ioctl(2)`: makes a terminal the controlling one of a session leader. */
export const TIOCSCTTY = 0x540en;

/** Terminals: `ioctl(2)` requests, `struct winsize`, `struct termios`. */
export const TTY = {
  TIOCGWINSZ: 0x5413n,
  TIOCSWINSZ: 0x5414n,
  TIOCGPTN: 0x80045430n,
  TIOCSPTLCK: 0x40045431n,
  winsize: { byteLength: 8, row: 0, col: 2 },
  termios: { byteLength: 60, lflag: 12 },
  ECHO: 8,
  TCSANOW: 0,
} as const;

export { MSGHDR, SOCK, SOCK_DIAG } from "./linux_sockets.ts";
export { LINUX_AARCH64, LINUX_X86_64, type PlatformTable } from "./linux_tables.ts";
