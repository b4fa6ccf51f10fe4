/** What holds for every kind of memory: one table, each promise a test for all of them. */
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import {
  ClosedError,
  createAnonymousMemory,
  createMappedFile,
  createSharedMemory,
  createSysvMemory,
  type Memory,
  moveDescriptor,
  openAnonymousMemory,
  openMappedFile,
  openSharedMemory,
  openSysvMemory,
  PosixError,
  type ReadOnlyMemory,
} from "../../lib/memory/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";

interface Kind<Of extends Memory> {
  kind: string;
  create(name: string, size: number): Of;
  open(memory: Of, name: string): Memory;
  openReadOnly(memory: Of, name: string): ReadOnlyMemory;
  /** Removes the name, or what stands for one. */
  remove?: (memory: Of) => void;
  /** Calls that a closed memory must refuse. */
  calls(memory: Of): (() => unknown)[];
}

const directory = Deno.makeTempDirSync();
globalThis.addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));
/** The last key of System V that was taken, none of which anybody else has. */
let key = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 2;

testKind({
  kind: "MappedFile",
  create: (name, size) => createMappedFile(`${directory}${name}`, { size }),
  open: (_, name) => openMappedFile(`${directory}${name}`),
  openReadOnly: (_, name) => openMappedFile(`${directory}${name}`, { readOnly: true }),
  remove: (memory) => memory.unlink(),
  calls: (memory) => [() => memory.unlink(), () => memory.flush(), () => memory.fd.raw],
});

testKind({
  kind: "SharedMemory",
  create: (name, size) => createSharedMemory(name, { size }),
  open: (_, name) => openSharedMemory(name),
  openReadOnly: (_, name) => openSharedMemory(name, { readOnly: true }),
  remove: (memory) => memory.unlink(),
  calls: (memory) => [() => memory.unlink(), () => memory.fd.raw],
});

testKind({
  kind: "AnonymousMemory",
  create: (_, size) => createAnonymousMemory({ size }),
  open: (memory) => openAnonymousMemory(memory.fd.duplicate()),
  openReadOnly: (memory) => openAnonymousMemory(memory.fd.duplicate(), { readOnly: true }),
  calls: (memory) => [() => memory.duplicate(), () => memory[moveDescriptor](), () => memory.fd.raw],
});

testKind({
  kind: "SysvMemory",
  create: (_, size) => createSysvMemory(key, { size }),
  open: () => openSysvMemory(key),
  openReadOnly: () => openSysvMemory(key, { readOnly: true }),
  remove: (memory) => memory.remove(),
  calls: (memory) => [() => memory.remove()],
});

function testKind<Of extends Memory>({ kind, create, open, openReadOnly, remove, calls }: Kind<Of>): void {
  // Of System V, which has numbers for names, every test has one of its own.
  const unique = () => {
    key++;
    return `/causeway-test-${crypto.randomUUID()}`;
  };

  for (const size of [1, 100, 4096, 4097, 1_000_003]) {
    Deno.test(`${kind} of ${size} bytes has that size, and only zeros`, () => {
      const name = unique();
      using memory = create(name, size);
      using again = open(memory, name);
      remove?.(memory);
      assertEquals([memory.byteLength, memory.bytes.byteLength, again.byteLength], [size, size, size]);
      assert(memory.bytes.every((byte) => byte === 0));
      memory.bytes[size - 1] = 7;
      assertEquals(again.bytes[size - 1], 7);
    });
  }

  Deno.test(`${kind} lives on in its mappings after its name is gone`, () => {
    const name = unique();
    using memory = create(name, 100);
    using again = open(memory, name);
    remove?.(memory);
    memory.bytes[5] = 5;
    memory.close();
    assertEquals(again.bytes[5], 5);
    again.bytes[6] = 6;
  });

  Deno.test(`${kind} after close is empty, and closing twice is fine`, () => {
    const name = unique();
    const memory = create(name, 100);
    remove?.(memory);
    const { bytes } = memory;
    const view = new DataView(bytes.buffer);
    const kept = bytes.subarray(10);
    for (let twice = 0; twice < 2; twice++) memory.close();
    memory[Symbol.dispose]();
    assertStrictEquals(memory.bytes, bytes);
    assertEquals([memory.closed, memory.byteLength, bytes.byteLength, kept.byteLength], [true, 0, 0, 0]);
    assertEquals(kept[0], undefined);
    assertThrows(() => view.getUint8(0), TypeError);
    for (const call of calls(memory)) assertThrows(call, ClosedError, "is closed");
  });

  Deno.test(`${kind} for reading only copies, checks bounds, and sees what others write`, () => {
    const name = unique();
    using memory = create(name, 16);
    using reader = openReadOnly(memory, name);
    remove?.(memory);
    const data = new DataView(memory.bytes.buffer);
    data.setFloat64(0, -2.5, true);
    data.setBigUint64(8, 0x8070605040302010n, true);
    assertEquals(reader.byteLength, 16);
    assertEquals("bytes" in reader, false);
    assertEquals(reader.getFloat64(0), -2.5);
    assertEquals([reader.getBigUint64(8), reader.getBigInt64(8)], [0x8070605040302010n, -0x7f8f9fafbfcfdff0n]);
    assertEquals([reader.getUint8(15), reader.getInt8(15)], [0x80, -0x80]);
    assertEquals([reader.getUint16(14), reader.getInt16(14)], [0x8070, 0x8070 - 0x10000]);
    assertEquals([reader.getUint32(12), reader.getInt32(12)], [0x80706050, 0x80706050 | 0]);
    assertEquals(reader.getFloat32(12), data.getFloat32(12, true));
    const copy = reader.read(8, 2);
    assertEquals(copy, new Uint8Array([0x10, 0x20]));
    copy[0] = 0;
    memory.bytes[9] = 1;
    assertEquals(reader.read(8, 2), new Uint8Array([0x10, 1]));
    assertEquals([reader.read().byteLength, reader.read(16).byteLength, reader.read(3).byteLength], [16, 0, 13]);
    for (const offset of [16, 15, -1, 1.5, NaN, Infinity, 2 ** 53]) {
      assertThrows(() => reader.getUint16(offset), RangeError);
      assertThrows(() => reader.read(offset, 2), RangeError);
    }
    assertThrows(() => reader.read(0, -1), RangeError);
    assertThrows(() => reader.read(17), RangeError);
    reader.close();
    reader.close();
    assertEquals([reader.closed, reader.byteLength], [true, 0]);
    for (const use of [() => reader.read(), () => reader.getUint8(0)]) assertThrows(use, ClosedError);
  });

  Deno.test(`${kind} refuses a size that cannot be, before any system call`, () => {
    for (const size of [0, -1, 1.5, NaN, Infinity, 2 ** 47]) {
      assertThrows(() => create(unique(), size), RangeError, "size must be");
    }
  });

  Deno.test(`${kind} of more than there is fails at creation, and leaves nothing`, async () => {
    const name = unique();
    // More than any disk or memory here has, less than an address space.
    await noLeaks(() => {
      const error = assertThrows(() => create(name, 2 ** 45), PosixError);
      assert(["ENOSPC", "ENOMEM", "EFBIG", "EINVAL"].includes(error.code), error.message);
    });
    using _memory = create(name, 1);
    remove?.(_memory);
  });

  Deno.test(`${kind} leaves no descriptor, mapping or name`, async () => {
    await noLeaks(() => {
      const name = unique();
      using memory = create(name, 5000);
      using _again = open(memory, name);
      using _reader = openReadOnly(memory, name);
      remove?.(memory);
    });
  });

  if (remove !== undefined) {
    Deno.test(`${kind} of a name that exists is EEXIST, and a new one under the name is another object`, () => {
      const name = unique();
      using memory = create(name, 10);
      assertEquals(assertThrows(() => create(name, 10), PosixError).code, "EEXIST");
      memory.bytes[0] = 1;
      remove(memory);
      assertThrows(() => open(memory, name), PosixError, "ENOENT");
      using other = create(name, 20);
      using _name = { [Symbol.dispose]: () => remove(other) };
      assertEquals([other.byteLength, other.bytes[0], memory.bytes[0]], [20, 0, 1]);
      // The id of a segment stays its own until the last detach, so there is nothing to mix up.
      if (kind !== "SysvMemory") assertThrows(() => remove(memory), PosixError, "ENOENT");
    });
  }
}
