/** A script anywhere may import mod.ts by its path: no configuration of ours, no permission, no effect. */
import { assertEquals } from "@std/assert";
import { join } from "@std/path";

const MOD = new URL("../../mod.ts", import.meta.url).href;

Deno.test("a script in another folder imports mod.ts without any permission", async () => {
  const { output, left } = await runElsewhere(
    `import { command } from ${JSON.stringify(MOD)};\nconsole.log(typeof command);\n`,
  );
  assertEquals(output, { code: 0, stdout: "function\n", stderr: "" });
  assertEquals(left, ["script.ts"]);
});

Deno.test("a script in another folder imports mod.ts with import() and gets the same names", async () => {
  const { output } = await runElsewhere(
    `const all = await import(${JSON.stringify(MOD)});\nconsole.log(Object.keys(all).join());\n`,
  );
  assertEquals(output, { code: 0, stdout: `${Object.keys(await import("../../mod.ts")).join()}\n`, stderr: "" });
});

/** Runs a script from a fresh folder, and tells what was in the folder afterwards. */
async function runElsewhere(source: string) {
  const cwd = await Deno.makeTempDir();
  try {
    await Deno.writeTextFile(join(cwd, "script.ts"), source);
    const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["run", "--quiet", "--no-prompt", "script.ts"],
      cwd,
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    const decode = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    const left = Array.from(Deno.readDirSync(cwd), (entry) => entry.name);
    return { output: { code, stdout: decode(stdout), stderr: decode(stderr) }, left };
  } finally {
    await Deno.remove(cwd, { recursive: true });
  }
}
