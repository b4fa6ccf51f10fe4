/** Fields of a struct in shared memory: one stored, one loaded and two loaded, added and stored, through a struct's view or a bare DataView. */

import { bool, createAnonymousMemory, f64, i16, i32, struct, u16, u32, u8, utf8 } from "../../mod.ts";
import { serveRounds } from "./serve_rounds.ts";

// Of every kind, so that what the compiler knows of one kind alone is of no use.
const Shared = struct({ a: u8, count: i32, total: f64, flag: bool, b: u16, c: i16, d: u32, name: utf8(16) });
using memory = createAnonymousMemory({ size: Shared.byteLength });
const view = Shared.create(memory);
const data = new DataView(memory.bytes.buffer, 64, Shared.size);
const [countAt, totalAt] = [Shared.offsets["count"] ?? 0, Shared.offsets["total"] ?? 0];

for (let i = 0; i < 100_000; i++) {
  view.a = i & 0xff;
  view.b = view.a;
  view.c = view.b;
  view.d = view.c;
  view.flag = view.d > 7;
  view.name = "name";
}

await serveRounds(Deno.args[1] === "view" ? byView : byDataView);

function byView(operations: number): void {
  for (let i = 0; i < operations; i++) {
    view.count = i;
    view.total += view.count;
  }
}

function byDataView(operations: number): void {
  for (let i = 0; i < operations; i++) {
    data.setInt32(countAt, i, true);
    data.setFloat64(totalAt, data.getFloat64(totalAt, true) + data.getInt32(countAt, true), true);
  }
}
