import { assertEquals } from "@std/assert";
import { table } from "../../lib/cli/table.ts";

Deno.test("table pads every column but the last, and aligns numbers to the right", () => {
  const rows = [["a", "1", "first"], ["bbb", "22", ""]];
  assertEquals(table(rows), "a    1   first\nbbb  22\n");
  assertEquals(table(rows, { right: [1], indent: "  " }), "  a     1  first\n  bbb  22\n");
  assertEquals(table([]), "");
});

Deno.test("table marks a cell up after padding it, so that marks have no width", () => {
  const style = (text: string) => `<${text}>`;
  assertEquals(table([[{ text: "a", style }, "x"], ["bbb", "y"]]), "<a  >  x\nbbb  y\n");
});
