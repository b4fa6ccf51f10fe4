/** Processes in TypeScript and C that add to the same atomic fields. */
import { assertEquals } from "@std/assert";
import { atomic, createSharedMemory, struct, u32, u64 } from "../../lib/memory/mod.ts";
import { Peer, uniqueName } from "../sync/peer.ts";
import { fixture, run } from "./child.ts";

/** Lets two processes in TypeScript and two in C add, each so many times; nothing may be lost. */
export async function addFromFour(rounds: number): Promise<void> {
  const Counters = struct({ narrow: atomic(u32), wide: atomic(u64) });
  const directory = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(`${directory}/counters.h`, Counters.cHeader("counters"));
    const program = `${directory}/adder`;
    const compiled = await run(["gcc", "-O2", "-I", directory, "-o", program, fixture("struct_adder.c"), "-lrt"]);
    assertEquals(compiled.status.code, 0);
    using memory = createSharedMemory(uniqueName(), { size: Counters.byteLength });
    const { narrow, wide } = Counters.create(memory);
    await using peers = new AsyncDisposableStack();
    const args = [memory.name, `${rounds}`];
    const adders = [1, 2].flatMap(() => [
      peers.use(Peer.deno("struct_adder.ts", { args })),
      peers.use(Peer.program(program, ...args)),
    ]);
    for (const adder of adders) assertEquals(await adder.says(), "ready");
    memory.unlink();
    for (const adder of adders) await adder.tell("go");
    for (const adder of adders) assertEquals(await adder.says(), "done");
    assertEquals([narrow.load(), wide.load()], [4 * rounds, BigInt(4 * rounds)]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
