import { assertEquals, assertThrows } from "@std/assert";
import { array, createAnonymousMemory, enumeration, ProtocolError, struct, u32, u8 } from "../../lib/memory/mod.ts";
import "../helpers/open_libc.ts";

Deno.test("enumeration keeps names, stores indexes, and starts with the first", () => {
  const Job = struct({
    state: enumeration("idle", "busy", "half-done"),
    wide: enumeration(u32, "a", "b"),
    all: array(enumeration(u8, "x", "y"), 3),
  });
  using memory = createAnonymousMemory({ size: Job.size });
  const job = Job.at(memory);
  assertEquals([job.state, job.wide, ...job.all], ["idle", "a", "x", "x", "x"]);
  job.state = "half-done";
  job.wide = "b";
  job.all.set(2, "y");
  assertEquals([job.state, job.wide, ...job.all], ["half-done", "b", "x", "x", "y"]);
  assertEquals(memory.bytes, new Uint8Array([2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0]));
  assertEquals(
    Job.layout,
    "struct{state@0:enumeration(u8,idle,busy,half-done),wide@4:enumeration(u32,a,b),all@8:array(enumeration(u8,x,y),3)}#12",
  );
});

Deno.test("enumeration refuses other names, and numbers that a peer wrote and that have none", () => {
  const Job = struct({ state: enumeration("idle", "busy"), wide: enumeration(u32, "a") });
  using memory = createAnonymousMemory({ size: Job.size });
  const job = Job.at(memory);
  for (const wrong of ["lost", "", "__proto__", "constructor", "0", 1, undefined]) {
    assertThrows(() => Reflect.set(job, "state", wrong), TypeError, "must be one of idle, busy");
  }
  assertEquals(memory.bytes[0], 0);
  memory.bytes.fill(0xff);
  assertThrows(() => job.state, ProtocolError, "no name for 255");
  assertThrows(() => job.wide, ProtocolError, "no name for 4294967295");
  assertEquals(Deno.inspect(job).includes("no name for 255"), true);
});

Deno.test("enumeration refuses names that cannot be", () => {
  const cases: string[][] = [[], [""], ["a b"], ["1"], ["a", "a"], ["a", "A"], ["a-b", "a_b"], ["a,b"], ["é"], [")"]];
  // @ts-expect-error: the types refuse no names, and names that are known to the program only.
  for (const names of cases) assertThrows(() => enumeration(...names), TypeError);
  const many = Array.from({ length: 257 }, (_, index) => `n${index}`);
  // @ts-expect-error: as above.
  assertThrows(() => enumeration(...many), TypeError, "got 257");
  // @ts-expect-error: as above.
  assertEquals(enumeration(...many.slice(1)).size, 1);
});
