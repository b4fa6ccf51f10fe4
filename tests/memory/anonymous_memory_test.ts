import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  createAnonymousMemory,
  createMappedFile,
  moveDescriptor,
  openAnonymousMemory,
  PosixError,
  ProtocolError,
} from "../../lib/memory/mod.ts";
import { socketPair } from "../../lib/socket/mod.ts";
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

Deno.test("createAnonymousMemory that is sealed against writes can be written by its creator only", async () => {
  await noLeaks(() => {
    using memory = createAnonymousMemory({ size: 100, seal: "writes" });
    memory.bytes[0] = 1;
    assertEquals(memory.seal, "writes");
    assertEquals(assertThrows(() => memory.duplicate(), PosixError).code, "EPERM");
    assertEquals(assertThrows(() => openAnonymousMemory(memory.fd.duplicate()), PosixError).code, "EPERM");
    using reader = openAnonymousMemory(memory.fd.duplicate(), { readOnly: true, seal: "writes" });
    memory.bytes[0] = 2;
    assertEquals(reader.getUint8(0), 2);
    assertEquals(libc().write(memory.fd.raw, new Uint8Array(1), 1), -1);
    using other = createAnonymousMemory({ size: 100 });
    const open = () => openAnonymousMemory(other.fd.duplicate(), { readOnly: true, seal: "writes" });
    assertThrows(open, ProtocolError, "not sealed against writes");
    // @ts-expect-error: no such seal.
    assertThrows(() => createAnonymousMemory({ size: 1, seal: "all" }), TypeError);
  });
});

Deno.test("AnonymousMemory.grow enlarges what is not sealed, and is EPERM for what is", async () => {
  await noLeaks(() => {
    using memory = createAnonymousMemory({ size: 10, seal: "none" });
    using larger = memory.grow(10_000);
    memory.bytes[0] = 1;
    assertEquals([memory.byteLength, larger.byteLength, larger.bytes[0], larger.bytes[9999]], [10, 10_000, 1, 0]);
    using sealed = createAnonymousMemory({ size: 10 });
    assertEquals(assertThrows(() => sealed.grow(20), PosixError, "its size is sealed").code, "EPERM");
    assertEquals(assertThrows(() => memory.grow(2 ** 45), PosixError).code, "ENOMEM");
  });
});

Deno.test("AnonymousMemory goes to a stranger over a socket, and only the kernel has to clean up", async () => {
  await noLeaks(async () => {
    const [mine, theirs] = socketPair("stream", { descriptors: true });
    using memory = createAnonymousMemory({ size: 100 });
    await mine.sendDescriptors(new Uint8Array([1]), [memory.fd]);
    const message = await theirs.receiveDescriptors();
    const [fd] = message?.descriptors ?? [];
    assert(fd !== undefined);
    using received = openAnonymousMemory(fd);
    received.bytes[99] = 9;
    assertEquals([memory.bytes[99], received.seal], [9, "size"]);
    mine.close();
    theirs.close();
  });
});
