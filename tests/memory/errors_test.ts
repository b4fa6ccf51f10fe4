// Needs: strace, prlimit, unshare, root
/** Every error that the manual pages of the calls beneath give: a PosixError with code, call and target, and nothing left. */
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  createAnonymousMemory,
  createSharedMemory,
  createSysvMemory,
  openMappedFile,
  openSysvMemory,
  PosixError,
  unlinkSharedMemory,
} from "../../lib/memory/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { denoCommand, inject, run } from "./child.ts";

const directory = Deno.makeTempDirSync();
globalThis.addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));
/** The last key that was taken, none of which anybody else has. */
let key = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 2;
const unique = () => `/causeway-test-${crypto.randomUUID()}`;

/** Calls of one path only: Deno opens and maps much else. */
const on = (path: string, ...faults: string[]) => {
  const [program = "", ...args] = inject(...faults);
  return [program, "-P", path, ...args];
};

// The action of memory_error.ts, the call that is made to fail, and with what. The name of the call in the error, where it is another.
const FAULTS: [action: string, call: string, errors: string, said?: string][] = [
  ["create shm", "openat", "EACCES EMFILE ENFILE ENOMEM ENOSPC", "shm_open"],
  ["create shm", "fallocate", "EFBIG EINVAL EIO ENODEV ENOSPC EPERM EDQUOT", "posix_fallocate"],
  ["create shm", "linkat", "EEXIST ENAMETOOLONG ENOSPC EROFS", "shm_open"],
  ["open shm", "openat", "EACCES EINVAL EMFILE ENFILE ENAMETOOLONG ENOENT", "shm_open"],
  ["open shm", "mmap", "EACCES EAGAIN ENFILE ENODEV ENOMEM EOVERFLOW EPERM"],
  ["unlink shm", "unlink", "EACCES ENOENT ENAMETOOLONG", "shm_unlink"],
  ["create file", "openat", "EACCES EMFILE ENFILE ENOENT ENOTDIR EROFS EDQUOT", "open"],
  ["create file", "fallocate", "EFBIG EIO ENOSPC EDQUOT", "posix_fallocate"],
  ["open file", "openat", "EACCES EMFILE ENFILE ENXIO EOVERFLOW EPERM EROFS ETXTBSY", "open"],
  ["open file", "mmap", "EACCES EAGAIN ENFILE ENODEV ENOMEM EOVERFLOW EPERM ETXTBSY"],
  ["create memfd", "memfd_create", "EFAULT EINVAL EMFILE ENFILE ENOMEM EPERM"],
  ["create memfd", "fallocate", "ENOMEM ENOSPC EPERM", "posix_fallocate"],
  ["shared", "openat", "EACCES EMFILE ENFILE ENOMEM", "shm_open"],
  ["shared", "mmap", "EAGAIN ENOMEM"],
  ["create sysv", "shmget", "EACCES EEXIST EINVAL ENFILE ENOENT ENOMEM ENOSPC EPERM"],
  ["create sysv", "shmat", "EACCES EIDRM EINVAL ENOMEM"],
  ["open sysv", "shmget", "EACCES EINVAL ENOENT"],
  ["use sysv", "shmctl", "EACCES EFAULT EIDRM EINVAL EOVERFLOW"],
];

for (const [action, call, errors, said = call] of FAULTS) {
  Deno.test(`${action} when ${call} fails: a PosixError for each of ${errors}, and nothing left`, async () => {
    for (const error of errors.split(" ")) {
      const name = action.endsWith("sysv") ? `${++key}` : action.endsWith("file") ? directory + unique() : unique();
      const path = action.endsWith("file") ? name : `/dev/shm${name}`;
      // What is opened or unlinked must be there.
      const there = /^(open (file|shm)|unlink|shared)/.test(action) && !(action === "shared" && call === "openat");
      if (there) Deno.writeFileSync(path, new Uint8Array(100));
      const fault = `${call}:error=${error}`;
      const asPath = action === "create shm" || action === "create file";
      const limited = call === "openat"
        ? on(asPath ? path.slice(0, path.lastIndexOf("/")) : path, fault)
        : on(path, fault);
      const tracer = call === "openat" || call === "mmap" ? limited : inject(fault);
      const { lines } = await run([...tracer, ...denoCommand("memory_error.ts", action, name)]);
      const expected = `${error} ${said}`;
      const line = lines[0] ?? "";
      assert(line.startsWith(`${expected} `) || line.startsWith(`${expected}(`), `${fault}: ${line}`);
      if (there) Deno.removeSync(path);
      else if (!action.endsWith("sysv")) assertThrows(() => Deno.lstatSync(path), Deno.errors.NotFound);
      // Where attaching failed the segment is removed again; where shmctl does not work at all, nobody can.
      else if (call === "shmctl") openSysvMemory(Number(name)).remove();
      else assertEquals(assertThrows(() => openSysvMemory(Number(name)), PosixError).code, "ENOENT");
    }
  });
}

Deno.test("errors of System V limits name the limit", async () => {
  for (const [error, hint] of [["ENOSPC", "raise kernel.shmmni or kernel.shmall"], ["EINVAL", "raise kernel.shmmax"]]) {
    const program = denoCommand("memory_error.ts", "create sysv", `${++key}`);
    const { lines } = await run([...inject(`shmget:error=${error}`), ...program]);
    assertStringIncludes(lines[0] ?? "", hint ?? "");
  }
});

Deno.test("opening that a signal interrupts is tried again", async () => {
  const path = directory + unique();
  Deno.writeFileSync(path, new Uint8Array(100));
  const { lines } = await run([
    ...on(path, "openat:error=EINTR:when=1..3"),
    ...denoCommand("memory_error.ts", "open file", path),
  ]);
  assertEquals(lines, ["done"]);
});

Deno.test("every kind of memory without a descriptor left is EMFILE, leaves nothing, and works again after", async () => {
  // System V has no descriptors.
  for (const kind of ["file", "shm", "memfd", "shared"]) {
    const { lines } = await run(["prlimit", "--nofile=80", ...denoCommand("memory_until_emfile.ts", kind, directory)]);
    assertEquals(lines, ["EMFILE", "left 0", "again"], kind);
  }
});

Deno.test("a full file system of 64 KB is ENOSPC for openShared at creation, and never SIGBUS after", async () => {
  const script = "mount -t tmpfs -o size=64k tmpfs /dev/shm && head -c 61440 /dev/zero > /dev/shm/filler && " +
    `${denoCommand("memory_error.ts", "shared", "/small").join(" ")}; ls -A /dev/shm; ` +
    `head -c 65536 /dev/zero 2>&- > /dev/shm/filler; ${
      denoCommand("memory_error.ts", "shared", "/none").join(" ")
    }; ls -A /dev/shm`;
  const { lines } = await run(["unshare", "-m", "sh", "-c", script]);
  assertEquals(lines.map((line) => line.split(" ", 2).join(" ")), [
    "done",
    "filler",
    "small",
    "ENOSPC posix_fallocate",
    "filler",
    "small",
  ]);
});

Deno.test("a mapping that no address space has room for is ENOMEM, and leaves nothing", async () => {
  const name = unique();
  Deno.writeTextFileSync(`/dev/shm${name}`, "");
  Deno.truncateSync(`/dev/shm${name}`, 2 ** 47);
  await noLeaks(() => {
    const error = assertThrows(() => openMappedFile(`/dev/shm${name}`), PosixError);
    assertEquals([error.code, error.syscall], ["ENOMEM", "mmap"]);
  });
  unlinkSharedMemory(name);
});

Deno.test("memory that does not fit is refused where it is created, by its typed error", () => {
  const cases: [code: string, create: () => unknown][] = [
    ["ENOSPC", () => createSharedMemory(unique(), { size: 2 ** 45 })],
    ["ENOMEM", () => createAnonymousMemory({ size: 2 ** 45 })],
    ["ENOMEM", () => createSysvMemory("private", { size: 2 ** 45 })],
  ];
  for (const [code, create] of cases) {
    const error = assertThrows(create, PosixError, `${2 ** 45} bytes were asked for`);
    assertEquals(error.code, code);
  }
});
