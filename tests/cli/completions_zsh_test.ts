// Needs: zsh
import { assertEquals } from "@std/assert";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { shapesOf } from "../../lib/cli/completions/shape.ts";
import { zshScript } from "../../lib/cli/completions/zsh.ts";
import { fixture } from "./causeway.ts";

Deno.test("zsh offers commands, options, verbs and values at TAB", async () => {
  const directory = await Deno.makeTempDir();
  try {
    const script = `${directory}/completion.zsh`;
    await Deno.writeTextFile(script, zshScript(await shapesOf(COMMANDS)));
    const offered = async (line: string) => {
      const { stdout } = await new Deno.Command("zsh", {
        args: ["-f", fixture("cli_zsh_complete.zsh"), script, line],
        stdin: "null",
      }).output();
      return new TextDecoder().decode(stdout).split("\n").filter((text) => text !== "").toSorted();
    };
    assertEquals(await offered("causeway dem"), ["demo"]);
    assertEquals(await offered("causeway run --std"), ["--stderr", "--stdin", "--stdout"]);
    assertEquals(await offered("causeway mq s"), ["send"]);
    assertEquals(await offered("causeway kill -s USR"), ["USR1", "USR2"]);
    assertEquals(await offered("causeway demo mut"), ["mutex"]);
    assertEquals(await offered(`causeway run --stdin ${directory}/comp`), ["completion.zsh"]);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

for (const { name } of COMMANDS) {
  Deno.test(`zsh accepts what is said of causeway ${name}`, async () => {
    // A specification that _arguments cannot read is an error at TAB, not before.
    const directory = await Deno.makeTempDir();
    try {
      const script = `${directory}/completion.zsh`;
      await Deno.writeTextFile(script, zshScript(await shapesOf(COMMANDS)));
      const { stdout } = await new Deno.Command("zsh", {
        args: ["-f", fixture("cli_zsh_complete.zsh"), script, `causeway ${name} --h`],
        stdin: "null",
      }).output();
      const offered = new TextDecoder().decode(stdout).split("\n").filter((text) => text !== "");
      const known = COMMANDS.find((each) => each.name === name)?.options.flatMap(([text]) =>
        text.match(/--h[a-z-]*/g) ?? []
      );
      assertEquals(offered.toSorted(), known?.toSorted());
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}
