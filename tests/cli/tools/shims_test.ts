import { assertEquals, assertMatch } from "@std/assert";
import { CLASSIC_TOOLS } from "../../../lib/cli/tools/shims.ts";
import { causeway } from "../causeway.ts";
import { WATCHDOG_MS } from "./tool.ts";
import { watchdog } from "../../helpers/watchdog.ts";

Deno.test("shims writes a launcher that scripts find on PATH, and can do so again", async () => {
  const root = Deno.makeTempDirSync();
  const directory = `${root}/with space/bin`;
  try {
    for (let n = 0; n < 2; n++) {
      const { code, stdout, stderr } = await causeway(["shims", directory]);
      assertEquals([code, stderr], [0, ""]);
      assertEquals(stdout, CLASSIC_TOOLS.map((tool) => `${directory}/${tool}\n`).join(""));
    }
    assertEquals(Array.from(Deno.readDirSync(directory), ({ name }) => name).sort(), [...CLASSIC_TOOLS].sort());
    for (const tool of CLASSIC_TOOLS) {
      assertEquals((Deno.statSync(`${directory}/${tool}`).mode ?? 0) & 0o777, 0o755, tool);
    }
    const script =
      'PATH="$1:$PATH"; timeout --version; env kill -l 15; cd "$1" && mkfifo "a  b" && test -p "a  b" && echo made';
    const { code, stdout } = await watchdog(
      WATCHDOG_MS,
      new Deno.Command("sh", { args: ["-c", script, "sh", directory] }).output(),
    );
    assertEquals(code, 0);
    assertMatch(new TextDecoder().decode(stdout), /^timeout \(causeway\) .*\nTERM\nmade\n$/);
  } finally {
    Deno.removeSync(root, { recursive: true });
  }
});

Deno.test("shims leaves a file of another kind alone, and writes nothing then", async () => {
  const directory = Deno.makeTempDirSync();
  try {
    Deno.writeTextFileSync(`${directory}/kill`, "#!/bin/sh\nmine\n");
    const { code, stderr } = await causeway(["shims", directory]);
    assertEquals([code, stderr], [1, `causeway: shims: ${directory}/kill is no launcher of ours: move it away\n`]);
    assertEquals(Array.from(Deno.readDirSync(directory), ({ name }) => name), ["kill"]);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});

Deno.test("shims says what is wrong with its command line", async () => {
  for (const args of [[], ["a", "b"], ["--force", "a"]]) {
    const { code, stderr } = await causeway(["shims", ...args]);
    assertEquals(code, 2);
    assertMatch(stderr, /^causeway: shims: .*\n$/);
  }
});
