/** The errors of the manual pages: those that reach the caller, and those that are refused before the call, from the kernel itself. */
import { assertEquals, assertThrows } from "@std/assert";
import { PosixError } from "../../lib/errors.ts";
import { openPidFd } from "../../lib/signal/mod.ts";
import { check } from "../../lib/sys/errno.ts";
import { libc } from "../../lib/sys/libc.ts";
import { SIG } from "../../lib/sys/linux.ts";
import { platform } from "../../lib/sys/platform.ts";
import { Peer } from "./peer.ts";

const FIXTURE = new URL("../fixtures/signal_no_descriptors.ts", import.meta.url).pathname;
const { SYS } = platform();
const NONE = new BigUint64Array(16);
const INFO = new Uint8Array(SIG.siginfoByteLength);

// What the library refuses with a TypeError or RangeError before any call, or what cannot come out of it: the kernel refuses it too.
const REFUSED: Record<string, [call: () => number, code: string]> = {
  "kill of no signal": [() => libc().kill(Deno.pid, 65), "EINVAL"],
  "sigqueue of no signal": [() => libc().sigqueue(Deno.pid, 65, 0n), "EINVAL"],
  "sigaction of SIGKILL": [() => libc().sigaction(9, new Uint8Array(SIG.sigaction.byteLength), null), "EINVAL"],
  "sigaction of a signal of glibc": [() => libc().sigaction(32, null, null), "EINVAL"],
  "pidfd_open of no pid": [() => libc().syscall_pidfd_open(SYS.pidfd_open, 0, 0), "EINVAL"],
  "pidfd_open with unknown flags": [() => libc().syscall_pidfd_open(SYS.pidfd_open, Deno.pid, 1), "EINVAL"],
  "pidfd_send_signal by no descriptor": [
    () => libc().syscall_pidfd_send_signal(SYS.pidfd_send_signal, -1, 0, null, 0),
    "EBADF",
  ],
  "pidfd_send_signal by what is no pidfd": [
    () => libc().syscall_pidfd_send_signal(SYS.pidfd_send_signal, 2, 0, null, 0),
    "EBADF",
  ],
  "sigtimedwait with a time that is none": [
    () => libc().syscall_rt_sigtimedwait(SYS.rt_sigtimedwait, NONE, INFO, BigInt64Array.of(0n, -1n), 8n),
    "EINVAL",
  ],
  "sigtimedwait when the time is over": [
    () => libc().syscall_rt_sigtimedwait(SYS.rt_sigtimedwait, NONE, INFO, BigInt64Array.of(0n, 0n), 8n),
    "EAGAIN",
  ],
  "sigtimedwait with a set of another size": [
    () => libc().syscall_rt_sigtimedwait(SYS.rt_sigtimedwait, NONE, INFO, null, 4n),
    "EINVAL",
  ],
};
for (const [what, [call, code]] of Object.entries(REFUSED)) {
  Deno.test(`${what} is ${code}`, () => {
    const error = assertThrows(() => check(call(), what), PosixError);
    assertEquals(error.code, code);
  });
}

Deno.test("openPidFd of a thread that is no process says so", () => {
  const thread = [...Deno.readDirSync("/proc/self/task")].map(({ name }) => Number(name)).find((id) =>
    id !== Deno.pid
  )!;
  const error = assertThrows(() => openPidFd(thread), PosixError);
  // EINVAL until Linux 6.14.
  assertEquals([["ENOENT", "EINVAL"].includes(error.code), error.syscall], [true, "pidfd_open"]);
});

Deno.test("openPidFd, blockSignals and signals throw EMFILE without descriptors, and work when there are some", async () => {
  const args = ["--nofile=80:80", Deno.execPath(), "run", "--quiet", "--allow-all", FIXTURE];
  await using process = new Peer("prlimit", args);
  await process.expect("openPidFd pidfd_open EMFILE");
  await process.expect("blockSignals pipe2 EMFILE open EMFILE");
  // What failed half-way blocks nothing.
  await process.expect("0000000000000000");
  await process.expect("signals open EMFILE");
  await process.expect("SIGRTMIN+1");
  assertEquals(await process.ended, { code: 0 });
});
