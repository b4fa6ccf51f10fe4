/**
 * The door to libc: one table of symbols, each parameter with its C declaration, each looked up on its first use. Nothing happens at import and no
 * permission is needed until a symbol is used.
 *
 * Sizes of one read or write are declared `u32` (a JavaScript number) because the kernel moves at most 0x7ffff000 bytes a call anyway;
 * offsets and sizes of objects are 64 bits wide (bigint).
 *
 * @module
 */

import { platform, unsupportedLibc } from "./platform.ts";

const SYMBOLS = {
  // int *__errno_location(void)
  __errno_location: { parameters: [], result: "pointer" },
  // long syscall(long number, ...): the kernel reads six registers, so each shape of call gets its own entry
  syscall_futex: {
    name: "syscall",
    // number, uint32_t *uaddr, int op, uint32_t val, const struct timespec *timeout, uint32_t *uaddr2, uint32_t val3
    parameters: ["i32", "pointer", "i32", "u32", "buffer", "pointer", "u32"],
    result: "i32",
  },
  syscall_futex_waitv: {
    name: "syscall",
    // number, struct futex_waitv *waiters, unsigned nr, unsigned flags, struct timespec *timeout, clockid_t clockid
    parameters: ["i32", "buffer", "u32", "u32", "buffer", "i32"],
    result: "i32",
    nonblocking: true,
  },
  syscall_futex_waitv_now: {
    name: "syscall",
    // the same, for a call that cannot wait: a probe
    parameters: ["i32", "buffer", "u32", "u32", "buffer", "i32"],
    result: "i32",
  },
  syscall_set_robust_list: {
    name: "syscall",
    // number, struct robust_list_head *head, size_t len
    parameters: ["i32", "pointer", "usize"],
    result: "i32",
  },
  syscall_get_robust_list: {
    name: "syscall",
    // number, int pid, struct robust_list_head **head_ptr, size_t *len_ptr
    parameters: ["i32", "i32", "buffer", "buffer"],
    result: "i32",
  },
  syscall_pidfd_open: {
    name: "syscall",
    // number, pid_t pid, unsigned flags
    parameters: ["i32", "i32", "u32"],
    result: "i32",
  },
  syscall_pidfd_getfd: {
    name: "syscall",
    // number, int pidfd, int targetfd, unsigned flags
    parameters: ["i32", "i32", "i32", "u32"],
    result: "i32",
  },
  syscall_pidfd_send_signal: {
    name: "syscall",
    // number, int pidfd, int sig, siginfo_t *info, unsigned flags
    parameters: ["i32", "i32", "i32", "buffer", "u32"],
    result: "i32",
  },
  syscall_rt_tgsigqueueinfo: {
    name: "syscall",
    // number, pid_t tgid, pid_t tid, int sig, siginfo_t *info
    parameters: ["i32", "i32", "i32", "i32", "buffer"],
    result: "i32",
  },
  syscall_rt_sigqueueinfo: {
    name: "syscall",
    // number, pid_t tgid, int sig, siginfo_t *info
    parameters: ["i32", "i32", "i32", "buffer"],
    result: "i32",
  },
  syscall_rt_sigtimedwait: {
    name: "syscall",
    // number, const sigset_t *set, siginfo_t *info, const struct timespec *timeout, size_t sigsetsize
    parameters: ["i32", "buffer", "buffer", "buffer", "usize"],
    result: "i32",
  },
  // pid_t getpid(void), pid_t gettid(void), uid_t geteuid(void), gid_t getegid(void)
  getpid: { parameters: [], result: "i32" },
  gettid: { parameters: [], result: "i32" },
  getuid: { parameters: [], result: "u32" },
  geteuid: { parameters: [], result: "u32" },
  getegid: { parameters: [], result: "u32" },
  // int open(const char *path, int flags, mode_t mode)
  open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  // off_t lseek(int fd, off_t offset, int whence)
  lseek: { parameters: ["i32", "i64", "i32"], result: "i64" },
  // int close(int fd)
  close: { parameters: ["i32"], result: "i32" },
  // int dup3(int oldfd, int newfd, int flags)
  dup3: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int close_range(unsigned first, unsigned last, int flags)
  close_range: { parameters: ["u32", "u32", "i32"], result: "i32" },
  // ssize_t read(int fd, void *buf, size_t count), ssize_t write(int fd, const void *buf, size_t count)
  read: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // ssize_t pread(int fd, void *buf, size_t count, off_t offset)
  pread: { parameters: ["i32", "buffer", "u32", "i64"], result: "i32" },
  // int fcntl(int fd, int cmd, int arg)
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int ioctl(int fd, unsigned long request, void *arg)
  ioctl: { parameters: ["i32", "u64", "buffer"], result: "i32" },
  // int statx(int dirfd, const char *path, int flags, unsigned mask, struct statx *buf)
  statx: { parameters: ["i32", "buffer", "i32", "u32", "buffer"], result: "i32" },
  // int fchmod(int fd, mode_t mode)
  fchmod: { parameters: ["i32", "u32"], result: "i32" },
  // int fchmodat(int dirfd, const char *path, mode_t mode, int flags)
  fchmodat: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  // int ftruncate(int fd, off_t length), int posix_fallocate(int fd, off_t offset, off_t length)
  ftruncate: { parameters: ["i32", "i64"], result: "i32" },
  posix_fallocate: { parameters: ["i32", "i64", "i64"], result: "i32" },
  // int unlink(const char *path), int rename(const char *old, const char *new)
  unlink: { parameters: ["buffer"], result: "i32" },
  rename: { parameters: ["buffer", "buffer"], result: "i32" },
  // int linkat(int olddirfd, const char *oldpath, int newdirfd, const char *newpath, int flags)
  linkat: { parameters: ["i32", "buffer", "i32", "buffer", "i32"], result: "i32" },
  // int renameat2(int olddirfd, const char *old, int newdirfd, const char *new, unsigned flags)
  renameat2: { parameters: ["i32", "buffer", "i32", "buffer", "u32"], result: "i32" },
  // int flock(int fd, int operation)
  flock: { parameters: ["i32", "i32"], result: "i32" },
  // int fcntl(int fd, int cmd, struct flock *lock)
  fcntl_flock: { name: "fcntl", parameters: ["i32", "i32", "buffer"], result: "i32" },
  // int mkdir(const char *path, mode_t mode)
  mkdir: { parameters: ["buffer", "u32"], result: "i32" },
  // ssize_t readlink(const char *path, char *buf, size_t size)
  readlink: { parameters: ["buffer", "buffer", "u32"], result: "i32" },
  // ssize_t readlinkat(int dirfd, const char *path, char *buf, size_t size)
  readlinkat: { parameters: ["i32", "buffer", "buffer", "u32"], result: "i32" },
  // ssize_t getdents64(int fd, void *buf, size_t count)
  getdents64: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // mode_t umask(mode_t mask)
  umask: { parameters: ["u32"], result: "u32" },
  // int pipe2(int pipefd[2], int flags), int mkfifo(const char *path, mode_t mode)
  pipe2: { parameters: ["buffer", "i32"], result: "i32" },
  mkfifo: { parameters: ["buffer", "u32"], result: "i32" },
  // ssize_t splice(int fd_in, off_t *off_in, int fd_out, off_t *off_out, size_t len, unsigned flags), tee(2) likewise
  splice: { parameters: ["i32", "pointer", "i32", "pointer", "u32", "u32"], result: "i32" },
  tee: { parameters: ["i32", "i32", "u32", "u32"], result: "i32" },
  // int poll(struct pollfd *fds, nfds_t nfds, int timeout)
  poll: { parameters: ["buffer", "u32", "i32"], result: "i32" },
  // int epoll_create1(int flags), int epoll_ctl(int epfd, int op, int fd, struct epoll_event *event)
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  // int epoll_wait(int epfd, struct epoll_event *events, int maxevents, int timeout)
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  epoll_wait_blocking: {
    name: "epoll_wait",
    parameters: ["i32", "buffer", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  // int eventfd(unsigned initval, int flags)
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  // int timerfd_create(int clockid, int flags)
  timerfd_create: { parameters: ["i32", "i32"], result: "i32" },
  // int timerfd_settime(int fd, int flags, const struct itimerspec *new_value, struct itimerspec *old_value)
  timerfd_settime: { parameters: ["i32", "i32", "buffer", "pointer"], result: "i32" },
  // int inotify_init1(int flags), int inotify_add_watch(int fd, const char *path, uint32_t mask)
  inotify_init1: { parameters: ["i32"], result: "i32" },
  inotify_add_watch: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  // void *mmap(void *addr, size_t length, int prot, int flags, int fd, off_t offset), int munmap(void *addr, size_t length)
  mmap: { parameters: ["pointer", "usize", "i32", "i32", "i32", "i64"], result: "pointer" },
  munmap: { parameters: ["pointer", "usize"], result: "i32" },
  mprotect: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  msync: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  // int madvise(void *addr, size_t length, int advice), int mlock(const void *addr, size_t length), int munlock(…), int getpagesize(void)
  madvise: { parameters: ["pointer", "usize", "i32"], result: "i32" },
  mlock: { parameters: ["pointer", "usize"], result: "i32" },
  munlock: { parameters: ["pointer", "usize"], result: "i32" },
  getpagesize: { parameters: [], result: "i32" },
  // int shm_open(const char *name, int oflag, mode_t mode), int shm_unlink(const char *name)
  shm_open: { parameters: ["buffer", "i32", "u32"], result: "i32" },
  shm_unlink: { parameters: ["buffer"], result: "i32" },
  // int memfd_create(const char *name, unsigned flags)
  memfd_create: { parameters: ["buffer", "u32"], result: "i32" },
  // int shmget(key_t key, size_t size, int flags), void *shmat(int id, const void *addr, int flags)
  shmget: { parameters: ["i32", "usize", "i32"], result: "i32" },
  shmat: { parameters: ["i32", "pointer", "i32"], result: "pointer" },
  // int shmdt(const void *addr), int shmctl(int id, int op, struct shmid_ds *buf)
  shmdt: { parameters: ["pointer"], result: "i32" },
  shmctl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
  // mqd_t mq_open(const char *name, int oflag, mode_t mode, struct mq_attr *attr), int mq_unlink(const char *name)
  mq_open: { parameters: ["buffer", "i32", "u32", "buffer"], result: "i32" },
  mq_unlink: { parameters: ["buffer"], result: "i32" },
  // int mq_getattr(mqd_t queue, struct mq_attr *attr)
  mq_getattr: { parameters: ["i32", "buffer"], result: "i32" },
  // int mq_timedsend(mqd_t queue, const char *message, size_t length, unsigned priority, const struct timespec *abs_timeout)
  mq_timedsend: { parameters: ["i32", "buffer", "u32", "u32", "buffer"], result: "i32" },
  // ssize_t mq_timedreceive(mqd_t queue, char *message, size_t length, unsigned *priority, const struct timespec *abs_timeout)
  mq_timedreceive: { parameters: ["i32", "buffer", "u32", "buffer", "buffer"], result: "i32" },
  // long syscall(SYS_mq_notify, mqd_t queue, const struct sigevent *event)
  syscall_mq_notify: { name: "syscall", parameters: ["i32", "i32", "buffer"], result: "i32" },
  // int msgget(key_t key, int flags), int msgctl(int id, int op, struct msqid_ds *buf)
  msgget: { parameters: ["i32", "i32"], result: "i32" },
  msgctl: { parameters: ["i32", "i32", "buffer"], result: "i32" },
  // int msgsnd(int id, const void *message, size_t size, int flags)
  msgsnd: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  // ssize_t msgrcv(int id, void *message, size_t size, long type, int flags)
  msgrcv: { parameters: ["i32", "buffer", "u32", "i64", "i32"], result: "i32" },
  // int sem_init(sem_t *sem, int pshared, unsigned value), int sem_unlink(const char *name)
  sem_init: { parameters: ["pointer", "i32", "u32"], result: "i32" },
  sem_unlink: { parameters: ["buffer"], result: "i32" },
  // int sem_post(sem_t *sem), int sem_trywait(sem_t *sem), int sem_getvalue(sem_t *sem, int *value)
  sem_post: { parameters: ["pointer"], result: "i32" },
  sem_trywait: { parameters: ["pointer"], result: "i32" },
  sem_getvalue: { parameters: ["pointer", "buffer"], result: "i32" },
  // int sem_clockwait(sem_t *sem, clockid_t clock, const struct timespec *until)
  sem_clockwait: { parameters: ["pointer", "i32", "buffer"], result: "i32" },
  // int semget(key_t key, int nsems, int flags)
  semget: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // int semctl(int id, int index, int op, union semun arg): a pointer, or an int
  semctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  semctl_value: { name: "semctl", parameters: ["i32", "i32", "i32", "i32"], result: "i32" },
  // int semtimedop(int id, struct sembuf *operations, size_t count, const struct timespec *timeout)
  semtimedop: { parameters: ["i32", "buffer", "u32", "buffer"], result: "i32" },
  // int socket(int domain, int type, int protocol), int socketpair(int domain, int type, int protocol, int sv[2])
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  socketpair: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  // int bind(int fd, const struct sockaddr *addr, socklen_t len), connect(2) likewise, int listen(int fd, int backlog)
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  // int accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  // int getsockname(int fd, struct sockaddr *addr, socklen_t *len), getpeername(2) likewise
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  getpeername: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  // int inet_pton(int family, const char *text, void *address)
  inet_pton: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  // int shutdown(int fd, int how)
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
  // ssize_t send(int fd, const void *buf, size_t len, int flags), recv(2) likewise
  send: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  recv: { parameters: ["i32", "buffer", "u32", "i32"], result: "i32" },
  // ssize_t sendmsg(int fd, const struct msghdr *msg, int flags), recvmsg(2) likewise
  sendmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  // int getsockopt(int fd, int level, int name, void *value, socklen_t *len), setsockopt(2) likewise
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  // int kill(pid_t pid, int sig), int sigqueue(pid_t pid, int sig, const union sigval value)
  kill: { parameters: ["i32", "i32"], result: "i32" },
  sigqueue: { parameters: ["i32", "i32", "u64"], result: "i32" },
  // int sigaction(int signum, const struct sigaction *act, struct sigaction *oldact)
  sigaction: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  // int pthread_sigmask(int how, const sigset_t *set, sigset_t *oldset): returns the errno
  pthread_sigmask: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  // int sigpending(sigset_t *set)
  sigpending: { parameters: ["buffer"], result: "i32" },
  // int waitid(idtype_t idtype, id_t id, siginfo_t *info, int options)
  waitid: { parameters: ["i32", "u32", "buffer", "i32"], result: "i32" },
  syscall_waitid: {
    name: "syscall",
    // number, idtype_t idtype, id_t id, siginfo_t *info, int options, struct rusage *usage
    parameters: ["i32", "i32", "u32", "buffer", "i32", "buffer"],
    result: "i32",
  },
  // int posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *, const posix_spawnattr_t *, char *const argv[],
  // char *const envp[]): returns the errno, as do those that prepare it
  posix_spawn: { parameters: ["buffer", "buffer", "buffer", "buffer", "buffer", "pointer"], result: "i32" },
  posix_spawnattr_init: { parameters: ["buffer"], result: "i32" },
  posix_spawnattr_destroy: { parameters: ["buffer"], result: "i32" },
  posix_spawnattr_setflags: { parameters: ["buffer", "i16"], result: "i32" },
  posix_spawnattr_setpgroup: { parameters: ["buffer", "i32"], result: "i32" },
  posix_spawnattr_setsigmask: { parameters: ["buffer", "buffer"], result: "i32" },
  posix_spawnattr_setsigdefault: { parameters: ["buffer", "buffer"], result: "i32" },
  posix_spawn_file_actions_init: { parameters: ["buffer"], result: "i32" },
  posix_spawn_file_actions_destroy: { parameters: ["buffer"], result: "i32" },
  // int posix_spawn_file_actions_adddup2(actions, int fd, int newfd), addopen(actions, int fd, const char *path, int flags, mode_t mode)
  posix_spawn_file_actions_adddup2: { parameters: ["buffer", "i32", "i32"], result: "i32" },
  posix_spawn_file_actions_addopen: { parameters: ["buffer", "i32", "buffer", "i32", "u32"], result: "i32" },
  // int posix_spawn_file_actions_addchdir_np(actions, const char *path)
  posix_spawn_file_actions_addchdir_np: { parameters: ["buffer", "buffer"], result: "i32" },
  // char **environ: the address of the variable
  environ: { type: "pointer" },
  // size_t strlen(const char *text)
  strlen: { parameters: ["pointer"], result: "usize" },
  // int access(const char *path, int mode)
  access: { parameters: ["buffer", "i32"], result: "i32" },
  // int prlimit(pid_t pid, int resource, const struct rlimit *new_limit, struct rlimit *old_limit)
  prlimit: { parameters: ["i32", "i32", "buffer", "buffer"], result: "i32" },
  // int setpgid(pid_t pid, pid_t pgid), pid_t setsid(void)
  setpgid: { parameters: ["i32", "i32"], result: "i32" },
  setsid: { parameters: [], result: "i32" },
  // int execvp(const char *file, char *const argv[])
  execvp: { parameters: ["buffer", "buffer"], result: "i32" },
  // int ioctl(int fd, unsigned long request, int arg)
  ioctl_int: { name: "ioctl", parameters: ["i32", "u64", "i32"], result: "i32" },
  // int tcgetattr(int fd, struct termios *settings), int tcsetattr(int fd, int when, const struct termios *settings)
  tcgetattr: { parameters: ["i32", "buffer"], result: "i32" },
  tcsetattr: { parameters: ["i32", "i32", "buffer"], result: "i32" },
  // void cfmakeraw(struct termios *settings)
  cfmakeraw: { parameters: ["buffer"], result: "void" },
  // pid_t getpgid(pid_t pid), pid_t getppid(void)
  getpgid: { parameters: ["i32"], result: "i32" },
  getppid: { parameters: [], result: "i32" },
  // struct passwd *getpwuid(uid_t uid), struct group *getgrgid(gid_t gid)
  getpwuid: { parameters: ["u32"], result: "pointer" },
  // struct passwd *getpwnam(const char *name)
  getpwnam: { parameters: ["buffer"], result: "pointer" },
  getgrgid: { parameters: ["u32"], result: "pointer" },
  // int getrlimit(int resource, struct rlimit *rlim)
  getrlimit: { parameters: ["i32", "buffer"], result: "i32" },
  // int statvfs(const char *path, struct statvfs *buf)
  statvfs: { parameters: ["buffer", "buffer"], result: "i32" },
  // int clock_gettime(clockid_t clock, struct timespec *ts)
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
} as const satisfies Deno.ForeignLibraryInterface;

/** libc's functions, as FFI sees them. */
export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>["symbols"];

/** glibc, by its soname: the one that Deno itself runs on. */
const LIBRARY = "libc.so.6";

let symbols: Libc | undefined;

/**
 * This thread's errno as a live view; `undefined` until libc is open. It is made together with the symbol table, because a failed call
 * and the reading of its errno must have nothing between them that allocates or calls.
 */
export let errnoWord: Int32Array<ArrayBuffer> | undefined;

/**
 * libc's functions. Each is looked up when it is first named: to look up all of them takes longer than Deno takes to start.
 *
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`.
 * @throws {Error} `Not supported yet: …` on a platform that has no table, or where libc is not glibc.
 */
export function libc(): Libc {
  return symbols ?? open();
}

/** Looks up every function. For tests: a function that a test were the first to use would look like a resource that it leaks. */
export function lookUpEverything(): void {
  const all = libc();
  for (const name of symbolNames()) void all[name];
}

function open(): Libc {
  platform();
  const location = lookUp("__errno_location")();
  if (location === null) throw unsupportedLibc(new Error("__errno_location returned a null pointer"));
  errnoWord = new Int32Array(Deno.UnsafePointerView.getArrayBuffer(location, 4));
  const table = {};
  for (const name of symbolNames()) defineLazily(table, name);
  // Every name has its getter now.
  return symbols = table as Libc;
}

/** The getter stays, and is as fast as a field: V8 inlines it. A field that appears later would change the shape of the table each time. */
function defineLazily(table: object, name: keyof Libc): void {
  let found: unknown;
  Object.defineProperty(table, name, { get: () => found ??= lookUp(name), enumerable: true });
}

function lookUp<Name extends keyof Libc>(name: Name): Libc[Name] {
  try {
    const one: Pick<typeof SYMBOLS, Name> = { [name]: SYMBOLS[name] } as Pick<typeof SYMBOLS, Name>;
    return (Deno.dlopen(LIBRARY, one).symbols as Libc)[name];
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw unsupportedLibc(error);
  }
}

function symbolNames(): (keyof Libc)[] {
  return Object.keys(SYMBOLS) as (keyof Libc)[];
}
