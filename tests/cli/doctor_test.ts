import { assert, assertEquals, assertGreater, assertMatch, assertStringIncludes } from "@std/assert";
import type { DoctorReport } from "../../lib/cli/doctor.ts";
import { VERSION } from "../../lib/cli/version.ts";
import { containerFindings, containerReport } from "../../lib/cli/doctor/container.ts";
import { featureFindings } from "../../lib/cli/doctor/features.ts";
import type { Files, Finding } from "../../lib/cli/doctor/finding.ts";
import { worstFirst } from "../../lib/cli/doctor/finding.ts";
import {
  lockedBytesOf,
  openFilesOf,
  queuedSignalsOf,
  rowsOf,
  softLimitOf,
  sumOf,
  tasksOf,
  threadsOf,
} from "../../lib/cli/doctor/limit_use.ts";
import { limitFindings, type LimitReport, limitText } from "../../lib/cli/doctor/limits.ts";
import { loginFindings, removesIpc } from "../../lib/cli/doctor/login.ts";
import { mountFindings } from "../../lib/cli/doctor/mounts.ts";
import { page } from "../../lib/cli/doctor/page.ts";
import { countOf, processorFindings, processorReport } from "../../lib/cli/doctor/processor.ts";
import { protectionFindings } from "../../lib/cli/doctor/protection.ts";
import { causeway, FULL } from "./causeway.ts";

async function doctor(flags: readonly string[]): Promise<DoctorReport> {
  const { code, stdout, stderr } = await causeway(["doctor", "--json"], { flags });
  assertEquals([code, stderr], [0, ""]);
  return JSON.parse(stdout);
}

Deno.test("causeway doctor --json tells machine, permissions, features and limits", async () => {
  const { machine, permissions, features, limits } = await doctor(FULL);
  assertEquals(machine, {
    causeway: VERSION,
    deno: Deno.version.deno,
    os: "linux",
    arch: Deno.build.arch,
    supported: true,
    platform: "supported",
    kernel: Deno.osRelease(),
    kernelHint: null,
  });
  assertEquals(permissions.map(({ name, state, flag }) => [name, state, flag]), [
    ["ffi", "granted", "--allow-ffi"],
    ["run", "granted", "--allow-run"],
    ["read", "granted", "--allow-read"],
    ["write", "granted", "--allow-write"],
    ["env", "granted", "--allow-env"],
  ]);
  for (const name of ["pidfd_open", "memfd_create", "futex_waitv", "robust futex list"]) {
    const feature = features.find((each) => each.name === name);
    assertEquals([feature?.available, feature?.hint], [true, null], name);
  }
  assert(limits.every(({ value }) => value !== null));
});

Deno.test("causeway doctor --json agrees with /proc about what is used and what surrounds it", async () => {
  const status = await Deno.readTextFile("/proc/self/status");
  const { ok, limits, processor, container, findings } = await doctor(FULL);
  assertEquals(ok, true);
  const used = Object.fromEntries(limits.map(({ name, used }) => [name, used]));
  // Others come and go meanwhile: these are of the process itself, or of a namespace that nobody else is in.
  assertEquals(used["RLIMIT_MEMLOCK"], 0);
  assertGreater(used["RLIMIT_NOFILE"] ?? 0, 3);
  assertGreater(used["RLIMIT_NPROC"] ?? 0, 1);
  assertGreater(used["kernel.pid_max"] ?? 0, 1);
  assertGreater(used["vm.max_map_count"] ?? 0, 10);
  const cpus = /^Cpus_allowed_list:\s*(\S+)/m.exec(status)?.[1] ?? "";
  assertEquals(processor?.cpus, countOf(cpus));
  assertEquals(container?.filtered, !/^Seccomp:\s*0/m.test(status));
  const ownIpc = !(await Deno.readLink("/proc/self/ns/ipc")).includes("4026531839");
  assertEquals(container?.namespaces?.includes("ipc"), ownIpc);
  for (const { level, breaks, fix } of findings) {
    if (level !== "ok") assert(breaks !== null || fix !== null || level === "note");
  }
  assertEquals(new Set(findings.map(({ area }) => area)).size >= 6, true);
});

Deno.test("causeway doctor --json tells the kernel's own numbers", async () => {
  const { limits } = await doctor(FULL);
  const values = Object.fromEntries(limits.map(({ name, value }) => [name, value]));
  for (
    const name of [
      "fs.pipe-max-size",
      "fs.mqueue.msg_max",
      "fs.mqueue.msgsize_max",
      "kernel.shmmni",
      "net.core.somaxconn",
    ]
  ) {
    assertEquals(values[name], Number(await Deno.readTextFile(`/proc/sys/${name.replaceAll(".", "/")}`)), name);
  }
  const [semmsl, , , semmni] = (await Deno.readTextFile("/proc/sys/kernel/sem")).split(/\s+/).map(Number);
  assertEquals([values["kernel.sem SEMMSL"], values["kernel.sem SEMMNI"]], [semmsl, semmni]);
  const limitsOfProcess = await Deno.readTextFile("/proc/self/limits");
  for (
    const [name, line] of [["RLIMIT_SIGPENDING", "Max pending signals"], [
      "RLIMIT_MSGQUEUE",
      "Max msgqueue size",
    ]] as const
  ) {
    assertEquals(String(values[name]), new RegExp(`^${line} +(\\d+|unlimited)`, "m").exec(limitsOfProcess)?.[1], name);
  }
  const { stdout } = await new Deno.Command("df", { args: ["--block-size=1", "--output=size", "/dev/shm"] }).output();
  assertEquals(values["/dev/shm"], Number(new TextDecoder().decode(stdout).split("\n")[1]));
});

Deno.test("causeway doctor works without any permission, and names the flag that would tell", async () => {
  const report = await doctor([]);
  assertEquals([report.machine.kernel, report.machine.kernelHint], [null, "--allow-ffi would tell"]);
  assertEquals(report.permissions.map(({ state }) => state), Array(5).fill("missing or limited"));
  for (const { available, hint } of report.features) assertEquals([available, hint], [null, "--allow-ffi would tell"]);
  const unknown = report.limits.filter(({ value }) => value === null);
  assertGreater(unknown.length, 0);
  assertEquals(new Set(unknown.map(({ hint }) => hint)), new Set(["--allow-ffi would tell"]));
  assertEquals([report.ok, report.container, report.processor], [true, null, null]);
  assertEquals(report.findings.filter(({ level }) => level !== "note"), []);
});

Deno.test("causeway doctor with --allow-ffi alone probes the kernel and leaves /proc alone", async () => {
  const { features, limits } = await doctor(["--allow-ffi"]);
  assertEquals(features.find(({ name }) => name === "pipes")?.available, true);
  assertEquals(features.find(({ name }) => name === "POSIX shared memory")?.hint, "--allow-read would tell");
  assertEquals(features.find(({ name }) => name === "pidfd_open")?.available, true);
  assertEquals(limits.find(({ name }) => name === "fs.pipe-max-size")?.hint, "--allow-read would tell");
  assertEquals(typeof limits.find(({ name }) => name === "RLIMIT_NOFILE")?.value, "number");
});

Deno.test("causeway doctor prints every limit with what raises it", async () => {
  const { code, stdout, stderr } = await causeway(["doctor"]);
  assertEquals([code, stderr], [0, ""]);
  for (const text of ["sysctl -w fs.mqueue.msg_max=N", "ulimit -n", "mount -o remount,size=N /dev/shm", "pidfd_open"]) {
    assertStringIncludes(stdout, text);
  }
  assertEquals(stdout.split("\n").filter((line) => /\s$/.test(line)), []);
});

Deno.test("limitText scales bytes and leaves counts alone", () => {
  const text = (value: number | "unlimited" | null, unit: "bytes" | "count") => limitText({ value, unit });
  assertEquals(text(0, "bytes"), "0 B");
  assertEquals(text(1023, "bytes"), "1023 B");
  assertEquals(text(65_536, "bytes"), "64 KiB");
  assertEquals(text(1_572_864, "bytes"), "1.5 MiB");
  assertEquals(text(65_536, "count"), "65536");
  assertEquals(text("unlimited", "bytes"), "unlimited");
  assertEquals(text(null, "count"), "unknown");
});

/** Files of a machine that is made up. */
function files(texts: Record<string, string>): Files {
  return (path) => texts[path];
}

/** The levels and first words of findings. */
function brief(findings: readonly Finding[]): string[] {
  return findings.map(({ level, what }) => `${level}: ${what}`);
}

Deno.test("limit use is read off the texts of /proc", () => {
  assertEquals(tasksOf("0.20 0.18 0.12 1/80 11206\n"), 80);
  assertEquals(openFilesOf("831\t0\t2466177\n"), 831);
  const status = "Name:\tx\nUid:\t1000\t0\t0\t0\nSigQ:\t7/96365\nVmLck:\t      64 kB\nThreads:\t3\n";
  assertEquals([queuedSignalsOf(status), lockedBytesOf(status)], [7, 65_536]);
  assertEquals([queuedSignalsOf(""), lockedBytesOf("")], [null, null]);
  assertEquals(threadsOf(1000, [status, status, status.replace("1000", "0"), "Uid:\t1000\n"]), 6);
  const limits =
    "Limit   Soft Limit   Hard Limit   Units\nMax processes   96365   96366   processes\nMax locked memory   unlimited   unlimited   bytes\n";
  assertEquals(softLimitOf("Max processes", limits), 96_365);
  assertEquals(softLimitOf("Max locked memory", limits), Infinity);
  assertEquals(softLimitOf("Max hopes", limits), null);
  const list =
    "       key      semid perms      nsems   uid\n         0          1   600          3     0\n         0          2   600          4     0\n";
  assertEquals([rowsOf(list), sumOf("nsems", list)], [2, 7]);
  assertEquals([rowsOf("key semid\n"), sumOf("nsems", "key nsems\n")], [0, 0]);
});

Deno.test("limitFindings warns of a limit that is near, and calls one that is reached an error", () => {
  const limit = (name: string, used: number | null, value: LimitReport["value"]): LimitReport => ({
    name,
    used,
    value,
    unit: "count",
    about: "things",
    hint: "raise it",
  });
  assertEquals(brief(limitFindings([limit("a", 79, 100), limit("b", null, 100), limit("c", 7, "unlimited")])), [
    "ok: none of 1 limits whose use is known is near",
  ]);
  const near = limitFindings([limit("a", 80, 100), limit("b", 100, 100), limit("c", 1, 100)]);
  assertEquals(brief(near), ["warning: a: 80 of 100 are used", "error: b: 100 of 100 are used"]);
  assertEquals([near[0]?.breaks, near[0]?.fix], ["more things", "raise it"]);
  assertEquals(brief(limitFindings([limit("a", null, null)])), []);
  // Of some there can be none at all; elsewhere 0 means that nothing is limited.
  assertEquals(brief(limitFindings([limit("RLIMIT_MSGQUEUE", 0, 0), limit("fs.pipe-user-pages-soft", null, 0)])), [
    "error: RLIMIT_MSGQUEUE is 0",
    "ok: none of 1 limits whose use is known is near",
  ]);
  const hidden = { ...limit("kernel.sem", null, null), hint: "open failed: No such file or directory (ENOENT)" };
  assertEquals(brief(limitFindings([hidden, hidden])), [
    "note: 2 limits cannot be read: open failed: No such file or directory (ENOENT)",
  ]);
});

Deno.test("featureFindings calls what is missing an error, and what was not tried a note", () => {
  const feature = (available: boolean | null, hint: string | null) => ({
    name: "futex_waitv",
    available,
    gives: "waiting",
    hint,
  });
  assertEquals(brief(featureFindings([feature(true, null), feature(false, "ENOSYS")])), ["error: futex_waitv: ENOSYS"]);
  assertEquals(brief(featureFindings([feature(null, "--allow-ffi would tell")])), ["note: 1 features were not tried"]);
  const fixes: [hint: string, fix: RegExp][] = [
    ["x failed: Function not implemented (ENOSYS)", /^a newer kernel/],
    ["x failed: Operation not permitted (EPERM)", /seccomp/],
    ["x failed: Read-only file system (EROFS)", /can be written/],
    ["x failed: Too many open files (EMFILE): raise it (RLIMIT_NOFILE)", /higher limit/],
    ["Not supported yet: no handler", /^a newer kernel/],
  ];
  for (const [hint, fix] of fixes) assertMatch(featureFindings([feature(false, hint)])[0]?.fix ?? "", fix);
  // Listing queues is a matter of mounts.
  const mounted = { ...feature(false, "mount it"), name: "/dev/mqueue mounted" };
  assertEquals(brief(featureFindings([feature(true, null), mounted])), ["ok: all of 1 features tried are there"]);
});

const MIB = 1024 * 1024;
const SHM = "tmpfs /dev/shm tmpfs rw,nosuid,nodev 0 0\n";
const MQUEUE = "mqueue /dev/mqueue mqueue rw 0 0\n";

Deno.test("mountFindings tells what is wrong with /dev/shm, mqueue and /proc", () => {
  const of = (text: string, totalBytes = 1024 * MIB, freeBytes = 1000 * MIB) =>
    brief(mountFindings(text, { totalBytes, freeBytes }));
  assertEquals(of(SHM + MQUEUE), [
    "ok: /dev/shm has 1000 MiB left of 1024 MiB",
    "ok: the mqueue file system is mounted at /dev/mqueue",
  ]);
  assertEquals(of(MQUEUE)[0], "error: /dev/shm is not mounted");
  assertEquals(of(SHM.replace("rw", "ro") + MQUEUE)[0], "error: /dev/shm is read-only");
  // The last mount at a place is the one that is seen.
  assertEquals(of(SHM + SHM.replace("rw", "ro"))[0], "error: /dev/shm is read-only");
  assertEquals(of(SHM.replace("nodev", "noexec"))[0], "note: /dev/shm is mounted noexec");
  assertEquals(of(SHM.replace("nosuid,", ""))[0], "note: /dev/shm is mounted without nosuid");
  assertEquals(of(SHM, 64 * MIB, 60 * MIB)[0], "warning: /dev/shm has 64 MiB, what docker gives when nothing is said");
  assertEquals(of(SHM, 1000 * MIB, 99 * MIB)[0], "warning: /dev/shm has 99 MiB left of 1000 MiB");
  assertEquals(of(SHM, 1000 * MIB, 0)[0], "error: /dev/shm has 0 KiB left of 1000 MiB");
  assertEquals(of(SHM)[1], "note: the mqueue file system is not mounted");
  assertEquals(of(SHM + "mqueue /a\\040b mqueue rw 0 0\n")[1], "ok: the mqueue file system is mounted at /a b");
  const hidden = (option: string) => of(`${SHM}${MQUEUE}proc /proc proc rw,${option} 0 0\n`).at(-1);
  assertEquals(hidden("hidepid=2"), "note: /proc is mounted with hidepid=2");
  assertEquals(hidden("hidepid=invisible"), "note: /proc is mounted with hidepid=invisible");
  assertEquals(hidden("hidepid=0"), "ok: the mqueue file system is mounted at /dev/mqueue");
});

Deno.test("loginFindings warns an ordinary user of RemoveIPC, which is the default", () => {
  const facts = { logind: true, configuration: [] as string[], uid: 1000, lingers: false };
  const level = (changes: Partial<typeof facts>) => loginFindings({ ...facts, ...changes }).map(({ level }) => level);
  assertEquals(level({}), ["warning"]);
  assertEquals(level({ uid: 0 }), ["ok"]);
  assertEquals(level({ uid: 999 }), ["ok"]);
  assertEquals(level({ logind: false }), ["ok"]);
  assertEquals(level({ lingers: true }), ["ok"]);
  assertEquals(level({ configuration: ["[Login]\nRemoveIPC=no\n"] }), ["ok"]);
  const removes = (...configuration: string[]) => removesIpc(configuration);
  assertEquals(removes("[Login]\n#RemoveIPC=no\n"), true);
  assertEquals(removes("RemoveIPC=no", "RemoveIPC=yes"), true);
  assertEquals(removes("RemoveIPC=yes", " RemoveIPC = off "), false);
  assertEquals(removes("RemoveIPC=no", "RemoveIPC="), false);
});

Deno.test("containerReport reads control groups of both versions, and those above", () => {
  const v2 = {
    "/proc/self/cgroup": "0::/a/b\n",
    "/sys/fs/cgroup/a/b/memory.max": "max\n",
    "/sys/fs/cgroup/a/memory.max": "1048576\n",
    "/sys/fs/cgroup/a/b/memory.current": "1000000\n",
    "/sys/fs/cgroup/a/b/pids.max": "10\n",
    "/sys/fs/cgroup/a/b/pids.current": "10\n",
    "/sys/fs/cgroup/a/cpu.max": "50000 100000\n",
    "/proc/self/status": "Seccomp:\t2\n",
    "/run/.containerenv": 'engine="podman-4"\n',
  };
  const first = files({
    "/proc/self/ns/ipc": "ipc:[4026531839]",
    "/proc/self/ns/user": "user:[4026531837]",
    "/proc/self/ns/pid": "pid:[4026531836]",
  });
  const report = containerReport(files(v2), first);
  assertEquals(report, {
    kind: "podman",
    memory: { most: 1_048_576, used: 1_000_000 },
    tasks: { most: 10, used: 10 },
    cpus: 0.5,
    namespaces: [],
    filtered: true,
  });
  assertEquals(brief(containerFindings(report)), [
    "note: this is a container (podman)",
    "warning: the control group may have 1 MiB of memory, 95 % is used",
    "error: the control group may have 10 processes and threads, 100 % is used",
    "note: the control group has 0.5 of a CPU",
    "note: a seccomp filter refuses some system calls; what was tried above says which of these",
  ]);
  const v1 = files({
    "/proc/self/cgroup": "8:pids:/\n4:cpu,memory:/x\n0::/\n",
    "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    "/sys/fs/cgroup/memory/x/memory.limit_in_bytes": "2097152\n",
    "/sys/fs/cgroup/memory/x/memory.usage_in_bytes": "1024\n",
    "/sys/fs/cgroup/pids/pids.max": "max\n",
    "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
    "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
  });
  const { memory, tasks, cpus, filtered } = containerReport(v1, first);
  assertEquals([memory, tasks, cpus, filtered], [
    { most: 2_097_152, used: 1024 },
    { most: null, used: null },
    null,
    null,
  ]);
});

Deno.test("containerReport names namespaces of its own, and knows when it cannot tell", () => {
  const own = files({
    "/proc/self/ns/ipc": "ipc:[1]",
    "/proc/self/ns/user": "user:[4026531837]",
    "/proc/self/ns/pid": "pid:[2]",
  });
  const report = containerReport(files({ "/.dockerenv": "" }), own);
  assertEquals([report.kind, report.namespaces], ["docker", ["ipc", "pid"]]);
  assertEquals(brief(containerFindings(report))[1], "note: ipc, pid namespaces of its own");
  const nothing = containerReport(files({}), files({}));
  assertEquals([nothing.namespaces, nothing.filtered, nothing.kind], [null, null, null]);
  assertEquals(brief(containerFindings(nothing)), ["ok: no container: no namespaces, limits or filters of its own"]);
});

Deno.test("processorReport counts the CPUs that may be used, and knows WAITPKG", () => {
  assertEquals(["0", "0-3", "0-3,8", "1,3,5-6"].map(countOf), [1, 4, 5, 4]);
  const report = processorReport(files({
    "/proc/self/status": "Cpus_allowed:\t3\nCpus_allowed_list:\t0-1\n",
    "/proc/cpuinfo": "processor : 0\nflags\t\t: fpu constant_tsc waitpkg\n",
  }));
  assertEquals(report, { cpus: 2, waitpkg: true, steadyClock: true });
  assertEquals(brief(processorFindings(report)), ["ok: 2 CPUs to run on, with WAITPKG"]);
  assertEquals(brief(processorFindings({ ...report, cpus: 1, waitpkg: false })), ["note: one CPU to run on"]);
  const arm = processorReport(files({ "/proc/cpuinfo": "Features : fp asimd\n" }));
  assertEquals([arm, processorFindings(arm)], [{ cpus: null, waitpkg: false, steadyClock: null }, []]);
});

Deno.test("protectionFindings tells what the kernel keeps from programs", () => {
  const of = (settings: Record<string, string>) =>
    brief(protectionFindings((path) => settings[path.replace("/proc/sys/", "").replaceAll("/", ".")]));
  assertEquals(of({}), ["ok: kernel.yama.ptrace_scope = 0: programs may trace those of the same user"]);
  assertEquals(of({ "kernel.yama.ptrace_scope": "1\n" }), [
    "ok: kernel.yama.ptrace_scope = 1: programs may trace what they started",
  ]);
  assertEquals(of({ "kernel.yama.ptrace_scope": "3", "kernel.shm_rmid_forced": "1", "vm.overcommit_memory": "2" }), [
    "warning: kernel.yama.ptrace_scope = 3",
    "warning: kernel.shm_rmid_forced = 1",
    "note: vm.overcommit_memory = 2",
  ]);
});

Deno.test("causeway doctor fits a narrow terminal, the worst finding first", async () => {
  const report = await doctor(FULL);
  const found: Finding = {
    level: "error",
    area: "limits",
    what: "a: 1 of 1 are used",
    breaks: "everything",
    fix: "raise it",
  };
  const findings = worstFirst([...report.findings, found]);
  assertEquals(findings[0], found);
  for (const width of [40, 60, 80, 120]) {
    const text = page({ ...report, findings }, (_role, text) => text, width);
    assertEquals(text.split("\n").filter((line) => line.length > width), [], String(width));
    assertStringIncludes(
      text,
      "  error    a: 1 of 1 are used\n           breaks: everything\n           fix: raise it\n",
    );
  }
});
