// Needs: gcc, python3
import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import {
  aligned,
  array,
  atomic,
  bool,
  bytes,
  type CDefinition,
  createMappedFile,
  enumeration,
  f32,
  f64,
  i16,
  i32,
  i64,
  i8,
  openMappedFile,
  padded,
  struct,
  u16,
  u32,
  u64,
  u8,
  utf8,
} from "../../lib/memory/mod.ts";
import { HEADER_IN_C } from "../../lib/memory/header_in_c.ts";
import * as sync from "../../lib/sync/mod.ts";
import "../helpers/open_libc.ts";
import { fixture, run } from "./child.ts";

const Inner = struct({ tag: u8, value: i64, points: array(f64, 2) });
const Shared = struct({
  a: i8,
  b: u8,
  c: i16,
  d: u16,
  e: i32,
  f: u32,
  g: i64,
  h: u64,
  i: f32,
  j: f64,
  k: bool,
  name: utf8(7),
  blob: bytes(3),
  state: enumeration("idle", "half-done", "done"),
  wide: enumeration(u32, "on", "off"),
  history: array(i16, 5),
  grid: array(array(u8, 3), 2),
  labels: array(utf8(4), 2),
  flags: array(bool, 3),
  seen: atomic(u32),
  total: atomic(i64),
  lock: sync.mutex,
  inner: Inner,
  many: array(Inner, 2),
  head: padded(atomic(u32)),
  tail: padded(atomic(u64)),
  lanes: array(padded(u64), 2),
  rows: array(aligned(32, array(f32, 4)), 2),
  int: i32,
  padded: struct({ value: aligned(16, atomic(i32)) }),
});

const Locks = struct({
  lock: sync.mutex,
  many: array(sync.mutex, 2),
  readers: sync.rwLock,
  slots: sync.semaphore(3),
  changed: sync.condition,
  all: sync.barrier(2),
  done: sync.event,
  next: sync.autoResetEvent,
  start: sync.once,
  own: padded(sync.mutex),
});

async function inFolder(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await work(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Compiles with every warning an error, `shared.h` on the include path. */
async function compile(directory: string, source: string, ...flags: string[]): Promise<string> {
  const program = `${directory}/program`;
  const { status } = await run(
    ["gcc", "-std=gnu11", "-O2", "-Wall", "-Wextra", "-Wno-unused-function", "-Werror", ...flags].concat(
      ["-I", directory, "-o", program, source, "-pthread"],
    ),
  );
  assertEquals(status.code, 0);
  return program;
}

Deno.test("Struct.cHeader prints what a C program needs to share every kind of field", async () => {
  await inFolder(async (directory) => {
    await Deno.writeTextFile(`${directory}/shared.h`, Shared.cHeader("shared"));
    const program = await compile(directory, fixture("struct_header.c"));
    using memory = createMappedFile(`${directory}/memory`, { size: Shared.byteLength });
    const view = Shared.create(memory);
    [view.a, view.b, view.c, view.d, view.e, view.f] = [-8, 200, -30000, 60000, -(2 ** 31), 2 ** 32 - 1];
    [view.g, view.h, view.i, view.j, view.k] = [-(2n ** 63n), 2n ** 64n - 1n, 1.5, -1e300, true];
    view.name = "größe";
    view.blob[2] = 7;
    view.state = "half-done";
    view.wide = "off";
    view.history[4] = -5;
    view.grid.get(1)[2] = 12;
    view.labels.set(1, "two");
    view.flags.set(2, true);
    view.inner.value = -9n;
    view.many.get(1).tag = 11;
    view.many.get(1).points[1] = 0.25;
    view.lanes.set(1, 22n);
    view.rows.get(1)[3] = 33.5;
    view.int = 5;
    const { status } = await run([program, `${directory}/memory`]);
    assertEquals(status.code, 0);
    assertEquals([view.seen.load(), view.total.load(), view.head.load(), view.tail.load()], [10, -10n, 1, 2n]);
    assertEquals([view.a, view.b, view.c, view.d, view.e, view.f, view.g, view.h], [-1, 2, -3, 4, -5, 6, -7n, 8n]);
    assertEquals([view.i, view.j, view.k, view.name, view.blob[0]], [0.5, -2.25, false, "sieben!", 9]);
    assertEquals([view.state, view.wide, view.history[0], view.grid.get(0)[1]], ["done", "on", -13, 14]);
    assertEquals([view.flags.get(1), view.labels.get(0), view.inner.tag], [true, "one", 15]);
    assertEquals([view.many.get(0).value, view.many.get(0).points[0]], [16n, 17.5]);
    assertEquals([view.lanes.get(0), view.rows.get(0)[0], view.int, view.padded.value.load()], [18n, 19.5, 20, 21]);
    using _guard = view.lock.lockSync();
  });
});

Deno.test("Struct.cHeader: what C creates, Struct.open finds, and two headers stand beside each other", async () => {
  await inFolder(async (directory) => {
    const Counter = struct({ lock: sync.mutex, hits: u32 });
    await Deno.writeTextFile(`${directory}/shared.h`, Shared.cHeader("shared"));
    await Deno.writeTextFile(`${directory}/counter.h`, Counter.cHeader("counter"));
    await Deno.writeTextFile(
      `${directory}/create.c`,
      `#include "shared.h"
      #include "counter.h"
      #include "counter.h"
      #include <fcntl.h>
      #include <sys/mman.h>
      int main(int argc, char **argv) {
        int fd = open(argv[argc - 1], O_RDWR | O_CREAT, 0600);
        if (ftruncate(fd, 64 + sizeof(struct counter)) != 0) return 1;
        void *memory = mmap(NULL, 64 + sizeof(struct counter), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        struct counter *counter = counter_create(memory, 64 + sizeof *counter);
        if (counter == NULL || counter_create(memory, 64 + sizeof *counter) != NULL) return 2;
        counter->hits = 3;
        return counter_open(memory, 64 + sizeof *counter) == counter ? 0 : 4;
      }`,
    );
    // pedantic: the header must not live on what only GNU C has.
    const program = await compile(directory, `${directory}/create.c`, "-Wpedantic", "-Wno-overlength-strings");
    const { status } = await run([program, `${directory}/memory`]);
    assertEquals(status.code, 0);
    using memory = openMappedFile(`${directory}/memory`);
    const counter = Counter.open(memory);
    counter.lock.lockSync().unlock();
    assertEquals(counter.hits, 3);
  });
});

Deno.test("Struct.cHeader gives a struct that is used twice one name, and refuses names that C could not have", () => {
  const header = Shared.cHeader("shared");
  assertStringIncludes(header, "  struct shared_inner inner;\n  struct shared_inner many[2];\n");
  assertEquals(header.match(/^struct shared_inner \{$/gm)?.length, 1);
  const Twice = struct({ a_b: struct({ x: u8 }), a: struct({ b: struct({ y: u8 }) }) });
  const names = Array.from(Twice.cHeader("s").matchAll(/^struct (\w+) \{$/gm), ([, name]) => name);
  assertEquals(names, ["causeway_header", "s_a_b", "s_a_b_2", "s_a", "s"]);
  for (const name of ["", "a b", "1a", "int", 'x"', "a-b"]) assertThrows(() => Shared.cHeader(name), TypeError);
});

Deno.test("Struct.cHeader of a struct with every kind of lock compiles without a warning, alone and beside another", async () => {
  await inFolder(async (directory) => {
    await Deno.writeTextFile(`${directory}/locks.h`, Locks.cHeader("locks"));
    await Deno.writeTextFile(`${directory}/shared.h`, Shared.cHeader("shared"));
    const source = `${directory}/locks.c`;
    await Deno.writeTextFile(
      source,
      `#include "locks.h"\n#include "shared.h"\nint main(void) { return locks_open(0, 0) == 0 ? 0 : 1; }\n`,
    );
    const program = await compile(directory, source);
    assertEquals((await run([program])).status.code, 0);
  });
});

/** What the locks bring into a header. */
function definitionsOfLocks(): CDefinition[] {
  const members = "members" in Locks.c ? Locks.c.members : [];
  assert(members.length > 9);
  return members.flatMap(({ field: { c } }) => "type" in c ? [...c.definitions ?? []] : []);
}

Deno.test("docs/layouts.md shows the C code that Struct.cHeader prints, word for word", async () => {
  const page = await Deno.readTextFile(new URL("../../docs/layouts.md", import.meta.url));
  const shown = Array.from(page.matchAll(/^```c\n(.*?)^```$/gms), ([, code]) => code).join("\n");
  const lines = (code: string) => code.split("\n").filter((line) => line.trim() !== "").join("\n");
  for (const { name, code } of [HEADER_IN_C, ...definitionsOfLocks()]) {
    assert(lines(shown).includes(lines(code)), `docs/layouts.md shows something else for ${name}`);
  }
});

Deno.test("Struct.layout is enough for a Python program to join", async () => {
  const Job = struct({
    hits: i64,
    price: f64,
    state: enumeration("idle", "busy"),
    name: utf8(16),
    history: array(i32, 3),
  });
  await inFolder(async (directory) => {
    using memory = createMappedFile(`${directory}/memory`, { size: Job.byteLength });
    const job = Job.create(memory);
    job.hits = 41n;
    job.price = 1.25;
    job.name = "größe";
    job.history.set([1, 2, 3]);
    const { lines, status } = await run(["python3", fixture("struct_python.py"), `${directory}/memory`, Job.layout]);
    assertEquals([lines, status.code], [["41 1.25 0 größe [1, 2, 3]"], 0]);
    assertEquals([job.hits, job.price, job.state, job.name, [...job.history]], [42n, 2.5, "busy", "größer", [3, 2, 1]]);
  });
});
