// Needs: python3, root
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  createSharedMemory,
  openSharedMemory,
  PosixError,
  ProtocolError,
  unlinkSharedMemory,
} from "../../lib/memory/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { denoCommand, fixture, run } from "./child.ts";

const unique = () => `/causeway-test-${crypto.randomUUID()}`;

const BAD_NAMES = [
  "",
  "/",
  "jobs",
  "/a/b",
  "//a",
  "/a/",
  "/.",
  "/..",
  "/a\0b",
  `/${"x".repeat(255)}`,
  `/${"ü".repeat(128)}`,
];

for (const name of BAD_NAMES) {
  const shown = JSON.stringify(name.length > 20 ? `${name.slice(0, 5)}… (${name.length})` : name);
  Deno.test(`SharedMemory refuses the name ${shown} before any system call`, () => {
    assertThrows(() => createSharedMemory(name, { size: 1 }), TypeError);
    assertThrows(() => openSharedMemory(name), TypeError);
    assertThrows(() => unlinkSharedMemory(name), TypeError);
  });
}

Deno.test("SharedMemory takes the longest name that there can be", () => {
  const name = `/${"x".repeat(254)}`;
  using memory = createSharedMemory(name, { size: 1 });
  openSharedMemory(name).close();
  assertEquals(memory.name, name);
  memory.unlink();
});

Deno.test("createSharedMemory gives the mode that was asked for under any umask, 0600 when none was", () => {
  const before = Deno.umask(0o777);
  try {
    for (const [mode, expected] of [[undefined, 0o600], [0o666, 0o666]] as const) {
      using memory = createSharedMemory(unique(), { size: 1, mode });
      memory.unlink();
      assertEquals((Deno.statSync(`/proc/self/fd/${memory.fd.raw}`).mode ?? 0) & 0o7777, expected);
    }
  } finally {
    Deno.umask(before);
  }
});

Deno.test("openSharedMemory and unlinkSharedMemory name the call and the name: ENOENT", () => {
  const name = unique();
  for (const [call, syscall] of [[openSharedMemory, "shm_open"], [unlinkSharedMemory, "shm_unlink"]] as const) {
    const error = assertThrows(() => void call(name), PosixError);
    assertEquals([error.code, error.syscall, error.target], ["ENOENT", syscall, name]);
  }
});

Deno.test("openSharedMemory refuses another user's object unless that user is trusted", () => {
  const name = unique();
  using memory = createSharedMemory(name, { size: 1 });
  Deno.chownSync(`/dev/shm${name}`, 65534, 65534);
  const error = assertThrows(() => openSharedMemory(name), PosixError, "user 65534");
  assertEquals(error.code, "EACCES");
  assertThrows(() => openSharedMemory(name, { owner: 1, readOnly: true }), PosixError, "EACCES");
  openSharedMemory(name, { owner: 65534 }).close();
  openSharedMemory(name, { owner: "any", readOnly: true }).close();
  memory.unlink();
});

Deno.test("openSharedMemory refuses an empty object and a symbolic link", () => {
  const name = unique();
  Deno.writeTextFileSync(`/dev/shm${name}`, "");
  assertThrows(() => openSharedMemory(name), ProtocolError, "its creator has not finished, or died");
  unlinkSharedMemory(name);
  Deno.symlinkSync("/etc/passwd", `/dev/shm${name}`);
  assertEquals(assertThrows(() => openSharedMemory(name), PosixError).code, "ELOOP");
  assertEquals(assertThrows(() => createSharedMemory(name, { size: 1 }), PosixError).code, "EEXIST");
  unlinkSharedMemory(name);
});

Deno.test("SharedMemory is the same object for Python", async () => {
  const name = unique();
  using memory = createSharedMemory(name, { size: 1234 });
  memory.bytes[0] = 42;
  const { lines } = await run(["python3", fixture("memory_shared.py"), name]);
  memory.unlink();
  assertEquals(lines, ["1234 42"]);
  assertEquals(memory.bytes[1233], 99);
});

Deno.test("createSharedMemory: of many processes that create one name, one wins, a hundred times", async () => {
  const names = Array.from({ length: 100 }, unique);
  const CREATORS = 4;
  const go = "go\n".repeat(names.length);
  const results = await Promise.all(
    Array.from({ length: CREATORS }, () => run(denoCommand("memory_create.ts", "shm", "100", ...names), go)),
  );
  for (const name of names) unlinkSharedMemory(name);
  const outcomes = results.map(({ lines }) => lines.filter((line) => line !== "ready"));
  for (let round = 0; round < names.length; round++) {
    const outcome = outcomes.map((of) => of[round]).sort();
    assertEquals(outcome, [...Array(CREATORS - 1).fill("EEXIST"), "created"], `round ${round}`);
  }
});

Deno.test("createSharedMemory needs --allow-ffi and nothing else", async () => {
  const script = `
    import { createSharedMemory } from ${JSON.stringify(new URL("../../lib/memory/mod.ts", import.meta.url))};
    try {
      using memory = createSharedMemory("${unique()}", { size: 1 });
      memory.unlink();
      console.log("created");
    } catch (error) { console.log(error.name, error.message.match(/--allow-\\w+/)?.[0]); }`;
  for (const [flags, expected] of [[[], "NotCapable --allow-ffi"], [["--allow-ffi"], "created"]] as const) {
    const { lines } = await run([Deno.execPath(), "run", "--no-prompt", "--no-check", ...flags, "-"], script);
    assertEquals(lines, [expected]);
  }
});

Deno.test("openSharedMemory that fails leaves nothing", async () => {
  const name = unique();
  Deno.writeTextFileSync(`/dev/shm${name}`, "");
  await noLeaks(() => {
    assertThrows(() => openSharedMemory(name), ProtocolError);
    assertThrows(() => openSharedMemory(unique()), PosixError);
  });
  assert(Deno.statSync(`/dev/shm${name}`).isFile);
  unlinkSharedMemory(name);
});

Deno.test("SharedMemory.grow gives a handle on larger memory, and ENOSPC when there is no room", () => {
  const name = unique();
  using memory = createSharedMemory(name, { size: 10 });
  using larger = memory.grow(100_000);
  using again = openSharedMemory(name);
  memory.unlink();
  memory.bytes[9] = 9;
  again.bytes[99_999] = 1;
  assertEquals([memory.byteLength, larger.byteLength, larger.bytes[9], larger.bytes[99_999]], [10, 100_000, 9, 1]);
  assertThrows(() => larger.grow(10), RangeError, "at least the 100000 bytes");
  assertEquals(assertThrows(() => larger.grow(2 ** 45), PosixError).code, "ENOSPC");
  assertEquals(larger.bytes[99_999], 1);
});
