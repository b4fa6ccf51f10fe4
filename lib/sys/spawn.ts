/**
 * Starting a program with `posix_spawn(3)`, and hearing how it ended.
 *
 * glibc's child shares this process's memory until it has become the other program (`clone(CLONE_VFORK)`), so this works in a process
 * with threads, where `fork(2)` would not, and a failure of `execve(2)` is the call's own.
 *
 * @module
 */

import { cStringArray, environPointer, pointerTo } from "./c_strings.ts";
import { check, ERRNO, errno, fail } from "./errno.ts";
import { type Fd, markDescriptorsCloseOnExec } from "./fd.ts";
import { libc } from "./libc.ts";
import { CLD, F, O, RUSAGE, SIG, SPAWN, WAIT } from "./linux.ts";
import { cString } from "./memory.ts";
import { platform } from "./platform.ts";

/** What to start. */
export interface SpawnRequest {
  /** The program's path. There is no search. */
  readonly program: string;
  /** Its arguments, the zeroth included. */
  readonly argv: readonly string[];
  /** `NAME=value` and a NUL each; this process's own when left out. */
  readonly environment?: readonly Uint8Array[] | undefined;
  /** Working directory; this process's own when left out. */
  readonly cwd?: string | undefined;
  /** The child's descriptors: each number with a descriptor of this process, or `"null"` for `/dev/null`. 0 to 2 are inherited when not named. */
  readonly descriptors: ReadonlyMap<number, number | "null">;
  /** `"own"`: the child leads a new process group. `"session"`: it leads a new session, and a group in it. */
  readonly group: "inherit" | "own" | "session";
  /** A terminal that becomes 0, 1 and 2, and the controlling one of the new session. */
  readonly terminal?: string | undefined;
}

/** How a process ended, and what it used. */
export interface Ended {
  /** What `exit(3)` got. */
  readonly code?: number;
  /** The signal that ended it. */
  readonly signal?: number;
  /** `struct rusage` of the process and of the children that it waited for. */
  readonly usage: { readonly userMs: number; readonly systemMs: number; readonly maxRssBytes: number };
}

const attributes = new Uint8Array(SPAWN.attrByteLength);
const actions = new Uint8Array(SPAWN.fileActionsByteLength);
const pid = new Int32Array(1);
/** `sigset_t` of glibc: 1024 bits. */
const NO_SIGNALS = new BigUint64Array(16);
/** Rust ignores it in every program of its own. */
const SIGPIPE_ONLY = new BigUint64Array(16).with(0, 1n << 12n);
const ABOVE_LIMIT = "a descriptor number is above RLIMIT_NOFILE";
const DEV_NULL = cString("/dev/null", "path");

/** What to do about E2BIG. */
export const WORDS_TOO_LONG =
  "one word may have 128 KiB, all words and variables a quarter of the stack's limit: pass the rest by stdin or a file";

/**
 * `posix_spawn(3)`: starts a program with an empty signal mask, SIGPIPE at its default, and the descriptors that were asked for. Any other
 * descriptor of this process is marked close-on-exec first.
 *
 * @returns The child's pid. The caller must reap it.
 * @throws {PosixError} `execve` ENOENT, EACCES, E2BIG, ENOEXEC, ETXTBSY …, `chdir` ENOENT, ENOTDIR, EACCES, `posix_spawn` EAGAIN, ENOMEM.
 */
export function spawnRaw(request: SpawnRequest): number {
  const program = cString(request.program, "Program");
  const argv = cStringArray(request.argv.map((word, index) => cString(word, `Argument ${index}`)));
  const environment = request.environment === undefined ? undefined : cStringArray(request.environment);
  markDescriptorsCloseOnExec();
  using raised = new DisposableStack();
  const sources = raiseSources(request.descriptors, raised);
  const { posix_spawn, ...prepare } = preparation();
  must(prepare.attr_init(attributes));
  must(prepare.actions_init(actions));
  try {
    must(prepare.setsigmask(attributes, NO_SIGNALS));
    must(prepare.setsigdefault(attributes, SIGPIPE_ONLY));
    const group = { inherit: 0, own: SPAWN.SETPGROUP, session: SPAWN.SETSID }[request.group];
    must(prepare.setflags(attributes, SPAWN.SETSIGMASK | SPAWN.SETSIGDEF | group));
    must(prepare.setpgroup(attributes, 0));
    if (request.terminal !== undefined) {
      // The first terminal that the leader of a session opens becomes its controlling one; the session begins before the first action.
      must(prepare.addopen(actions, 0, cString(request.terminal, "terminal"), O.RDWR, 0));
      for (const target of [1, 2]) must(prepare.adddup2(actions, 0, target));
    }
    for (const [target, source] of sources) {
      if (source === "null") must(prepare.addopen(actions, target, DEV_NULL, O.RDWR, 0));
      else must(prepare.adddup2(actions, source, target));
    }
    if (request.cwd !== undefined) must(prepare.addchdir(actions, cString(request.cwd, "cwd")));
    const envp = environment === undefined ? environPointer() : pointerTo(environment);
    const failure = posix_spawn(pid, program, actions, attributes, argv, envp);
    if (failure !== 0) explain(failure, request);
    return pid[0]!;
  } finally {
    prepare.attr_destroy(attributes);
    prepare.actions_destroy(actions);
  }
}

/** Short names for libc's long ones. */
function preparation() {
  const symbols = libc();
  return {
    posix_spawn: symbols.posix_spawn,
    attr_init: symbols.posix_spawnattr_init,
    attr_destroy: symbols.posix_spawnattr_destroy,
    setflags: symbols.posix_spawnattr_setflags,
    setpgroup: symbols.posix_spawnattr_setpgroup,
    setsigmask: symbols.posix_spawnattr_setsigmask,
    setsigdefault: symbols.posix_spawnattr_setsigdefault,
    actions_init: symbols.posix_spawn_file_actions_init,
    actions_destroy: symbols.posix_spawn_file_actions_destroy,
    adddup2: symbols.posix_spawn_file_actions_adddup2,
    addopen: symbols.posix_spawn_file_actions_addopen,
    addchdir: symbols.posix_spawn_file_actions_addchdir_np,
  };
}

/**
 * `dup2` after `dup2` would overwrite a source that is another's target (a swap, a shift). So each source goes above every target first.
 */
function raiseSources(
  descriptors: SpawnRequest["descriptors"],
  raised: DisposableStack,
): [target: number, source: number | "null"][] {
  const highest = Math.max(2, ...descriptors.keys());
  return [...descriptors].map(([target, source]) => {
    if (source === "null" || source > highest) return [target, source];
    const raw = check(libc().fcntl(source, F.DUPFD_CLOEXEC, highest + 1), "fcntl(F_DUPFD_CLOEXEC)", source, {
      EINVAL: ABOVE_LIMIT,
    });
    raised.defer(() => libc().close(raw));
    return [target, raw];
  });
}

/** Calls that prepare fail with ENOMEM only, and EBADF for a number beyond RLIMIT_NOFILE. */
function must(failure: number): void {
  if (failure !== 0) fail(failure, "posix_spawn", undefined, { EBADF: ABOVE_LIMIT });
}

/** `posix_spawn(3)` does not say which of its steps failed. */
function explain(failure: number, request: SpawnRequest): never {
  if (failure === ERRNO.EAGAIN || failure === ERRNO.ENOMEM || failure === ERRNO.EBADF || failure === ERRNO.EMFILE) {
    must(failure);
  }
  if (request.cwd !== undefined) mustBeDirectory(request.cwd);
  fail(failure, "execve", request.program, { E2BIG: WORDS_TOO_LONG });
}

/** @throws {PosixError} `chdir` ENOENT, ENOTDIR, EACCES … when a directory cannot be entered. */
function mustBeDirectory(path: string): void {
  // The directory itself as a name in it: only who may enter finds it.
  const flags = O.PATH | O.CLOEXEC | platform().O_DIRECTORY;
  const raw = libc().open(cString(`${path}/.`, "cwd"), flags, 0);
  check(raw, "chdir", path);
  libc().close(raw);
}

const info = new DataView(new ArrayBuffer(SIG.siginfoByteLength));
const usage = new DataView(new ArrayBuffer(RUSAGE.byteLength));

/**
 * `waitid(2)` on one child of ours, and on no other: reaps it if it has ended.
 *
 * @param child Its pidfd, or its pid.
 * @returns `undefined` while it runs.
 * @throws {PosixError} ECHILD when it was reaped before.
 */
export function reap(child: Fd | number): Ended | undefined {
  return waitFor(child, WAIT.EXITED | WAIT.NOHANG);
}

/** As {@linkcode reap}, but waits for the end by blocking this thread. */
export function reapSync(child: Fd | number): Ended {
  return waitFor(child, WAIT.EXITED)!;
}

function waitFor(child: Fd | number, options: number): Ended | undefined {
  const { waitid } = platform().SYS;
  while (true) {
    info.setInt32(SIG.siginfo.pid, 0, true);
    const result = typeof child === "number"
      ? libc().syscall_waitid(waitid, WAIT.P_PID, child, info, options, usage)
      : libc().syscall_waitid(waitid, WAIT.P_PIDFD, child.raw, info, options, usage);
    if (result === -1 && errno() === ERRNO.EINTR) continue;
    check(result, "waitid", typeof child === "number" ? child : child.what);
    return info.getInt32(SIG.siginfo.pid, true) === 0 ? undefined : ended();
  }
}

function ended(): Ended {
  const status = info.getInt32(SIG.siginfo.status, true);
  const facts = {
    usage: {
      userMs: milliseconds(RUSAGE.utime),
      systemMs: milliseconds(RUSAGE.stime),
      maxRssBytes: Number(usage.getBigInt64(RUSAGE.maxrss, true)) * 1024,
    },
  };
  return info.getInt32(SIG.siginfo.code, true) === CLD.EXITED
    ? { code: status, ...facts }
    : { signal: status, ...facts };
}

/** `struct timeval { long seconds; long microseconds; }` */
function milliseconds(at: number): number {
  return Number(usage.getBigInt64(at, true)) * 1000 + Number(usage.getBigInt64(at + 8, true)) / 1000;
}
