import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  aligned,
  array,
  atomic,
  bool,
  bytes,
  ClosedError,
  createAnonymousMemory,
  createMappedFile,
  createSharedMemory,
  createSysvMemory,
  enumeration,
  f64,
  i16,
  i64,
  openAnonymousMemory,
  openMappedFile,
  openSharedMemory,
  openSysvMemory,
  padded,
  ProtocolError,
  type ReadOnlyMemory,
  struct,
  u32,
  u8,
  utf8,
} from "../../lib/memory/mod.ts";
import { mutex } from "../../lib/sync/mod.ts";
import "../helpers/open_libc.ts";
import { uniqueName } from "../sync/peer.ts";

const Inner = struct({ tag: u8, seen: atomic(i64) });
const Shared = struct({
  lock: mutex,
  locks: array(mutex, 2),
  hits: i64,
  price: f64,
  ok: bool,
  name: utf8(8),
  state: enumeration("idle", "busy"),
  blob: bytes(4),
  history: array(i16, 5),
  flags: array(bool, 3),
  labels: array(utf8(3), 2),
  rows: array(aligned(16, u8), 2),
  seen: padded(atomic(u32)),
  inner: Inner,
  inners: array(Inner, 2),
});

Deno.test("Struct.open of read-only memory reads every field as others write it", () => {
  using memory = createAnonymousMemory({ size: Shared.byteLength });
  const view = Shared.create(memory);
  using reader = openAnonymousMemory(memory.fd.duplicate(), { readOnly: true });
  const seen = Shared.open(reader);
  [view.hits, view.price, view.ok, view.name, view.state] = [-5n, 2.5, true, "größe", "busy"];
  view.blob.set([1, 2, 3, 4]);
  view.history.set([1, -2, 3, -4, 5]);
  view.flags.set(1, true);
  view.labels.set(1, "abc");
  view.rows.set(1, 9);
  view.seen.store(77);
  view.inner.tag = 3;
  view.inners.get(1).seen.store(-9n);
  assertEquals([seen.hits, seen.price, seen.ok, seen.name, seen.state], [-5n, 2.5, true, "größe", "busy"]);
  assertEquals([...seen.blob], [1, 2, 3, 4]);
  assertEquals([seen.history.length, seen.history.get(3), [...seen.history]], [5, -4, [1, -2, 3, -4, 5]]);
  assertEquals([[...seen.flags], [...seen.labels], [...seen.rows]], [[false, true, false], ["", "abc"], [0, 9]]);
  assertEquals([seen.seen.load(), seen.inner.tag, seen.inners.get(1).seen.load()], [77, 3, -9n]);
  assertEquals(Deno.inspect(seen).includes("lock"), false);
  const copy = seen.history.slice(1, 3);
  assertEquals(copy, new Int16Array([-2, 3]));
  copy[0] = 5;
  assertEquals(view.history[1], -2);
  const ranges = [[], [2], [-2], [0, -1], [4, 2], [1.9, NaN], [-99, 99], [5], [3, Infinity]] as const;
  for (const [start, end] of ranges) {
    assertEquals(seen.history.slice(start, end), view.history.slice(start, end), `slice(${start}, ${end})`);
  }
});

Deno.test("a struct view of read-only memory has no way to write", () => {
  using memory = createAnonymousMemory({ size: Shared.byteLength });
  Shared.create(memory);
  const before = memory.bytes.slice();
  using reader = openAnonymousMemory(memory.fd.duplicate(), { readOnly: true });
  const seen = Shared.open(reader);
  for (const name of Object.keys(Shared.offsets)) {
    assertThrows(() => Reflect.set(seen, name, 1) || fail(), TypeError);
  }
  for (const name of ["tag", "seen"]) assertEquals(Reflect.set(seen.inner, name, 1), false);
  for (const values of [seen.blob, seen.history, seen.flags, seen.labels, seen.rows, seen.inners]) {
    assertEquals([Reflect.get(values, "set"), Reflect.get(values, "fill"), Reflect.get(values, "buffer")], [
      undefined,
      undefined,
      undefined,
    ]);
  }
  assertEquals(Object.keys(seen.seen), ["load", "toJSON"]);
  const methods = ["store", "add", "exchange", "compareExchange"];
  for (const method of methods) assertEquals(Reflect.get(seen.inner.seen, method), undefined);
  for (const name of ["lock", "locks"] as const) {
    assertThrows(() => seen[name], TypeError, `Field ${name}`);
    assertThrows(() => seen[name], TypeError, "this is read-only");
  }
  // @ts-expect-error: it is no memory that can be written.
  assertThrows(() => Shared.create(reader), TypeError, "needs writable memory");
  assertEquals(memory.bytes, before);
});

function fail(): never {
  throw new TypeError("not assigned");
}

// Every kind of memory that can be opened for reading only.
const KINDS: [
  kind: string,
  open: () => { memory: Disposable & { bytes: Uint8Array<ArrayBuffer> }; reader: ReadOnlyMemory },
][] = [
  ["MappedFile", () => {
    const path = Deno.makeTempFileSync();
    Deno.removeSync(path);
    const memory = createMappedFile(path, { size: Inner.byteLength });
    const reader = openMappedFile(path, { readOnly: true });
    memory.unlink();
    return { memory, reader };
  }],
  ["SharedMemory", () => {
    const name = uniqueName();
    const memory = createSharedMemory(name, { size: Inner.byteLength });
    const reader = openSharedMemory(name, { readOnly: true });
    memory.unlink();
    return { memory, reader };
  }],
  ["SysvMemory", () => {
    const memory = createSysvMemory("private", { size: Inner.byteLength });
    const reader = openSysvMemory({ id: memory.id }, { readOnly: true });
    memory.remove();
    return { memory, reader };
  }],
];

for (const [kind, open] of KINDS) {
  Deno.test(`Struct.open and at of read-only ${kind} check the header, and are dead after close`, () => {
    const opened = open();
    using memory = opened.memory;
    const { reader } = opened;
    assertThrows(() => Inner.open(reader), ProtocolError, "its creator has not begun");
    memory.bytes[64] = 7;
    const seen = Inner.at(reader, 64);
    assertEquals([seen.tag, seen.seen.load()], [7, 0n]);
    for (const offset of [1, 72, -8]) assertThrows(() => Inner.at(reader, offset), RangeError);
    const word = seen.seen;
    reader.close();
    for (const use of [() => seen.tag, () => seen.seen, () => word.load(), () => Inner.at(reader)]) {
      assertThrows(use, ClosedError);
    }
    assertEquals(Deno.inspect(seen), "[closed]");
  });
}

Deno.test("arrays of a closed read-only memory throw ClosedError", () => {
  const memory = createAnonymousMemory({ size: Shared.byteLength });
  Shared.create(memory);
  const reader = openAnonymousMemory(memory.fd.duplicate(), { readOnly: true });
  const { blob, history, flags, inners } = Shared.open(reader);
  reader.close();
  memory.close();
  const uses = [() => blob.get(0), () => blob.slice(), () => history.get(9), () => [...flags], () => inners.get(0)];
  for (const use of uses) assertThrows(use, ClosedError);
  assert(reader.closed);
});
