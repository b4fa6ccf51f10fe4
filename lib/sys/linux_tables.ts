/**
 * The numbers of the Linux kernel interface that differ between CPUs. `tests/sys/abi_test.ts` compares them with the C compiler's.
 *
 * @module
 */

/** What differs between CPUs. Every table has the same keys in the same order. */
export interface PlatformTable {
  /** The CPU, as `Deno.build.arch` names it. */
  arch: "x86_64" | "aarch64";
  /** Numbers for `syscall(2)`, of calls that glibc does not wrap. */
  SYS: {
    futex: number;
    futex_waitv: number;
    set_robust_list: number;
    get_robust_list: number;
    pidfd_send_signal: number;
    pidfd_open: number;
    pidfd_getfd: number;
    rt_sigqueueinfo: number;
    mq_notify: number;
    rt_tgsigqueueinfo: number;
    rt_sigtimedwait: number;
    getpid: number;
    gettid: number;
    clock_gettime: number;
    write: number;
    clone: number;
    execve: number;
    setpgid: number;
    setresuid: number;
    setgroups: number;
    setresgid: number;
    setsid: number;
    waitid: number;
    prlimit64: number;
    /** From here on: calls in which others are seen waiting. */
    read: number;
    readv: number;
    writev: number;
    recvfrom: number;
    recvmsg: number;
    sendto: number;
    sendmsg: number;
    flock: number;
    fcntl: number;
    msgrcv: number;
    msgsnd: number;
    mq_timedreceive: number;
    mq_timedsend: number;
    semtimedop: number;
    wait4: number;
  };
  /** `open(2)` flags that CPUs number differently. */
  O_DIRECTORY: number;
  O_NOFOLLOW: number;
  O_DIRECT: number;
  /** Includes `O_DIRECTORY`, as in C. */
  O_TMPFILE: number;
  /** `struct epoll_event` is packed on x86-64 only. */
  epollEvent: { byteLength: number; dataOffset: number };
  /** `struct shmid_ds`. */
  shmidDs: {
    byteLength: number;
    uid: number;
    cuid: number;
    mode: number;
    segsz: number;
    atime: number;
    dtime: number;
    ctime: number;
    cpid: number;
    lpid: number;
    nattch: number;
  };
  /** `struct semid_ds`. */
  semidDs: { byteLength: number; uid: number; cuid: number; otime: number; nsems: number };
  /** Whether the signal handler's machine code exists for this CPU. */
  siginfoHandler: boolean;
}

/** Linux on x86-64. */
export const LINUX_X86_64: PlatformTable = {
  arch: "x86_64",
  SYS: {
    futex: 202,
    futex_waitv: 449,
    set_robust_list: 273,
    get_robust_list: 274,
    pidfd_send_signal: 424,
    pidfd_open: 434,
    pidfd_getfd: 438,
    rt_sigqueueinfo: 129,
    mq_notify: 244,
    rt_tgsigqueueinfo: 297,
    rt_sigtimedwait: 128,
    getpid: 39,
    gettid: 186,
    clock_gettime: 228,
    write: 1,
    clone: 56,
    execve: 59,
    setpgid: 109,
    setresuid: 117,
    setgroups: 116,
    setresgid: 119,
    setsid: 112,
    waitid: 247,
    prlimit64: 302,
    read: 0,
    readv: 19,
    writev: 20,
    recvfrom: 45,
    recvmsg: 47,
    sendto: 44,
    sendmsg: 46,
    flock: 73,
    fcntl: 72,
    msgrcv: 70,
    msgsnd: 69,
    mq_timedreceive: 243,
    mq_timedsend: 242,
    semtimedop: 220,
    wait4: 61,
  },
  O_DIRECTORY: 0o200000,
  O_NOFOLLOW: 0o400000,
  O_DIRECT: 0o40000,
  O_TMPFILE: 0o20200000,
  epollEvent: { byteLength: 12, dataOffset: 4 },
  shmidDs: {
    byteLength: 112,
    uid: 4,
    cuid: 12,
    mode: 20,
    segsz: 48,
    atime: 56,
    dtime: 64,
    ctime: 72,
    cpid: 80,
    lpid: 84,
    nattch: 88,
  },
  semidDs: { byteLength: 104, uid: 4, cuid: 12, otime: 48, nsems: 80 },
  siginfoHandler: true,
};

/** Linux on aarch64. Checked against the kernel's headers, not run. */
export const LINUX_AARCH64: PlatformTable = {
  arch: "aarch64",
  SYS: {
    futex: 98,
    futex_waitv: 449,
    set_robust_list: 99,
    get_robust_list: 100,
    pidfd_send_signal: 424,
    pidfd_open: 434,
    pidfd_getfd: 438,
    rt_sigqueueinfo: 138,
    mq_notify: 184,
    rt_tgsigqueueinfo: 240,
    rt_sigtimedwait: 137,
    getpid: 172,
    gettid: 178,
    clock_gettime: 113,
    write: 64,
    clone: 220,
    execve: 221,
    setpgid: 154,
    setresuid: 147,
    setgroups: 159,
    setresgid: 149,
    setsid: 157,
    waitid: 95,
    prlimit64: 261,
    read: 63,
    readv: 65,
    writev: 66,
    recvfrom: 207,
    recvmsg: 212,
    sendto: 206,
    sendmsg: 211,
    flock: 32,
    fcntl: 25,
    msgrcv: 188,
    msgsnd: 189,
    mq_timedreceive: 183,
    mq_timedsend: 182,
    semtimedop: 192,
    wait4: 260,
  },
  O_DIRECTORY: 0o40000,
  O_NOFOLLOW: 0o100000,
  O_DIRECT: 0o200000,
  O_TMPFILE: 0o20040000,
  epollEvent: { byteLength: 16, dataOffset: 8 },
  shmidDs: {
    byteLength: 112,
    uid: 4,
    cuid: 12,
    mode: 20,
    segsz: 48,
    atime: 56,
    dtime: 64,
    ctime: 72,
    cpid: 80,
    lpid: 84,
    nattch: 88,
  },
  semidDs: { byteLength: 88, uid: 4, cuid: 12, otime: 48, nsems: 64 },
  siginfoHandler: false,
};
