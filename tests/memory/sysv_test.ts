// Needs: perl, ipcs, root
import { assert, assertEquals, assertThrows } from "@std/assert";
import { ClosedError, createSysvMemory, openSysvMemory, PosixError } from "../../lib/memory/mod.ts";
import "../helpers/open_libc.ts";
import { denoCommand, run } from "./child.ts";

/** The last key that was taken, none of which anybody else has. */
let key = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 2;

/** Rows of /proc/sysvipc/shm by column name, of one id. */
function segment(id: number): Record<string, number> | undefined {
  const [head = "", ...rows] = Deno.readTextFileSync("/proc/sysvipc/shm").trim().split("\n");
  const names = head.trim().split(/\s+/);
  for (const row of rows) {
    const values = row.trim().split(/\s+/).map(Number);
    const facts = Object.fromEntries(names.map((name, index) => [name, values[index] ?? NaN]));
    if (facts["shmid"] === id) return facts;
  }
  return undefined;
}

Deno.test("SysvMemory that is removed lives until the last detach", () => {
  const memory = createSysvMemory(++key, { size: 100 });
  const same = openSysvMemory({ id: memory.id });
  memory.remove();
  memory.remove();
  assertEquals(assertThrows(() => openSysvMemory(key), PosixError).code, "ENOENT");
  assertEquals(segment(memory.id)?.["nattch"], 2);
  memory.close();
  same.bytes[1] = 1;
  assertEquals(segment(same.id)?.["nattch"], 1);
  same.close();
  assertEquals(segment(memory.id), undefined);
});

Deno.test("SysvMemory.close detaches and keeps the segment", () => {
  const memory = createSysvMemory(++key, { size: 10 });
  memory.bytes[9] = 9;
  memory.close();
  using again = openSysvMemory(key);
  assertEquals([again.bytes[9], again.key, again.id], [9, key, memory.id]);
  again.remove();
});

Deno.test("createSysvMemory gives mode and size as asked", () => {
  for (const [mode, expected] of [[undefined, 0o600], [0o666, 0o666]] as const) {
    using memory = createSysvMemory(++key, { size: 12_345, mode });
    memory.remove();
    const facts = segment(memory.id);
    assertEquals([facts?.["size"], Number.parseInt(`${facts?.["perms"]}`, 8) & 0o777], [12_345, expected]);
  }
});

Deno.test("createSysvMemory of a private segment is found by its id alone", () => {
  using memory = createSysvMemory("private", { size: 10 });
  using other = createSysvMemory("private", { size: 10 });
  using same = openSysvMemory({ id: memory.id }, { readOnly: true });
  for (const made of [memory, other]) made.remove();
  memory.bytes[0] = 1;
  assertEquals([memory.key, same.getUint8(0), other.bytes[0]], ["private", 1, 0]);
  assert(memory.id !== other.id);
});

Deno.test("SysvMemory refuses keys and ids that cannot be, before any system call", () => {
  for (const bad of [0, 1.5, NaN, 2 ** 32, -(2 ** 31) - 1]) {
    assertThrows(() => createSysvMemory(bad, { size: 1 }), TypeError, "key must be");
    assertThrows(() => openSysvMemory(bad), TypeError, "key must be");
  }
  for (const id of [-1, 1.5, 2 ** 31]) assertThrows(() => openSysvMemory({ id }), TypeError, "id must be");
});

Deno.test("SysvMemory takes keys with the highest bit, as C programs write them", () => {
  const high = 0x8000_0000 + ++key;
  using memory = createSysvMemory(high, { size: 1 });
  openSysvMemory(high | 0).close();
  memory.remove();
});

Deno.test("openSysvMemory names what failed: ENOENT for a key, EINVAL for an id that was never", () => {
  const error = assertThrows(() => openSysvMemory(0x0ca5e0a1), PosixError);
  assertEquals([error.code, error.syscall, error.target], ["ENOENT", "shmget", "Segment with key 0x0ca5e0a1"]);
  assertEquals(assertThrows(() => openSysvMemory({ id: 0x7fffffff }), PosixError).code, "EINVAL");
});

Deno.test("openSysvMemory refuses a segment that another user put under the key", async () => {
  const program = `print shmget(${++key}, 100, 01666)`;
  const { lines } = await run(["setpriv", "--reuid", "65534", "--clear-groups", "perl", "-e", program]);
  try {
    assertEquals(assertThrows(() => openSysvMemory(key), PosixError, "user 65534").code, "EACCES");
    openSysvMemory(key, { owner: 65534 }).close();
    openSysvMemory(key, { owner: "any", readOnly: true }).close();
  } finally {
    await run(["ipcrm", "-m", lines[0] ?? ""]);
  }
});

Deno.test("createSysvMemory: of many processes that create one key, one wins, fifty times", async () => {
  const keys = Array.from({ length: 50 }, () => `${++key}`);
  const CREATORS = 4;
  const go = "go\n".repeat(keys.length);
  const results = await Promise.all(
    Array.from({ length: CREATORS }, () => run(denoCommand("memory_create.ts", "sysv", "100", ...keys), go)),
  );
  for (const made of keys) openSysvMemory(Number(made)).remove();
  const outcomes = results.map(({ lines }) => lines.filter((line) => line !== "ready"));
  for (let round = 0; round < keys.length; round++) {
    const outcome = outcomes.map((of) => of[round]).sort();
    assertEquals(outcome, [...Array(CREATORS - 1).fill("EEXIST"), "created"], `round ${round}`);
  }
});

Deno.test("SysvMemory.status tells what the kernel knows, as ipcs does", async () => {
  const before = Math.floor(Date.now() / 1000) * 1000;
  using memory = createSysvMemory(++key, { size: 12_345, mode: 0o640 });
  using same = openSysvMemory(key);
  const status = memory.status();
  const { attachedAt, detachedAt, changedAt, ...facts } = status;
  const uid = Deno.uid();
  assertEquals(facts, {
    byteLength: 12_345,
    mode: 0o640,
    ownerUid: uid,
    creatorUid: uid,
    attached: 2,
    creatorPid: Deno.pid,
    lastPid: Deno.pid,
    removed: false,
  });
  assert(attachedAt !== undefined && attachedAt.getTime() >= before && changedAt !== undefined);
  assertEquals(detachedAt, undefined);
  const { lines } = await run(["ipcs", "-m", "-i", `${memory.id}`]);
  assert(lines.some((line) => line.includes("bytes=12345") && line.includes("nattch=2")), lines.join("\n"));
  same.close();
  memory.remove();
  const { attached, removed, detachedAt: then } = memory.status();
  assertEquals([attached, removed, then instanceof Date], [1, true, true]);
  memory.close();
  assertThrows(() => memory.status(), ClosedError);
});

Deno.test("createSysvMemory has all its pages when it returns", () => {
  using memory = createSysvMemory("private", { size: 50 * 4096 });
  memory.remove();
  const resident = Deno.readTextFileSync("/proc/sysvipc/shm").split("\n").find((line) =>
    line.includes(` ${memory.id} `)
  );
  assertEquals(resident?.trim().split(/\s+/).at(-2), `${50 * 4096}`);
});
