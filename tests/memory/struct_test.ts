// Needs: gcc, strace
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  array,
  atomic,
  bool,
  bytes,
  ClosedError,
  createAnonymousMemory,
  createMappedFile,
  f32,
  f64,
  type Fields,
  i16,
  i32,
  i64,
  i8,
  struct,
  u16,
  u32,
  u64,
  u8,
  utf8,
} from "../../lib/memory/mod.ts";
import { compileC } from "../sync/peer.ts";
import "../helpers/open_libc.ts";
import { addFromFour } from "./adders.ts";
import { run } from "./child.ts";

const Inner = struct({ tag: u8, value: i64 });
const Everything = struct({
  a: i8,
  b: u16,
  c: i8,
  d: i32,
  e: u8,
  f: u64,
  g: f32,
  h: f64,
  i: bool,
  name: utf8(7),
  blob: bytes(3),
  history: array(i16, 5),
  seen: atomic(u32),
  inner: Inner,
  many: array(Inner, 2),
  last: u8,
});

Deno.test("struct of zeroed memory is a valid start for every field", () => {
  using memory = createAnonymousMemory({ size: Everything.size });
  const view = Everything.at(memory);
  assertEquals([view.a, view.b, view.c, view.d, view.e, view.f], [0, 0, 0, 0, 0, 0n]);
  assertEquals([view.g, view.h, view.i, view.name, view.seen.load(), view.last], [0, 0, false, "", 0, 0]);
  assertEquals([view.blob, view.history], [new Uint8Array(3), new Int16Array(5)]);
  assertEquals([view.inner.tag, view.inner.value, view.many.get(1).value], [0, 0n, 0n]);
});

Deno.test("struct has the layout that a C compiler gives it, and shares every field with the C program", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const program = await compileC("struct_layout.c", directory);
    using memory = createMappedFile(`${directory}/memory`, { size: Everything.byteLength });
    const view = Everything.create(memory);
    view.a = -8;
    view.b = 65535;
    view.c = -128;
    view.d = -(2 ** 31);
    view.e = 255;
    view.f = 2n ** 64n - 1n;
    view.g = 1.5;
    view.h = -1e300;
    view.i = true;
    view.name = "größe";
    view.blob[2] = 7;
    view.history[4] = -5;
    view.seen.store(4_000_000_000);
    view.inner.value = -9n;
    view.many.get(1).value = 2n ** 63n - 1n;
    view.last = 99;
    const { lines, status } = await run([program, `${directory}/memory`, Everything.layout]);
    assertEquals(status.code, 0);
    const facts = new Map(lines.map((line) => [line.split(" ")[0] ?? "", line.slice(line.indexOf(" ") + 1)]));
    for (const [name, offset] of Object.entries(Everything.offsets)) assertEquals(facts.get(name), `${offset}`, name);
    assertEquals(facts.get("size"), `${Everything.size}`);
    assertEquals(facts.get("pid"), `${Deno.pid}`);
    const stat = Deno.readTextFileSync("/proc/self/stat");
    assertEquals(facts.get("started"), stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19]);
    assertEquals(
      facts.get("read"),
      "-8 65535 -128 -2147483648 255 18446744073709551615 1.5 -1e+300 1 größe 7 -5 4000000000 -9 9223372036854775807 99",
    );
    assertEquals([view.a, view.b, view.c, view.d, view.e, view.f], [-1, 2, -3, -4, 5, 2n ** 64n - 1n]);
    assertEquals([view.g, view.h, view.i, view.name, view.blob[2], view.history[4]], [
      0.5,
      -2.25,
      false,
      "sieben!",
      12,
      -13,
    ]);
    assertEquals([view.seen.load(), view.inner.value, view.many.get(1).value, view.last], [
      4_000_000_010,
      -(2n ** 63n),
      14n,
      15,
    ]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

// A field, values that it keeps, and values that it refuses.
const NUMBERS = [
  [i8, [-128, 127, 0, -0], [-129, 128, 1.5, NaN, Infinity]],
  [u8, [0, 255], [-1, 256, 0.5, NaN]],
  [i16, [-32768, 32767], [-32769, 32768, 0.1, NaN]],
  [u16, [0, 65535], [-1, 65536, NaN]],
  [i32, [-(2 ** 31), 2 ** 31 - 1], [-(2 ** 31) - 1, 2 ** 31, 0.5, NaN, Infinity]],
  [u32, [0, 2 ** 32 - 1], [-1, 2 ** 32, 0.5, NaN]],
  [f64, [0, -1e308, Infinity, 5e-324, NaN], []],
  [f32, [0, 1.5, -Infinity], []],
] as const;

for (const [field, kept, refused] of NUMBERS) {
  Deno.test(`struct field ${field.layout} keeps what fits and refuses what does not`, () => {
    const One = struct({ before: u8, value: field, after: u8 });
    using memory = createAnonymousMemory({ size: One.size });
    const view = One.at(memory);
    for (const value of kept) {
      view.value = value;
      assertEquals(view.value, value === 0 && field !== f64 && field !== f32 ? 0 : value);
    }
    const before = view.value;
    for (const value of refused) assertThrows(() => view.value = value, RangeError, field.layout);
    assertEquals([view.before, view.value, view.after], [0, before, 0]);
  });
}

for (const [field, least, most] of [[i64, -(2n ** 63n), 2n ** 63n - 1n], [u64, 0n, 2n ** 64n - 1n]] as const) {
  Deno.test(`struct field ${field.layout} keeps what fits and refuses what does not`, () => {
    const One = struct({ value: field });
    using memory = createAnonymousMemory({ size: One.size });
    const view = One.at(memory);
    for (const value of [least, most, 0n]) {
      view.value = value;
      assertEquals(view.value, value);
    }
    for (const value of [least - 1n, most + 1n]) assertThrows(() => view.value = value, RangeError, field.layout);
    // @ts-expect-error: a number is no bigint.
    assertThrows(() => view.value = 1, TypeError);
    assertEquals(view.value, 0n);
  });
}

Deno.test("struct field utf8 keeps text that fits, byte for byte, and clears what was there", () => {
  const One = struct({ before: u8, text: utf8(6), after: u8 });
  using memory = createAnonymousMemory({ size: One.size });
  const view = One.at(memory);
  for (const text of ["sechs!", "", "ü€", "a"]) {
    view.text = text;
    assertEquals(view.text, text);
  }
  assertEquals(memory.bytes, new Uint8Array([0, "a".charCodeAt(0), 0, 0, 0, 0, 0, 0]));
  assertThrows(() => view.text = "sieben!", RangeError, "at most 6 bytes");
  assertThrows(() => view.text = "€€€", RangeError, "got 9");
  assertThrows(() => view.text = "a\0b", TypeError);
  assertEquals(view.text, "a");
});

Deno.test("struct field utf8 and bool read whatever a peer wrote", () => {
  const One = struct({ text: utf8(4), flag: bool });
  using memory = createAnonymousMemory({ size: One.size });
  const view = One.at(memory);
  memory.bytes.set([0xff, 0xe2, 0x82, 0x41, 0x7f]);
  assertEquals([view.text, view.flag], ["\ufffd\ufffdA", true]);
});

Deno.test("struct field array gives typed arrays of numbers and indexed access to the rest", () => {
  const Many = struct({
    flags: array(bool, 3),
    labels: array(utf8(2), 2),
    grid: array(array(u8, 2), 2),
    big: array(i64, 2),
  });
  using memory = createAnonymousMemory({ size: Many.size });
  const view = Many.at(memory);
  view.flags.set(2, true);
  view.labels.set(1, "ab");
  view.grid.get(1)[0] = 9;
  view.big[1] = -1n;
  assertEquals([...view.flags], [false, false, true]);
  assertEquals([...view.labels], ["", "ab"]);
  assertEquals(Array.from(view.grid, (row) => [...row]), [[0, 0], [9, 0]]);
  assertEquals(view.big, new BigInt64Array([0n, -1n]));
  assertEquals([view.flags.length, view.grid.length], [3, 2]);
  for (const index of [3, -1, 0.5, NaN]) {
    assertThrows(() => view.flags.get(index), RangeError);
    assertThrows(() => view.flags.set(index, true), RangeError);
    assertThrows(() => view.grid.get(index), RangeError);
  }
  assertThrows(() => view.labels.set(0, "abc"), RangeError);
  assertStrictEquals(view.grid.get(1), view.grid.get(1));
});

Deno.test("struct field atomic changes 32 and 64 bits, and wraps around", () => {
  const All = struct({ a: atomic(i32), b: atomic(u32), c: atomic(i64), d: atomic(u64) });
  using memory = createAnonymousMemory({ size: All.size });
  const { a, b, c, d } = All.at(memory);
  assertEquals([a.add(5), a.sub(7), a.load()], [0, 5, -2]);
  assertEquals([b.sub(1), b.load(), b.add(2), b.load()], [0, 2 ** 32 - 1, 2 ** 32 - 1, 1]);
  b.store(0b1100);
  assertEquals([b.and(0b0110), b.or(0b0001), b.xor(0b1111), b.load()], [0b1100, 0b0100, 0b0101, 0b1010]);
  assertEquals([c.exchange(-5n), c.compareExchange(0n, 1n), c.compareExchange(-5n, 6n), c.load()], [0n, -5n, -5n, 6n]);
  assertEquals([d.sub(1n), d.load(), d.and(0xffn), d.or(0x100n), d.xor(1n), d.load()], [
    0n,
    2n ** 64n - 1n,
    2n ** 64n - 1n,
    0xffn,
    0x1ffn,
    0x1fen,
  ]);
  d.store(3n);
  assertEquals([d.add(1n), c.sub(1n), a.exchange(1), a.compareExchange(1, 2), a.load()], [3n, 6n, -2, 1, 2]);
});

Deno.test("struct view throws ClosedError after the memory is closed, whatever the field", () => {
  const memory = createAnonymousMemory({ size: Everything.byteLength });
  const view = Everything.create(memory);
  const Lists = struct({ flags: array(bool, 2), inner: array(Inner, 2) });
  const lists = Lists.at(memory);
  const { seen, inner, blob, history, many } = view;
  const { flags } = lists;
  const second = many.get(1);
  memory.close();
  for (const name of Object.keys(Everything.offsets)) {
    assertThrows(() => Reflect.get(view, name), ClosedError, "Anonymous memory causeway is closed");
  }
  const writes = [
    () => view.a = 1,
    () => view.f = 1n,
    () => view.h = 1,
    () => view.i = true,
    () => view.name = "x",
    () => seen.add(1),
    () => seen.load(),
    () => inner.value,
    () => inner.value = 1n,
    () => many.get(0),
    () => second.tag,
    () => flags.get(0),
    () => flags.set(0, true),
    () => lists.inner,
  ];
  for (const write of writes) assertThrows(write, ClosedError);
  assertEquals([blob.length, history.length, Deno.inspect(view)], [0, 0, "[closed]"]);
  for (const use of [Everything.at, Everything.open, Everything.create]) assertThrows(() => use(memory), ClosedError);
});

Deno.test("Struct.at refuses an offset that is not aligned or not inside", () => {
  using memory = createAnonymousMemory({ size: 100 });
  for (const offset of [-8, 1, 4, 12, 88, 96, 100, 2 ** 53, NaN, 0.5]) {
    assertThrows(() => Inner.at(memory, offset), RangeError);
  }
  Inner.at(memory, 80).value = 1n;
  assertEquals(new DataView(memory.bytes.buffer).getBigInt64(88, true), 1n);
});

Deno.test("struct shows its fields when it is logged", () => {
  using memory = createAnonymousMemory({ size: Inner.size });
  const view = Inner.at(memory);
  view.value = -1n;
  assertEquals(Deno.inspect(view), "{ tag: 0, value: -1n }");
});

Deno.test("struct has one class of views: no accessor is made for a view", () => {
  using memory = createAnonymousMemory({ size: Inner.size });
  const [one, other] = [Inner.at(memory), Inner.at(memory)];
  assertStrictEquals(Object.getPrototypeOf(one), Object.getPrototypeOf(other));
  assertEquals(Object.keys(one), []);
});

Deno.test("struct refuses names that C could not have, and no fields", () => {
  const shapes: Fields[] = [{}, { "": u8 }, { "a b": u8 }, { "1": u8 }, { constructor: u8 }, { ["__proto__"]: u8 }];
  for (const shape of shapes) assertThrows(() => struct(shape), TypeError);
});

Deno.test("struct refuses counts that cannot be", () => {
  for (const count of [0, -1, 1.5, NaN, Infinity]) {
    for (const make of [() => utf8(count), () => bytes(count), () => array(u8, count)]) assertThrows(make, RangeError);
  }
  const big = bytes(2 ** 40);
  assertThrows(() => array(array(big, 2 ** 20), 2 ** 20), RangeError, "at most 2^46 bytes");
  assertThrows(() => struct({ a: array(big, 64), b: u8 }), RangeError, "at most 2^46 bytes");
});

Deno.test("struct refuses memory that it did not make", () => {
  using memory = createAnonymousMemory({ size: 64 });
  const fake = {
    bytes: memory.bytes,
    byteLength: 64,
    closed: false,
    advise() {},
    lockPages: () => memory.lockPages(),
    close() {},
    [Symbol.dispose]() {},
  };
  assertThrows(() => Inner.at(fake), TypeError);
});

Deno.test("Struct.fingerprint and layout tell every difference, and only differences", () => {
  const make = () => struct({ a: u8, b: i64 });
  assertEquals(make().fingerprint, make().fingerprint);
  assertEquals(make().layout, "struct{a@0:u8,b@8:i64}#16");
  const others = [
    struct({ b: u8, a: i64 }),
    struct({ a: u8, b: u64 }),
    struct({ a: u8, c: i64 }),
    struct({ a: u8, b: i64, c: u8 }),
    struct({ a: i8, b: i64 }),
    struct({ a: u8, b: atomic(i64) }),
    struct({ a: u8, b: array(i64, 1) }),
    struct({ a: u8, b: struct({ c: i64 }) }),
    struct({ b: i64, a: u8 }),
  ];
  const seen = new Set(others.map((other) => other.fingerprint));
  assertEquals(seen.size, others.length);
  assert(!seen.has(make().fingerprint));
});

Deno.test("atomic counts exactly what four processes add at the same time, two of them in C", async () => {
  await addFromFour(500_000);
});
