/** What the types promise: nothing here runs but what must be made; the compiler is the test. */
import "../helpers/open_libc.ts";
import {
  array,
  type Atomic,
  atomic,
  bool,
  bytes,
  createAnonymousMemory,
  createMappedFile,
  f64,
  i32,
  i64,
  type Infer,
  type Memory,
  type ObjectArray,
  openMappedFile,
  type ReadOnlyMemory,
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

Deno.test("read-only memory is no Memory: it has no bytes, and no struct can be put into it", () => {
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
    Inner.at(reader);
    // @ts-expect-error: it is no Memory.
    const _memory: Memory = reader;
  };
  if (memory.byteLength < 0) wrong();
});
