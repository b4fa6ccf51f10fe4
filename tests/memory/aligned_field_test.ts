import { assertEquals, assertThrows } from "@std/assert";
import {
  aligned,
  array,
  atomic,
  createAnonymousMemory,
  createMappedFile,
  f32,
  openMappedFile,
  padded,
  struct,
  u16,
  u32,
  u64,
  u8,
} from "../../lib/memory/mod.ts";
import { mutex } from "../../lib/sync/mod.ts";
import "../helpers/open_libc.ts";

Deno.test("padded gives a field cache lines of its own", () => {
  const Ring = struct({
    kind: u8,
    head: padded(atomic(u32)),
    lock: padded(mutex),
    wide: padded(array(u64, 9)),
    end: u8,
  });
  assertEquals(Ring.offsets, { kind: 0, head: 64, lock: 128, wide: 192, end: 320 });
  assertEquals([Ring.size, Ring.alignment], [384, 64]);
  using memory = createAnonymousMemory({ size: Ring.byteLength });
  const ring = Ring.create(memory);
  ring.head.add(5);
  ring.wide[8] = 1n;
  ring.lock.lockSync().unlock();
  assertEquals([memory.bytes[64 + 64], memory.bytes[64 + 192 + 64]], [5, 1]);
});

Deno.test("aligned moves a field, and each element of an array, and keeps its size", () => {
  const Vertex = struct({ flags: u8, position: aligned(16, array(f32, 3)), next: u8, less: aligned(1, u32) });
  assertEquals(Vertex.offsets, { flags: 0, position: 16, next: 28, less: 32 });
  assertEquals([Vertex.size, Vertex.alignment], [48, 16]);
  const Many = struct({ values: array(aligned(8, u16), 3), rows: array(aligned(32, array(u8, 33)), 2) });
  assertEquals([Many.offsets, Many.size], [{ values: 0, rows: 32 }, 160]);
  using memory = createAnonymousMemory({ size: Many.size });
  const many = Many.at(memory);
  many.values.set(2, 0x1234);
  many.rows.get(1)[32] = 7;
  assertEquals([many.values.get(2), memory.bytes[16], memory.bytes[32 + 64 + 32]], [0x1234, 0x34, 7]);
});

Deno.test("aligned refuses alignments that cannot be", () => {
  for (const alignment of [0, 3, 128, -8, 1.5, NaN, Infinity]) assertThrows(() => aligned(alignment, u8), RangeError);
});

Deno.test("Struct.at, open and create refuse a part of a file where the struct would not be aligned", () => {
  const path = `${Deno.makeTempDirSync()}/file`;
  const Plain = struct({ value: u64 });
  using file = createMappedFile(path, { size: 1000 });
  file.bytes.set([1, 2, 3, 4], 100);
  using part = openMappedFile(path, { offset: 100, length: 200 });
  for (const use of [Plain.at, Plain.open, Plain.create]) assertThrows(() => use(part), RangeError, "multiple of 8");
  // 104 is a multiple of 8 in the file.
  assertEquals(Plain.at(part, 4).value, 0n);
  assertEquals(struct({ first: u32 }).at(part).first, 0x04030201);
  Deno.removeSync(path.slice(0, -5), { recursive: true });
});

Deno.test("Struct.layout tells alignment and padding", () => {
  assertEquals(struct({ a: padded(u8), b: aligned(4, u8) }).layout, "struct{a@0:padded(u8),b@64:aligned(4,u8)}#128");
});
