// Needs: python3, root, prlimit
/** `causeway doctor` where something is missing, small, read-only or forbidden: each finding is right, and nothing makes it fail. */
import { assert, assertEquals } from "@std/assert";
import type { DoctorReport } from "../../lib/cli/doctor.ts";
import { platform } from "../../lib/sys/platform.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { commandLine, fixture } from "./causeway.ts";
import { isolatedTest } from "./tools/isolated.ts";

const WATCHDOG_MS = 120_000;
const { SYS } = platform();
const MEMFD_CREATE = Deno.build.arch === "x86_64" ? 319 : 279;
const NEW_CALLS = [SYS.futex_waitv, SYS.pidfd_open, MEMFD_CREATE].join();
const filtered = (code: string, calls: string) => ["python3", fixture("without_calls.py"), code, calls];
/** The rest of the words is run in a mount namespace, after some words of shell. */
const after = (script: string) => ["unshare", "--mount", "sh", "-c", `${script} && exec "$@"`, "sh"];

interface Surroundings {
  /** What is in front of the program's own words. */
  under: string[];
  /** Findings that must be there: level, area, what it says, and what its fix says. */
  finds: [level: string, area: string, what: RegExp, fix: RegExp][];
  /** Kernel features that are missing, and no others. */
  missing?: string[];
}

const TABLE: Readonly<Record<string, Surroundings>> = {
  "a /dev/shm of 64 KiB": {
    under: after("mount -t tmpfs -o size=64k tmpfs /dev/shm"),
    finds: [["warning", "mounts", /^\/dev\/shm has 64 KiB$/, /--shm-size/]],
  },
  "a /dev/shm that is full": {
    under: after("mount -t tmpfs -o size=64k tmpfs /dev/shm && { cat /dev/zero >/dev/shm/full 2>/dev/null; true; }"),
    finds: [["error", "mounts", /^\/dev\/shm has 0 KiB left of 64 KiB$/, /causeway gc/]],
    missing: ["POSIX shared memory"],
  },
  "a read-only /dev/shm": {
    under: after("mount -t tmpfs -o ro tmpfs /dev/shm"),
    finds: [
      ["error", "mounts", /^\/dev\/shm is read-only$/, /remount,rw/],
      ["error", "kernel", /^POSIX shared memory: .*EROFS/, /can be written/],
    ],
    missing: ["POSIX shared memory"],
  },
  "a container without /proc/sys": {
    under: after("mount -t tmpfs tmpfs /proc/sys"),
    finds: [["note", "limits", /^\d+ limits cannot be read: .*ENOENT/, /\/proc\/sys/]],
  },
  "a container whose entry point is process 1": {
    under: ["unshare", "--pid", "--fork", "--mount-proc", "--ipc"],
    finds: [["note", "container", /^(ipc, pid|pid, ipc) namespaces of its own$/, /--ipc=host/]],
  },
  "tiny limits": {
    under: ["prlimit", "--msgqueue=0", "--sigpending=0", "--memlock=0"],
    finds: [
      ["error", "limits", /^RLIMIT_MSGQUEUE is 0$/, /ulimit -q/],
      ["error", "limits", /^RLIMIT_SIGPENDING is 0$/, /ulimit -i/],
      ["note", "limits", /^RLIMIT_MEMLOCK is 0$/, /ulimit -l/],
      ["error", "kernel", /^POSIX message queues: .*RLIMIT_MSGQUEUE/, /higher limit/],
    ],
    missing: ["POSIX message queues"],
  },
  "a seccomp filter that does not know new calls": {
    under: filtered("ENOSYS", NEW_CALLS),
    finds: [
      ["error", "kernel", /^futex_waitv: .*ENOSYS/, /newer kernel/],
      ["error", "kernel", /^pidfd_open: .*ENOSYS/, /newer kernel/],
      ["error", "kernel", /^memfd_create: .*ENOSYS/, /newer kernel/],
      ["note", "container", /^a seccomp filter refuses/, /seccomp/],
    ],
    missing: ["pidfd_open", "memfd_create", "futex_waitv", "pidfd signals", "sealed memory"],
  },
  "a seccomp filter that forbids them": {
    under: filtered("EPERM", NEW_CALLS),
    finds: [["error", "kernel", /^futex_waitv: .*EPERM/, /seccomp=/]],
    missing: ["pidfd_open", "memfd_create", "futex_waitv", "pidfd signals", "sealed memory"],
  },
};

for (const [what, { under, finds, missing = [] }] of Object.entries(TABLE)) {
  Deno.test(isolatedTest(`doctor in ${what} tells what that breaks, and the fix`, async () => {
    const [program = "", ...args] = [...under, ...commandLine(["doctor", "--json"])];
    const run = new Deno.Command(program, { args, stdin: "null" }).output();
    const { code, stdout, stderr } = await watchdog(WATCHDOG_MS, run);
    assertEquals(new TextDecoder().decode(stderr), "");
    const { ok, features, findings }: DoctorReport = JSON.parse(new TextDecoder().decode(stdout));
    assertEquals(
      features.filter(({ available }) => available === false).map(({ name }) => name).filter(isTried),
      missing,
    );
    for (const [level, area, text, fix] of finds) {
      const found = findings.find((one) => one.level === level && one.area === area && text.test(one.what));
      assert(found !== undefined, `${level} ${area} ${text}: ${JSON.stringify(findings, null, 1)}`);
      assert(fix.test(found.fix ?? ""), `${found.what}: ${found.fix}`);
      // What is wrong tells what it breaks.
      assert(level === "note" || found.breaks !== null, found.what);
    }
    const isWrong = findings.some(({ level }) => level === "error");
    assertEquals([ok, code], [!isWrong, isWrong ? 1 : 0]);
  }));
}

/** Listing queues is a matter of mounts: it is missing on many machines. */
function isTried(name: string): boolean {
  return name !== "/dev/mqueue mounted";
}
