// Needs: root
import { assertEquals } from "@std/assert";
import { outputOf, TempFolder } from "../sys/run_fixture.ts";

/** As root without the powers over files of others: root is then refused what everybody else is. */
const POWERLESS = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"];

Deno.test("command() tells a directory that must not be entered from a program that must not be run", async () => {
  using folder = new TempFolder();
  const directory = folder.at("closed");
  Deno.mkdirSync(directory, { mode: 0 });
  const expected = ["EACCES", "chdir", directory];
  for (const flags of [["--allow-run", "--allow-ffi", "--allow-read"], ["--allow-all"]]) {
    const told = await outputOf("forbidden_directory.ts", { flags, args: [directory], through: POWERLESS });
    assertEquals(JSON.parse(told), [expected, expected]);
  }
});
