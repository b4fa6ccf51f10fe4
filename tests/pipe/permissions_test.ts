// Needs: root
import { assertEquals, assertStringIncludes } from "@std/assert";
import { createFifo } from "../../lib/pipe/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { failureOf, outputOf, TempFolder } from "../sys/run_fixture.ts";

const SECOND = 1000;

/** The flags that the documentation names. */
const LIGHT = ["--allow-run=mkfifo", "--allow-read", "--allow-write"];

/** As root without the powers over files of others: root is then refused what everybody else is. */
const POWERLESS = Deno.uid() === 0 ? ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] : [];

Deno.test("FIFOs work without --allow-ffi", async () => {
  using folder = new TempFolder();
  const output = await watchdog(60 * SECOND, outputOf("fifo_light.ts", { flags: LIGHT, args: [folder.path] }));
  assertEquals(output, "refuses\ngives up\nreads and writes\nstreams\nEPIPE\n");
});

Deno.test("openFifo() asks Deno for what Deno's own open would need", async (t) => {
  using folder = new TempFolder();
  const path = folder.at("fifo");
  createFifo(path);
  const rows: [end: string, flags: string[], says: string][] = [
    ["read", ["--allow-ffi"], "--allow-read"],
    ["write", ["--allow-ffi"], "--allow-write"],
    ["read", ["--allow-ffi", `--allow-read=${folder.at("other")}`], "--allow-read"],
    ["read", ["--allow-write"], "--allow-read"],
    ["write", ["--allow-read"], "--allow-write"],
  ];
  for (const [end, flags, says] of rows) {
    await t.step(`${end} with ${flags.map((flag) => flag.split("=")[0]).join(" ")}`, async () => {
      const said = await outputOf("fifo_open.ts", { flags, args: [path, end] });
      assertStringIncludes(said, "NotCapable");
      assertStringIncludes(said, `the ${says} flag`);
    });
  }
});

Deno.test("openFifo() without the right to the file is EACCES", async (t) => {
  for (const flags of [["--allow-ffi", "--allow-read", "--allow-write"], LIGHT]) {
    for (const [end, mode] of [["read", 0o200], ["write", 0o400]] as const) {
      await t.step(`${end}, ${flags[0]}`, async () => {
        using folder = new TempFolder();
        createFifo(folder.at("fifo"), { mode });
        const run = { flags, args: [folder.at("fifo"), end], through: POWERLESS };
        assertStringIncludes(await outputOf("fifo_open.ts", run), "EACCES");
      });
    }
  }
});

Deno.test("pipe() names the flag that is missing", async () => {
  const message = await failureOf("pipe_capacity.ts", { flags: [], args: ["4096", "1"] });
  assertStringIncludes(message, "NotCapable");
  assertStringIncludes(message, "--allow-ffi");
});
