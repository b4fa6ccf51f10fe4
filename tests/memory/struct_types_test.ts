/** What the types promise: nothing here runs but what must be made; the compiler is the test. */
import "../helpers/open_libc.ts";
import {
  aligned,
  array,
  type Atomic,
  atomic,
  bool,
  bytes,
  createAnonymousMemory,
  createMappedFile,
  enumeration,
  f64,
  i32,
  i64,
  type Infer,
  type InferReadOnly,
  type Memory,
  type ObjectArray,
  openMappedFile,
  padded,
  type ReadOnlyAtomic,
  type ReadOnlyMemory,
  type ReadOnlyNumbers,
  type ReadOnlyValues,
  struct,
  u16,
  u32,
  u64,
  u8,
  utf8,
  type ValueArray,
} from "../../lib/memory/mod.ts";
import { type Mutex, mutex } from "../../lib/sync/mod.ts";

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
function same<A, B>(_: Same<A, B>): void {}

const Inner = struct({ x: u8 });
const Shared = struct({
  lock: mutex,
  hits: i64,
  price: f64,
  ok: bool,
  name: utf8(32),
  blob: bytes(16),
  history: array(i32, 16),
  wide: array(u64, 2),
  flags: array(bool, 2),
  inners: array(Inner, 2),
  seen: atomic(u32),
  total: atomic(i64),
  nested: Inner,
});
type View = Infer<typeof Shared>;

Deno.test("struct infers its view: value fields writable, objects not", () => {
  same<View["lock"], Mutex>(true);
  same<View["hits"], bigint>(true);
  same<View["price"], number>(true);
  same<View["ok"], boolean>(true);
  same<View["name"], string>(true);
  same<View["blob"], Uint8Array<ArrayBuffer>>(true);
  same<View["history"], Int32Array<ArrayBuffer>>(true);
  same<View["wide"], BigUint64Array<ArrayBuffer>>(true);
  same<View["flags"], ValueArray<boolean>>(true);
  same<View["seen"], Atomic<number>>(true);
  same<View["total"], Atomic<bigint>>(true);
  same<View["nested"], Infer<typeof Inner>>(true);
  same<View["inners"], ObjectArray<Infer<typeof Inner>>>(true);
  same<Pick<View, "hits">, { hits: bigint }>(true);
  same<Pick<View, "seen">, { readonly seen: Atomic<number> }>(true);

  using memory = createAnonymousMemory({ size: Shared.byteLength });
  const view: View = Shared.create(memory);
  view.hits += 1n;
  view.inners.get(0).x = 1;
  const wrong = () => {
    // @ts-expect-error: a bigint field takes no number.
    view.hits = 1;
    // @ts-expect-error: an object field is not assigned.
    view.seen = Shared.open(memory).seen;
    // @ts-expect-error: there is no such field.
    view.misses;
    // @ts-expect-error: text is no number.
    view.price = "1";
    // @ts-expect-error: an element of a typed array is a number, if it is there.
    const _first: number = view.history[0];
    // @ts-expect-error: a 64-bit atomic takes bigints.
    view.total.add(1);
  };
  if (view.hits < 0n) wrong();
});

Deno.test("struct infers its read-only view: nothing can be written, locks are never", () => {
  type Seen = InferReadOnly<typeof Shared>;
  same<Seen["lock"], never>(true);
  same<Pick<Seen, "hits">, { readonly hits: bigint }>(true);
  same<Pick<Seen, "name">, { readonly name: string }>(true);
  same<Seen["blob"], ReadOnlyNumbers<number, Uint8Array<ArrayBuffer>>>(true);
  same<Seen["history"], ReadOnlyNumbers<number, Int32Array<ArrayBuffer>>>(true);
  same<Seen["wide"], ReadOnlyNumbers<bigint, BigUint64Array<ArrayBuffer>>>(true);
  same<Seen["flags"], ReadOnlyValues<boolean>>(true);
  same<Seen["inners"], ObjectArray<InferReadOnly<typeof Inner>>>(true);
  same<Pick<InferReadOnly<typeof Inner>, "x">, { readonly x: number }>(true);
  same<Seen["seen"], ReadOnlyAtomic<number>>(true);
  same<Seen["total"], ReadOnlyAtomic<bigint>>(true);
  same<Seen["nested"], InferReadOnly<typeof Inner>>(true);
  const wrong = (seen: Seen) => {
    // @ts-expect-error: read-only.
    seen.hits = 1n;
    // @ts-expect-error: read-only.
    seen.nested.x = 1;
    // @ts-expect-error: it only loads.
    seen.seen.add(1);
    // @ts-expect-error: no element can be assigned.
    seen.history[0] = 1;
    // @ts-expect-error: no element can be assigned.
    seen.flags.set(0, true);
  };
  void wrong;
});

Deno.test("enumeration infers the union of its names; aligned and padded keep a field's type", () => {
  const Job = struct({
    state: enumeration("idle", "busy"),
    wide: enumeration(u32, "on", "off"),
    states: array(enumeration("a", "b"), 2),
    head: padded(atomic(u32)),
    price: aligned(16, f64),
    row: aligned(32, array(i32, 4)),
    lock: padded(mutex),
  });
  type Job = Infer<typeof Job>;
  same<Pick<Job, "state">, { state: "idle" | "busy" }>(true);
  same<Job["wide"], "on" | "off">(true);
  same<Job["states"], ValueArray<"a" | "b">>(true);
  same<Pick<Job, "head">, { readonly head: Atomic<number> }>(true);
  same<Pick<Job, "price">, { price: number }>(true);
  same<Job["row"], Int32Array<ArrayBuffer>>(true);
  same<Job["lock"], Mutex>(true);
  same<InferReadOnly<typeof Job>["lock"], never>(true);
  same<InferReadOnly<typeof Job>["head"], ReadOnlyAtomic<number>>(true);
  const wrong = (job: Job) => {
    // @ts-expect-error: no such name.
    job.state = "lost";
    // @ts-expect-error: no such name.
    job.states.set(0, "c");
  };
  void wrong;
});

Deno.test("atomic takes the integers that the CPU can change indivisibly, and no others", () => {
  const wrong = () => {
    // @ts-expect-error: 16 bits.
    atomic(u16);
    // @ts-expect-error: a float.
    atomic(f64);
    // @ts-expect-error: text.
    atomic(utf8(8));
  };
  if (Shared.size < 0) wrong();
});

Deno.test("read-only memory is no Memory: it has no bytes, and no struct can be created in it", () => {
  const path = Deno.makeTempFileSync();
  Deno.removeSync(path);
  using file = createMappedFile(path, { size: 100 });
  using reader = openMappedFile(path, { readOnly: true });
  file.unlink();
  same<typeof reader, ReadOnlyMemory>(true);
  const memory: Memory = file;
  const wrong = () => {
    // @ts-expect-error: it has no bytes.
    reader.bytes;
    // @ts-expect-error: it is no Memory.
    Inner.create(reader);
    // @ts-expect-error: its struct cannot be assigned.
    Inner.at(reader).x = 1;
    // @ts-expect-error: it is no Memory.
    const _memory: Memory = reader;
  };
  if (memory.byteLength < 0) wrong();
});
