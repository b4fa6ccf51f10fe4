import { assert, assertEquals, assertThrows } from "@std/assert";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import { MAP } from "../../lib/sys/linux.ts";
import { addressOf, cString, executablePage, Mapping } from "../../lib/sys/memory.ts";
import { noLeaks } from "../helpers/leaks.ts";

const PAGE = { byteLength: 4096, protection: MAP.PROT_READ | MAP.PROT_WRITE, flags: MAP.SHARED, target: "Test memory" };

/** The line of /proc/self/maps that has an address. */
function mapOf(address: bigint): string | undefined {
  return Deno.readTextFileSync("/proc/self/maps").split("\n").find((line) => {
    const [start = 0n, end = 0n] = /^(\w+)-(\w+) /.exec(line)?.slice(1).map((hex) => BigInt(`0x${hex}`)) ?? [];
    return start <= address && address < end;
  });
}

Deno.test("Mapping.map() gives zeroed memory that Atomics reach", async () => {
  await noLeaks(() => {
    using mapping = Mapping.map(PAGE);
    assertEquals([mapping.byteLength, mapping.buffer.byteLength, mapping.closed], [4096, 4096, false]);
    assert(new Uint8Array(mapping.buffer).every((byte) => byte === 0));
    const words = new Int32Array(mapping.buffer);
    assertEquals([Atomics.add(words, 1, 7), Atomics.load(words, 1)], [0, 7]);
    assertEquals(BigInt(Deno.UnsafePointer.value(mapping.pointerAt(8))), mapping.address + 8n);
  });
});

Deno.test("Mapping.close() detaches every view before the pages go", async () => {
  await noLeaks(() => {
    const mapping = Mapping.map(PAGE);
    const { buffer, address } = mapping;
    const bytes = new Uint8Array(buffer);
    const fields = new DataView(buffer);
    bytes[0] = 1;
    assert(mapOf(address) !== undefined);
    mapping.close();
    mapping.close();
    assertEquals([mapping.closed, buffer.byteLength, bytes.byteLength, bytes[0]], [true, 0, 0, undefined]);
    bytes[0] = 2;
    assertThrows(() => fields.getUint8(0), TypeError);
    assertThrows(() => mapping.pointerAt(0), ClosedError, "Test memory is closed");
    assertThrows(() => mapping.pin("too late"), ClosedError);
    assertEquals(mapOf(address), undefined);
  });
});

Deno.test("Mapping.lend() gives another buffer over the memory, which ends alone or with the mapping", async () => {
  await noLeaks(() => {
    const mapping = Mapping.map(PAGE);
    const own = new Uint8Array(mapping.buffer);
    const [one, other] = [mapping.lend(), mapping.lend()];
    const [lent, kept] = [new Uint8Array(one.buffer), new Uint8Array(other.buffer)];
    lent[7] = 1;
    assertEquals([own[7], kept[7]], [1, 1]);
    one.end();
    one.end();
    lent[7] = 2;
    assertEquals([lent.byteLength, own[7], kept[7]], [0, 1, 1]);
    mapping.close();
    assertEquals([own.byteLength, kept.byteLength], [0, 0]);
    other.end();
    assertEquals(mapOf(mapping.address), undefined);
    assertThrows(() => mapping.lend(), ClosedError);
  });
});

Deno.test("Mapping.lend(): a buffer that was transferred away keeps its pages", () => {
  const mapping = Mapping.map(PAGE);
  const taken = mapping.lend().buffer.transfer();
  mapping.close();
  new Uint8Array(taken)[0] = 5;
  assertEquals([mapping.buffer.byteLength, new Uint8Array(taken)[0]], [0, 5]);
  assert(mapOf(mapping.address) !== undefined);
});

Deno.test("Mapping.pin() keeps it open until it lets go", () => {
  const mapping = Mapping.map(PAGE);
  const first = mapping.pin("a lock is held");
  const second = mapping.pin("somebody waits");
  assertThrows(() => mapping.close(), Error, "Cannot close Test memory: a lock is held");
  first();
  first();
  assertThrows(() => mapping.close(), Error, "Cannot close Test memory: somebody waits");
  assertEquals([mapping.closed, mapping.buffer.byteLength], [false, 4096]);
  second();
  mapping.close();
});

Deno.test("Mapping.beforeClose() asks for a farewell, the last first, and can be withdrawn", () => {
  const said: number[] = [];
  const mapping = Mapping.map(PAGE);
  mapping.beforeClose(() => said.push(1));
  const withdraw = mapping.beforeClose(() => said.push(2));
  mapping.beforeClose(() => said.push(3));
  withdraw();
  withdraw();
  mapping.close();
  assertEquals(said, [3, 1]);
});

Deno.test("Mapping.pointerAt() stays inside", () => {
  using mapping = Mapping.map(PAGE);
  for (const wrong of [-1, 4096, 1.5, NaN, 2 ** 60]) {
    assertThrows(() => mapping.pointerAt(wrong), RangeError, "Offset must be in 0..4095");
  }
});

Deno.test("Mapping.map() and attach() fail with what the kernel says", () => {
  const rows: [request: Partial<Parameters<typeof Mapping.map>[0]>, code: string][] = [
    [{ byteLength: 2 ** 47 }, "ENOMEM"],
    [{ byteLength: 0 }, "EINVAL"],
    [{ raw: 1_000_000_000 }, "EBADF"],
  ];
  for (const [request, code] of rows) {
    const error = assertThrows(() => Mapping.map({ ...PAGE, ...request }), PosixError);
    assertEquals([error.code, error.syscall, error.target], [code, "mmap", "Test memory"]);
  }
  const error = assertThrows(() => Mapping.attach(-1, 4096, 0, "Segment"), PosixError);
  assertEquals([error.code, error.syscall, error.target], ["EINVAL", "shmat", "Segment"]);
});

Deno.test("executablePage() is never writable and executable at once", () => {
  let whileWriting: string | undefined;
  const address = executablePage((code, at) => {
    code.fill(0xc3);
    whileWriting = mapOf(at);
  });
  assert(whileWriting?.includes(" rw-p "), whileWriting);
  assert(mapOf(address)?.includes(" r-xp "), mapOf(address));
});

Deno.test("cString() ends with one NUL, and has no other", () => {
  assertEquals(cString("aé", "Name"), new Uint8Array([0x61, 0xc3, 0xa9, 0]));
  assertEquals(cString("", "Name"), new Uint8Array(1));
  assertThrows(() => cString("a\0b", "Name"), TypeError, "Name must not contain a NUL character");
  assertThrows(() => cString(7 as unknown as string, "Name"), TypeError, "Name must be a string, got number");
});

Deno.test("addressOf() is where the bytes are", () => {
  const bytes = new Uint8Array([1, 2, 3, 4]);
  const pointer = Deno.UnsafePointer.create(addressOf(bytes.subarray(1)));
  assert(pointer !== null);
  assertEquals(new Deno.UnsafePointerView(pointer).getUint8(0), 2);
});
