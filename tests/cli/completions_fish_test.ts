// Needs: fish
import { assertEquals } from "@std/assert";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { fishScript } from "../../lib/cli/completions/fish.ts";
import { shapesOf } from "../../lib/cli/completions/shape.ts";

Deno.test("fish offers commands, options, verbs and values, with what they mean", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const script = `${directory}/completion.fish`;
    await Deno.writeTextFile(script, fishScript(await shapesOf(COMMANDS)));
    const offered = async (line: string) => {
      const { code, stdout, stderr } = await new Deno.Command("fish", {
        args: ["--no-config", "-c", "source $argv[1]; and complete -C $argv[2]", script, line],
        env: { HOME: directory, XDG_CONFIG_HOME: directory },
        stdin: "null",
      }).output();
      assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
      return new TextDecoder().decode(stdout).split("\n").filter((text) => text !== "");
    };
    const summary = COMMANDS.find(({ name }) => name === "demo")?.summary;
    assertEquals(await offered("causeway dem"), [`demo\t${summary}`]);
    const words = async (line: string) => (await offered(line)).map((text) => text.split("\t")[0]).toSorted();
    assertEquals(await words("causeway run --std"), ["--stderr", "--stdin", "--stdout"]);
    assertEquals(await words("causeway mq s"), ["send"]);
    assertEquals(await words("causeway mq send s"), []);
    assertEquals(await words("causeway kill -s USR"), ["USR1", "USR2"]);
    assertEquals(await words("causeway demo mut"), ["mutex"]);
    assertEquals(await words(`causeway run --stdin ${directory}/comp`), [`${directory}/completion.fish`]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});
