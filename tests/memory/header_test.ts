import { assertEquals, assertThrows } from "@std/assert";
import "../helpers/open_libc.ts";
import {
  createAnonymousMemory,
  createMappedFile,
  i64,
  openMappedFile,
  ProtocolError,
  struct,
  u8,
} from "../../lib/memory/mod.ts";
import { attachMutated } from "./mutated_headers.ts";

const Shared = struct({ hits: i64, last: u8 });
const MAGIC = new TextEncoder().encode("CAUSEWAY");
const CREATING = new TextEncoder().encode("CREATING");

Deno.test("Struct.open finds what Struct.create wrote, behind a header of 64 bytes", () => {
  using memory = createAnonymousMemory({ size: Shared.byteLength });
  assertEquals(Shared.byteLength, 64 + Shared.size);
  Shared.create(memory).hits = 5n;
  assertEquals(Shared.open(memory).hits, 5n);
  assertEquals(memory.bytes.subarray(0, 8), MAGIC);
  assertEquals(memory.bytes[64], 5);
});

Deno.test("Struct.create zeros what was there, and no byte more", () => {
  using memory = createAnonymousMemory({ size: Shared.byteLength + 1 });
  memory.bytes.fill(0xff, 8);
  assertEquals(Shared.create(memory).hits, 0n);
  assertEquals(memory.bytes.subarray(64), new Uint8Array([...Array(Shared.size).fill(0), 0xff]));
});

Deno.test("Struct.create refuses memory that holds a struct, finished or not, and memory that is too small", () => {
  using memory = createAnonymousMemory({ size: Shared.byteLength });
  Shared.create(memory).hits = 7n;
  assertThrows(() => Shared.create(memory), ProtocolError, "a struct is there");
  assertThrows(() => struct({ other: u8 }).create(memory), ProtocolError);
  assertEquals(Shared.open(memory).hits, 7n);
  memory.bytes.set(CREATING);
  assertThrows(() => Shared.create(memory), ProtocolError, "has not finished, or died");
  memory.bytes.fill(0);
  assertEquals(Shared.create(memory).hits, 0n);
  using small = createAnonymousMemory({ size: Shared.byteLength - 1 });
  assertThrows(() => Shared.create(small), RangeError, `at least ${Shared.byteLength}`);
  assertEquals(small.bytes.every((byte) => byte === 0), true);
});

// What is changed of a good header, and what the error says.
const MUTATIONS: [what: string, change: (bytes: Uint8Array) => void, message: string][] = [
  ["no header", (bytes) => bytes.fill(0), "has not begun, or died"],
  ["an unfinished header", (bytes) => bytes.set(CREATING), "has not finished, or died"],
  ["a foreign magic", (bytes) => bytes.set([1, 2]), "it begins with 0x"],
  ["another layout version", (bytes) => bytes[8] = 2, "layout version is 2, expected 1"],
  ["another header size", (bytes) => bytes[12] = 128, "header size is 128, expected 64"],
  ["another fingerprint", (bytes) => bytes[16]! ^= 1, "type fingerprint is 0x"],
  ["another size", (bytes) => bytes[24] = 24, "size is 24, expected 16"],
];

for (const [what, change, message] of MUTATIONS) {
  Deno.test(`Struct.open refuses ${what}`, () => {
    using memory = createAnonymousMemory({ size: Shared.byteLength });
    Shared.create(memory);
    change(memory.bytes);
    assertThrows(() => Shared.open(memory), ProtocolError, message);
  });
}

Deno.test("Struct.open refuses another struct, and memory too small for a header or for what the header says", () => {
  using memory = createAnonymousMemory({ size: 200 });
  Shared.create(memory);
  assertThrows(() => struct({ hits: i64, first: u8 }).open(memory), ProtocolError, "fingerprint");
  const path = Deno.makeTempFileSync();
  for (const size of [1, 63, 64, Shared.byteLength - 1]) {
    Deno.writeFileSync(path, memory.bytes.slice(0, size));
    using file = openMappedFile(path);
    assertThrows(() => Shared.open(file), ProtocolError);
  }
  Deno.removeSync(path);
});

Deno.test("Struct.open survives thousands of headers that nobody should write", () => {
  // Always the same: a failure can be run again. tests/stress/memory_test.ts attaches a million others.
  assertEquals(attachMutated(20_000, 0x2545f491) > 0, true);
});

Deno.test("Struct in a mapped file outlives its creator", () => {
  const path = `${Deno.makeTempDirSync()}/shared`;
  {
    using file = createMappedFile(path, { size: Shared.byteLength });
    Shared.create(file).hits = 3n;
  }
  using file = openMappedFile(path);
  assertEquals(Shared.open(file).hits, 3n);
  Deno.removeSync(path.slice(0, path.lastIndexOf("/")), { recursive: true });
});
