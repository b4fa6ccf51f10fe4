import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  createAnonymousMemory,
  createMappedFile,
  moveDescriptor,
  openAnonymousMemory,
  PosixError,
  ProtocolError,
} from "../../lib/memory/mod.ts";
import { check } from "../../lib/sys/errno.ts";
import { Fd } from "../../lib/sys/fd.ts";
import { libc } from "../../lib/sys/libc.ts";
import { O } from "../../lib/sys/linux.ts";
import { cString } from "../../lib/sys/memory.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { denoCommand } from "./child.ts";

Deno.test("createAnonymousMemory seals the size against everybody, its creator too", () => {
  using memory = createAnonymousMemory({ size: 8192 });
  assertEquals(memory.seal, "size");
  for (const size of [0n, 4096n, 1_000_000n]) assertEquals(libc().ftruncate(memory.fd.raw, size), -1);
  using unsealed = createAnonymousMemory({ size: 8192, seal: "none" });
  assertEquals(unsealed.seal, "none");
  assertEquals(libc().ftruncate(unsealed.fd.raw, 10_000n), 0);
});

Deno.test("openAnonymousMemory refuses memory that its sender can truncate, unless told otherwise", async () => {
  await noLeaks(() => {
    using unsealed = createAnonymousMemory({ size: 100, seal: "none" });
    const fd = unsealed.fd.duplicate();
    assertThrows(() => openAnonymousMemory(fd), ProtocolError, "not sealed");
    assert(fd.closed);
    using opened = openAnonymousMemory(unsealed.fd.duplicate(), { seal: "none" });
    assertEquals(opened.seal, "none");
    using sealed = createAnonymousMemory({ size: 100 });
    using same = openAnonymousMemory(sealed.fd.duplicate(), { seal: "none" });
    assertEquals(same.seal, "size");
  });
});

Deno.test("openAnonymousMemory refuses what is no memory, and what is empty", async () => {
  await noLeaks(() => {
    for (const [path, why] of [["/dev/null", "character device"], ["/", "directory"]] as const) {
      assertThrows(() => openAnonymousMemory(open(path), { seal: "none" }), PosixError, why);
      assertThrows(() => openAnonymousMemory(open(path)), ProtocolError, "not sealed");
    }
    const path = Deno.makeTempFileSync();
    assertThrows(() => openAnonymousMemory(open(path), { seal: "none" }), ProtocolError, "empty");
    Deno.removeSync(path);
  });
});

function open(path: string): Fd {
  return Fd.own(check(libc().open(cString(path, "path"), O.RDONLY | O.CLOEXEC, 0), "open"), path);
}

Deno.test("AnonymousMemory takes a name for people, of at most 249 bytes", () => {
  using memory = createAnonymousMemory({ size: 1, name: "jobs" });
  assertStringIncludes(Deno.readLinkSync(`/proc/self/fd/${memory.fd.raw}`), "memfd:jobs");
  createAnonymousMemory({ size: 1, name: "x".repeat(249) }).close();
  for (const name of ["x".repeat(250), "a\0b"]) assertThrows(() => createAnonymousMemory({ size: 1, name }), TypeError);
});

Deno.test("AnonymousMemory.duplicate is a handle of its own on the same memory", () => {
  const memory = createAnonymousMemory({ size: 10 });
  using same = memory.duplicate();
  memory.bytes[3] = 3;
  memory.close();
  assertEquals([same.bytes[3], same.byteLength, same.seal], [3, 10, "size"]);
});

Deno.test("AnonymousMemory moves to a child, which finds the bytes and shares its own", async () => {
  await noLeaks(async () => {
    const memory = createAnonymousMemory({ size: 5000 });
    using kept = memory.duplicate();
    memory.bytes[0] = 42;
    const fd = memory[moveDescriptor]();
    assert(memory.closed);
    assertEquals(memory.bytes.byteLength, 0);
    const [program = "", ...args] = denoCommand("memory_inherit.ts");
    // Deno takes a descriptor's number here, although its types do not say so.
    const options: object = { args, stdin: fd.raw, stdout: "piped", stderr: "inherit" };
    const { stdout } = await new Deno.Command(program, options).output();
    fd.close();
    assertEquals(new TextDecoder().decode(stdout), "5000 42\n");
    assertEquals(kept.bytes[1], 43);
  });
});

Deno.test("AnonymousMemory is close-on-exec and cannot be executed", async () => {
  using memory = createAnonymousMemory({ size: 4096 });
  const { stdout } = await new Deno.Command("ls", { args: ["-l", "/proc/self/fd"] }).output();
  assertEquals(new TextDecoder().decode(stdout).includes("memfd:causeway"), false);
  assertEquals((Deno.statSync(`/proc/self/fd/${memory.fd.raw}`).mode ?? 0) & 0o111, 0);
});

Deno.test("createAnonymousMemory refuses a seal that there is not", () => {
  // @ts-expect-error: no seal is called so; JavaScript programs find out at run time.
  assertThrows(() => createAnonymousMemory({ size: 1, seal: "everything" }), TypeError);
});

Deno.test("openAnonymousMemory for reading only maps memory that cannot be written through it", () => {
  const path = Deno.makeTempFileSync();
  Deno.removeSync(path);
  using file = createMappedFile(path, { size: 3 });
  file.unlink();
  file.bytes[2] = 9;
  using reader = openAnonymousMemory(file.fd.duplicate(), { seal: "none", readOnly: true });
  assertEquals(reader.getUint8(2), 9);
});
