import { assertEquals } from "@std/assert";
import { fitted, table } from "../../lib/cli/table.ts";

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

Deno.test("fitted takes the middle of long names where a line does not fit, and of nothing else", () => {
  const name = `/begins-${"x".repeat(60)}-ends`;
  const rows = [["kind", "NAME", "what is said of it"], ["kind", {
    text: name,
    style: (text: string) => `\x1b[1m${text}\x1b[0m`,
  }, ""]];
  assertEquals(fitted(rows, { name: 1, columns: Infinity }), table(rows));
  // Marks have no width.
  const width = table([["kind", name, "what is said of it"]]).length - 1;
  assertEquals(fitted(rows, { name: 1, columns: width }), table(rows));
  const [head = "", line = ""] = fitted(rows, { name: 1, columns: 40 }).split("\n");
  assertEquals(head, `kind  ${"NAME".padEnd(28)}  what is said of it`);
  assertEquals(line, "kind  \x1b[1m/begins-xxxxx…xxxxxxxx-ends\x1b[0m".replace("xxxxx…xxxxxxxx", "xxxxx…xxxxxxxxx"));
});
