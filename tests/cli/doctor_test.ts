import { assert, assertEquals, assertGreater, assertStringIncludes } from "@std/assert";
import type { DoctorReport } from "../../lib/cli/doctor.ts";
import { VERSION } from "../../lib/cli/version.ts";
import { limitText } from "../../lib/cli/doctor/limits.ts";
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
});

Deno.test("causeway doctor with --allow-ffi alone probes the kernel and leaves /proc alone", async () => {
  const { features, limits } = await doctor(["--allow-ffi"]);
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
  const text = (value: number | "unlimited" | null, unit: "bytes" | "count") =>
    limitText({ name: "", about: "", hint: null, value, unit });
  assertEquals(text(0, "bytes"), "0 B");
  assertEquals(text(1023, "bytes"), "1023 B");
  assertEquals(text(65_536, "bytes"), "64 KiB");
  assertEquals(text(1_572_864, "bytes"), "1.5 MiB");
  assertEquals(text(65_536, "count"), "65536");
  assertEquals(text("unlimited", "bytes"), "unlimited");
  assertEquals(text(null, "count"), "unknown");
});
