// Needs: gcc
import { assert, assertEquals } from "@std/assert";
import { errnoName, errnoNumber } from "../../lib/sys/errno_table.ts";
import * as linux from "../../lib/sys/linux.ts";
import { TempFolder } from "./run_fixture.ts";

/**
 * How C names what linux.ts has: the first pattern that matches a path in the module gives the expression. A new group of numbers needs a
 * line here.
 */
const RULES: readonly [path: string, c: string][] = [
  ["O\\.(.*)", "O_$1"],
  ["F\\.CLOEXEC", "FD_CLOEXEC"],
  ["F\\.(.*)", "F_$1"],
  ["MAP\\.((PROT|MS)_.*)", "$1"],
  ["MAP\\.(.*)", "MAP_$1"],
  ["MADV\\.(.*)", "MADV_$1"],
  ["MFD\\.(.*)", "MFD_$1"],
  ["POLL\\.(.*)", "POLL$1"],
  ["EPOLL\\.(CTL_.*|CLOEXEC)", "EPOLL_$1"],
  ["EPOLL\\.(.*)", "EPOLL$1"],
  ["EFD\\.(.*)", "EFD_$1"],
  ["IN\\.(.*)", "IN_$1"],
  ["TFD\\.(.*)", "TFD_$1"],
  ["SPLICE\\.(.*)", "SPLICE_F_$1"],
  ["SOCK\\.(STREAM|DGRAM|SEQPACKET|NONBLOCK|CLOEXEC)", "SOCK_$1"],
  ["SOCK\\.(.*)", "$1"],
  ["TCP\\.NODELAY", "TCP_NODELAY"],
  ["TCP\\.sockaddrIn\\.byteLength", "sizeof(struct sockaddr_in)"],
  ["TCP\\.sockaddrIn\\.(.*)", "offsetof(struct sockaddr_in, sin_$1)"],
  ["TCP\\.sockaddrIn6\\.byteLength", "sizeof(struct sockaddr_in6)"],
  ["TCP\\.sockaddrIn6\\.(.*)", "offsetof(struct sockaddr_in6, sin6_$1)"],
  ["TCP\\.(.*)", "$1"],
  ["MSGHDR\\.byteLength", "sizeof(struct msghdr)"],
  ["MSGHDR\\.offset\\.(.*)", "offsetof(struct msghdr, msg_$1)"],
  ["MSGHDR\\.iovecByteLength", "sizeof(struct iovec)"],
  ["MSGHDR\\.cmsg\\.data", "CMSG_ALIGN(sizeof(struct cmsghdr))"],
  ["MSGHDR\\.cmsg\\.alignment", "CMSG_ALIGN(1)"],
  ["MSGHDR\\.cmsg\\.(.*)", "offsetof(struct cmsghdr, cmsg_$1)"],
  ["FUTEX\\.WAITV_U32", "kernel: FUTEX_32"],
  ["FUTEX\\.(.*)", "kernel: FUTEX_$1"],
  ["IPC\\.SHM_RDONLY", "SHM_RDONLY"],
  ["IPC\\.(.*)", "IPC_$1"],
  ["SHM\\.info\\.byteLength", "sizeof(struct shm_info)"],
  ["SHM\\.info\\.usedIds", "offsetof(struct shm_info, used_ids)"],
  ["SHM\\.info\\.total", "offsetof(struct shm_info, shm_tot)"],
  ["SHM\\.info\\.resident", "offsetof(struct shm_info, shm_rss)"],
  ["SHM\\.info\\.swapped", "offsetof(struct shm_info, shm_swp)"],
  ["SHM\\.info\\.swapAttempts", "offsetof(struct shm_info, swap_attempts)"],
  ["SHM\\.info\\.swapSuccesses", "offsetof(struct shm_info, swap_successes)"],
  ["SHM\\.(.*)", "SHM_$1"],
  ["MSG\\.info\\.byteLength", "sizeof(struct msginfo)"],
  ["MSG\\.info\\.(.*)", "offsetof(struct msginfo, msg$1)"],
  ["SEM\\.info\\.byteLength", "sizeof(struct seminfo)"],
  ["SEM\\.info\\.(.*)", "offsetof(struct seminfo, sem$1)"],
  ["MQ\\.attr\\.byteLength", "kernel: sizeof(struct mq_attr)"],
  ["MQ\\.attr\\.(.*)", "kernel: offsetof(struct mq_attr, mq_$1)"],
  ["MQ\\.sigevent\\.byteLength", "sizeof(struct sigevent)"],
  ["MQ\\.sigevent\\.(.*)", "offsetof(struct sigevent, sigev_$1)"],
  ["MQ\\.PRIO_MAX", "kernel: MQ_PRIO_MAX"],
  ["MQ\\.(NOTIFY_.*)", "kernel: $1"],
  ["MQ\\.(.*)", "$1"],
  ["SOCK_DIAG\\.nlmsghdr\\.byteLength", "kernel: sizeof(struct nlmsghdr)"],
  ["SOCK_DIAG\\.nlmsghdr\\.(.*)", "kernel: offsetof(struct nlmsghdr, nlmsg_$1)"],
  ["SOCK_DIAG\\.request\\.byteLength", "kernel: sizeof(struct unix_diag_req)"],
  ["SOCK_DIAG\\.request\\.(.*)", "kernel: offsetof(struct unix_diag_req, $1)"],
  ["SOCK_DIAG\\.message\\.byteLength", "kernel: sizeof(struct unix_diag_msg)"],
  ["SOCK_DIAG\\.message\\.(.*)", "kernel: offsetof(struct unix_diag_msg, $1)"],
  ["SOCK_DIAG\\.(TCP_.*)", "$1"],
  ["SOCK_DIAG\\.(.*)", "kernel: $1"],
  ["MSG\\.typeByteLength", "kernel: offsetof(struct msgbuf, mtext)"],
  ["MSG\\.msqidDs\\.byteLength", "sizeof(struct msqid_ds)"],
  ["MSG\\.msqidDs\\.key", "offsetof(struct msqid_ds, msg_perm.__key)"],
  ["MSG\\.msqidDs\\.(uid|gid|cuid|cgid|mode)", "offsetof(struct msqid_ds, msg_perm.$1)"],
  ["MSG\\.msqidDs\\.cbytes", "offsetof(struct msqid_ds, __msg_cbytes)"],
  ["MSG\\.msqidDs\\.(.*)", "offsetof(struct msqid_ds, msg_$1)"],
  ["MSG\\.(.*)", "MSG_$1"],
  ["SEM\\.(GET|SET)(.*)", "$1$2"],
  ["SEM\\.VMX", "kernel: SEMVMX"],
  ["SEM\\.sembuf\\.byteLength", "sizeof(struct sembuf)"],
  ["SEM\\.sembuf\\.(.*)", "offsetof(struct sembuf, sem_$1)"],
  ["SEM\\.(.*)", "SEM_$1"],
  ["POSIX_SEM\\.byteLength", "sizeof(sem_t)"],
  ["POSIX_SEM\\.(.*)", "SEM_$1"],
  ["WAIT\\.(P_.*)", "$1"],
  ["WAIT\\.(.*)", "W$1"],
  ["SPAWN\\.attrByteLength", "sizeof(posix_spawnattr_t)"],
  ["SPAWN\\.fileActionsByteLength", "sizeof(posix_spawn_file_actions_t)"],
  ["SPAWN\\.(.*)", "POSIX_SPAWN_$1"],
  ["CLD\\.(.*)", "CLD_$1"],
  ["RUSAGE\\.byteLength", "sizeof(struct rusage)"],
  ["RUSAGE\\.(.*)", "offsetof(struct rusage, ru_$1)"],
  ["LOCK\\.(.*)", "LOCK_$1"],
  ["OFD\\.flock\\.byteLength", "sizeof(struct flock)"],
  ["OFD\\.flock\\.(.*)", "offsetof(struct flock, l_$1)"],
  ["OFD\\.(GETLK|SETLKW?)", "F_OFD_$1"],
  ["OFD\\.(.*)", "F_$1"],
  ["RENAME\\.(.*)", "RENAME_$1"],
  ["RLIMIT\\.INFINITY", "RLIM_INFINITY"],
  ["RLIMIT\\.(.*)", "RLIMIT_$1"],
  ["STATVFS\\.byteLength", "sizeof(struct statvfs)"],
  ["STATVFS\\.(.*)", "offsetof(struct statvfs, f_$1)"],
  ["AT\\.(.*)", "AT_$1"],
  ["STATX\\.byteLength", "sizeof(struct statx)"],
  ["STATX\\.offset\\.dev(Major|Minor)", "offsetof(struct statx, stx_dev_$1)"],
  ["STATX\\.offset\\.(.*)", "offsetof(struct statx, stx_$1)"],
  ["STATX\\.(S_.*)", "$1"],
  ["STATX\\.(.*)", "STATX_$1"],
  ["SIG\\.siginfoByteLength", "sizeof(siginfo_t)"],
  ["SIG\\.siginfo\\.(.*)", "offsetof(siginfo_t, si_$1)"],
  ["SIG\\.sigaction\\.byteLength", "sizeof(struct sigaction)"],
  ["SIG\\.sigaction\\.(.*)", "offsetof(struct sigaction, sa_$1)"],
  // glibc keeps the kernel's first two real-time signals for itself.
  ["SIG\\.RTMIN", "__SIGRTMIN + 2"],
  ["SIG\\.RTMAX", "__SIGRTMAX"],
  ["SIG\\.(S[AI]_.*)", "$1"],
  ["SIG\\.(.*)", "SIG_$1"],
  ["SOCKADDR_UN_PATH_BYTES", "sizeof(((struct sockaddr_un *)0)->sun_path)"],
  // MAX_RW_COUNT, which is in no header.
  ["IO_MAX_BYTES", "INT_MAX & ~4095"],
  ["SYS\\.(.*)", "SYS_$1"],
  ["epollEvent\\.byteLength", "sizeof(struct epoll_event)"],
  ["epollEvent\\.dataOffset", "offsetof(struct epoll_event, data)"],
  ["(shm|sem)idDs\\.byteLength", "sizeof(struct $1id_ds)"],
  ["(shm|sem)idDs\\.(uid|cuid|mode)", "offsetof(struct $1id_ds, $1_perm.$2)"],
  ["(shm|sem)idDs\\.(.*)", "offsetof(struct $1id_ds, $1_$2)"],
  ["TTY\\.winsize\\.byteLength", "sizeof(struct winsize)"],
  ["TTY\\.winsize\\.(.*)", "offsetof(struct winsize, ws_$1)"],
  ["TTY\\.termios\\.byteLength", "sizeof(struct termios)"],
  ["TTY\\.termios\\.(.*)", "offsetof(struct termios, c_$1)"],
  ["TTY\\.(.*)", "$1"],
  // A single number has its C name.
  ["([A-Z_]+)", "$1"],
];

/** What no header has, and where it is checked instead. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  "MSGHDR.maxDescriptors": "SCM_MAX_FD is in no header; tests/socket sends one more",
};

/** Younger than the headers of Debian 12 (Linux 6.1, glibc 2.36): compared where the headers have them. */
const YOUNG = new Set(["MFD_NOEXEC_SEAL", "SO_PEERPIDFD", "PIDFD_SIGNAL_PROCESS_GROUP"]);

const HEADERS = {
  /** glibc's view, and the kernel headers that can stand beside it. */
  glibc: [
    ..."stddef limits fcntl signal poll time semaphore unistd stdio sched spawn termios".split(" "),
    ..."mman epoll eventfd timerfd inotify socket un ioctl file wait shm sem msg stat statvfs resource syscall uio"
      .split(" ")
      .map((name) => `sys/${name}`),
    "netinet/in",
    "netinet/tcp",
    "linux/close_range",
    "linux/memfd",
  ],
  /** Headers of the kernel that define what glibc defines too. */
  kernel: [
    ..."stddef linux/futex linux/mqueue linux/sem linux/msg linux/netlink linux/sock_diag linux/unix_diag".split(" "),
  ],
};

/** The compiler's arguments that make it see another CPU: both are 64-bit, little-endian and align alike, so headers are all it takes. */
const ARM_INCLUDE = "/usr/aarch64-linux-gnu/include";

Deno.test("linux.ts agrees with the C compiler on x86-64", async () => {
  if (Deno.build.arch !== "x86_64") return console.log(`Skipped: this is ${Deno.build.arch}`);
  await compare(linux.LINUX_X86_64, []);
});

Deno.test("linux.ts agrees with the C headers on aarch64", async () => {
  const native = Deno.build.arch === "aarch64";
  if (!native && !exists(`${ARM_INCLUDE}/stdio.h`)) {
    return console.log("Skipped: the headers are not here; apt-get install libc6-dev-arm64-cross");
  }
  await compare(linux.LINUX_AARCH64, native ? [] : armFlags());
});

Deno.test("The platform tables have the same keys in the same order", () => {
  const keys = (table: linux.PlatformTable) => flatten(table).map(([path]) => path);
  assertEquals(keys(linux.LINUX_AARCH64), keys(linux.LINUX_X86_64));
});

Deno.test("errno_table.ts has the numbers of the C headers, on both CPUs", async () => {
  for (const flags of exists(`${ARM_INCLUDE}/stdio.h`) ? [[], armFlags()] : [[]]) {
    const macros = await gcc(["-E", "-dM", ...flags], "#include <errno.h>");
    const names = [...macros.matchAll(/^#define (E[A-Z0-9]+) (\w+)$/gm)];
    assert(names.length > 130);
    for (const [, name = "", value = ""] of names) {
      const number = Number(/^\d/.test(value) ? value : errnoNumber(value));
      assertEquals(errnoNumber(name), number, name);
      if (/^\d/.test(value)) assertEquals(errnoName(number), name);
    }
  }
});

/** Compares every number of linux.ts, with the given table's, with what the compiler makes of its C expression. */
async function compare(table: linux.PlatformTable, flags: string[]): Promise<void> {
  const { LINUX_X86_64: _x86, LINUX_AARCH64: _arm, ...shared } = linux;
  const numbers = [...flatten(shared), ...flatten(table)].filter(([path]) => !(path in ELSEWHERE));
  assert(numbers.length > 250, "linux.ts seems to have lost most of its numbers");
  const expected = new Map(numbers.map(([path, value]) => [path, `${expression(path)} = ${value}`]));
  const actual = new Map<string, string>();
  for (const view of ["glibc", "kernel"] as const) {
    const mine = numbers.map(([path]) => path).filter((path) =>
      expression(path).startsWith("kernel: ") === (view === "kernel")
    );
    for (const [path, value] of await evaluate(view, mine, flags)) actual.set(path, `${expression(path)} = ${value}`);
  }
  for (const path of expected.keys()) {
    if (actual.has(path) || !YOUNG.has(expression(path))) continue;
    console.log(`Not compared: ${expression(path)} is not in these headers`);
    expected.delete(path);
  }
  assertEquals(Object.fromEntries(actual), Object.fromEntries([...expected].sort(byOrderOf(actual))));
}

function byOrderOf(map: Map<string, string>): (a: [string, string], b: [string, string]) => number {
  const order = [...map.keys()];
  return ([a], [b]) => order.indexOf(a) - order.indexOf(b);
}

/** All numbers in a value, each with its path. */
function flatten(value: object, prefix = ""): [path: string, value: bigint][] {
  return Object.entries(value).flatMap(([key, inner]): [string, bigint][] => {
    if (typeof inner === "number" || typeof inner === "bigint") {
      return [[prefix + key, BigInt.asIntN(64, BigInt(inner))]];
    }
    return typeof inner === "object" ? flatten(inner, `${prefix}${key}.`) : [];
  });
}

function expression(path: string): string {
  for (const [pattern, c] of RULES) {
    const match = new RegExp(`^${pattern}$`).exec(path);
    if (match === null) continue;
    // Fields in C are spelt in small letters: devMajor is stx_dev_major.
    return c.replace(/\$(\d)/g, (_, group: string) => {
      const text = match[Number(group)] ?? "";
      return /^(Major|Minor)$/.test(text) ? text.toLowerCase() : text;
    });
  }
  throw new Error(`linux.ts has ${path}, for which abi_test.ts has no rule: add one`);
}

/** What the compiler makes of the expressions, read from its assembly: nothing has to be run. */
async function evaluate(view: keyof typeof HEADERS, paths: string[], flags: string[]): Promise<Map<string, bigint>> {
  const definitions = paths.map((path, index) => {
    const c = expression(path).replace(/^kernel: /, "");
    const line = `const long long value_${index} = (long long)(${c});`;
    return YOUNG.has(c) ? `#ifdef ${c}\n${line}\n#endif` : line;
  });
  const includes = HEADERS[view].map((name) => `#include <${name}.h>`);
  const assembly = await gcc(["-S", ...flags], ["#define _GNU_SOURCE", ...includes, ...definitions].join("\n"));
  const values = new Map<string, bigint>();
  for (const [, index, kind, number = "0"] of assembly.matchAll(/^value_(\d+):\n\t\.(quad|zero|xword)\t(-?\d+)/gm)) {
    values.set(paths[Number(index)]!, kind === "zero" ? 0n : BigInt(number));
  }
  return values;
}

function armFlags(): string[] {
  const { stdout } = new Deno.Command("gcc", { args: ["-print-file-name=include"] }).outputSync();
  const own = new TextDecoder().decode(stdout).trim();
  const cpu = ["-U__x86_64__", "-D__aarch64__", "-D__AARCH64EL__"];
  return ["-nostdinc", ...cpu, "-isystem", own, "-isystem", ARM_INCLUDE];
}

/** Runs the compiler on a source and returns what it writes. */
async function gcc(args: string[], source: string): Promise<string> {
  using folder = new TempFolder();
  Deno.writeTextFileSync(folder.at("source.c"), source);
  const all = [...args, "-O0", "-w", "-o", folder.at("out"), folder.at("source.c")];
  const { success, stderr } = await new Deno.Command("gcc", { args: all }).output();
  assert(success, new TextDecoder().decode(stderr));
  return Deno.readTextFileSync(folder.at("out"));
}

function exists(path: string): boolean {
  try {
    Deno.statSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}
