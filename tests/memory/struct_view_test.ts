/** What a view is beside its fields: as JSON, in a log, and by a name that is no field. */
import "../helpers/open_libc.ts";
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  aligned,
  array,
  atomic,
  barrier,
  bool,
  bytes,
  ClosedError,
  condition,
  createAnonymousMemory,
  createFifo,
  enumeration,
  event,
  f64,
  type Fields,
  fromDescriptor,
  i16,
  i32,
  i64,
  type Infer,
  mutex,
  once,
  openAnonymousMemory,
  padded,
  realtime,
  rwLock,
  semaphore,
  struct,
  u32,
  u64,
  u8,
  utf8,
} from "../../mod.ts";
import { jsonCodec } from "../../lib/channel/codec_json.ts";

const Inner = struct({ tag: u8, seen: atomic(i32) });
const Shared = struct({
  lock: mutex,
  changed: condition,
  count: i32,
  price: f64,
  ok: bool,
  name: utf8(16),
  state: enumeration("idle", "busy"),
  digest: bytes(3),
  history: array(i16, 2),
  flags: array(bool, 2),
  names: array(utf8(4), 2),
  inner: Inner,
  inners: array(Inner, 2),
  locks: array(mutex, 2),
  seen: atomic(u32),
  far: padded(atomic(u32)),
  even: aligned(8, u8),
});

const EXPECTED = {
  count: -5,
  price: 0.5,
  ok: true,
  name: "Ada",
  state: "busy",
  digest: [1, 2, 255],
  history: [-1, 7],
  flags: [false, true],
  names: ["", "b"],
  inner: { tag: 1, seen: -2 },
  inners: [{ tag: 0, seen: 0 }, { tag: 9, seen: 3 }],
  seen: 4_000_000_000,
  far: 6,
  even: 8,
};

function fill(view: Infer<typeof Shared>): void {
  view.count = -5;
  view.price = 0.5;
  view.ok = true;
  view.name = "Ada";
  view.state = "busy";
  view.digest.set([1, 2, 255]);
  view.history.set([-1, 7]);
  view.flags.set(1, true);
  view.names.set(1, "b");
  view.inner.tag = 1;
  view.inner.seen.store(-2);
  view.inners.get(1).tag = 9;
  view.inners.get(1).seen.store(3);
  view.seen.store(4_000_000_000);
  view.far.store(6);
  view.even = 8;
}

Deno.test("JSON.stringify of a view has every value and no lock, in read-only memory too", () => {
  using memory = createAnonymousMemory({ size: Shared.byteLength });
  const view = Shared.create(memory);
  fill(view);
  assertEquals(JSON.parse(JSON.stringify(view)), EXPECTED);
  assertEquals(view.toJSON(), EXPECTED);

  using reader = openAnonymousMemory(memory.fd.duplicate(), { readOnly: true });
  const seen = Shared.open(reader);
  assertEquals(JSON.parse(JSON.stringify(seen)), EXPECTED);
  assertEquals(seen.toJSON(), EXPECTED);
  assertEquals(
    JSON.stringify([view.seen, seen.seen, view.flags, seen.flags]),
    "[4000000000,4000000000,[false,true],[false,true]]",
  );
  // A copy: later stores do not change it.
  const copy = view.toJSON();
  view.count = 1;
  assertEquals(copy["count"], -5);
});

Deno.test("a channel of JSON carries a view as its values, and refuses a bigint", () => {
  using memory = createAnonymousMemory({ size: Shared.byteLength });
  const view = Shared.create(memory);
  fill(view);
  assertEquals(jsonCodec.decode(jsonCodec.encode({ view })), { view: EXPECTED });
  const Big = struct({ hits: i64 });
  assertThrows(() => jsonCodec.encode(Big.at(memory)), TypeError, "JSON cannot carry a bigint");
});

Deno.test("toJSON leaves out every kind of lock", () => {
  const Locks = struct({ a: mutex, b: condition, c: event, d: once, e: barrier(2), f: rwLock, g: semaphore(1), h: u8 });
  using memory = createAnonymousMemory({ size: Locks.byteLength });
  assertEquals(JSON.stringify(Locks.create(memory)), '{"h":0}');
});

Deno.test("toJSON keeps bigints: JSON.stringify throws unless a replacer says what they become", () => {
  const Big = struct({ hits: i64, wide: array(u64, 2), seen: atomic(u64) });
  using memory = createAnonymousMemory({ size: Big.byteLength });
  const view = Big.create(memory);
  view.hits = -1n;
  view.wide[1] = 2n ** 64n - 1n;
  assertEquals(view.toJSON(), { hits: -1n, wide: [0n, 2n ** 64n - 1n], seen: 0n });
  assertThrows(() => JSON.stringify(view), TypeError, "BigInt");
  const text = JSON.stringify(view, (_, value) => typeof value === "bigint" ? `${value}` : value);
  assertEquals(JSON.parse(text), { hits: "-1", wide: ["0", "18446744073709551615"], seen: "0" });
});

Deno.test("a field called toJSON is the field", () => {
  const Named = struct({ toJSON: u8, value: u8 });
  const Around = struct({ inner: Named });
  using memory = createAnonymousMemory({ size: Around.byteLength });
  const { inner } = Around.create(memory);
  inner.toJSON = 3;
  const type: number = inner.toJSON;
  assertEquals(type, 3);
  assertEquals(Around.open(memory).toJSON(), { inner: { toJSON: 3, value: 0 } });
});

Deno.test("toJSON after close throws ClosedError", () => {
  const memory = createAnonymousMemory({ size: Shared.byteLength });
  const view = Shared.create(memory);
  const { seen, flags, inners } = view;
  memory.close();
  for (const held of [view, seen, flags, inners]) assertThrows(() => JSON.stringify(held), ClosedError);
});

Deno.test("Deno.inspect of a view shows what atomics hold", () => {
  using memory = createAnonymousMemory({ size: Inner.byteLength });
  const view = Inner.create(memory);
  view.seen.store(7);
  assertEquals(Deno.inspect(view), "{ tag: 0, seen: Atomic(7) }");
  using reader = openAnonymousMemory(memory.fd.duplicate(), { readOnly: true });
  assertEquals(Deno.inspect(Inner.open(reader)), "{ tag: 0, seen: Atomic(7) }");
  const { seen } = view;
  memory.close();
  assertEquals(Deno.inspect(seen), "[closed]");
});

Deno.test("assigning a name that is no field throws, in views of every kind", () => {
  using memory = createAnonymousMemory({ size: Shared.byteLength });
  const view = Shared.create(memory);
  using reader = openAnonymousMemory(memory.fd.duplicate(), { readOnly: true });
  const seen = Shared.open(reader);
  // As JavaScript does it, in strict code.
  const assign = (target: unknown, name: string | number) => {
    (target as Record<string | number, unknown>)[name] = 3;
  };
  for (
    const [target, name] of [
      [view, "cuont"],
      [view.inner, "tga"],
      [view.inners.get(0), "tga"],
      [view.inners, 0],
      [view.flags, 0],
      [view.seen, "value"],
      [seen, "cuont"],
      [seen.inner, "tga"],
      [seen.flags, 0],
      [seen.history, 0],
      [seen.seen, "value"],
      [Shared.at(memory, 64), "cuont"],
    ] as const
  ) {
    assertThrows(() => assign(target, name), TypeError, "not extensible");
  }
  // Objects and read-only fields were never to be assigned.
  for (const [target, name] of [[view, "seen"], [view, "inner"], [seen, "count"]] as const) {
    assertThrows(() => assign(target, name), TypeError);
  }
  fill(view);
  assertEquals(seen.toJSON(), EXPECTED);
});

Deno.test("struct says which field is none, and what it got", () => {
  const wrong: [fields: unknown, message: string][] = [
    [{ a: 5 }, 'Field "a" must be a field, as u32, utf8(16), mutex or a struct is one; got 5'],
    [{ ok: u8, b: "u8" }, 'Field "b" must be a field, as u32, utf8(16), mutex or a struct is one; got "u8"'],
    [{ a: undefined }, "got undefined"],
    [{ a: null }, "got null"],
    [{ a: utf8 }, "got [Function: utf8]: is utf8(…) meant?"],
    [{ a: {} }, "got {}"],
    [{ a: { x: u8 } }, 'Field "a" must be a field'],
    [null, "struct takes an object with its fields by name, got null"],
    [undefined, "struct takes an object with its fields by name, got undefined"],
    [[], "struct takes an object with its fields by name, got []"],
    [[u8], "struct takes an object with its fields by name, got ["],
    ["x", 'struct takes an object with its fields by name, got "x"'],
    [5, "struct takes an object with its fields by name, got 5"],
    [{}, "struct must have at least one field"],
  ];
  for (const [fields, message] of wrong) assertThrows(() => struct(fields as Fields), TypeError, message);
  const none: unknown = 5;
  assertThrows(() => array(none as typeof u8, 2), TypeError, "What array(field, length) takes must be a field");
  assertThrows(() => padded(none as typeof u8), TypeError, "What padded(field) takes must be a field");
  assertThrows(() => aligned(8, none as typeof u8), TypeError, "What aligned(alignment, field) takes must be a field");
  assertThrows(() => atomic(none as typeof u32), TypeError, "What atomic(field) takes must be a field");
});

Deno.test("what is out of range is shown as it was given: a text in quotes", () => {
  using memory = createAnonymousMemory({ size: Shared.byteLength });
  const view = Shared.create(memory);
  const text: unknown = "5";
  const number = text as number;
  const attempts: [attempt: () => unknown, error: typeof TypeError | typeof RangeError][] = [
    [() => view.count = number, RangeError],
    [() => view.inner.tag = number, RangeError],
    [() => view.flags.get(number), RangeError],
    [() => Shared.at(memory, number), RangeError],
    [() => array(u8, number), RangeError],
    [() => utf8(number), RangeError],
    [() => aligned(number, u8), RangeError],
    [() => struct({ a: u8 }, { participants: number }), RangeError],
    // The other rooms show it in the same way.
    [() => semaphore(number), RangeError],
    [() => createFifo("/tmp/never-made", { mode: number }), RangeError],
    [() => fromDescriptor(number), RangeError],
    [() => realtime(number), RangeError],
    [() => view.lock.lockSync({ timeoutMs: number }), RangeError],
  ];
  for (const [attempt, error] of attempts) assertThrows(attempt, error, 'got "5"');
  assert(assertThrows(() => view.count = 2 ** 40, RangeError).message.endsWith("got 1099511627776"));
});
