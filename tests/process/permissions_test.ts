import { assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { command } from "../../mod.ts";
import { watchdog } from "../helpers/watchdog.ts";

const SECOND = 1000;
const fixture = (name: string) => fromFileUrl(new URL(`../fixtures/${name}.ts`, import.meta.url));

Deno.test("commands and pipelines work without --allow-ffi, with the flags that the README names", async () => {
  const flags = ["--no-prompt", "--allow-run", "--allow-read", "--allow-write"];
  const run = command(Deno.execPath(), ["run", ...flags, fixture("process_light")]);
  assertEquals(await watchdog(60 * SECOND, run.text()), "ok");
});

Deno.test("a single command works with --allow-run of that program alone", async () => {
  const script = `import { command } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    console.log(await command("echo", ["hi"]).text());`;
  const deno = (...flags: string[]) =>
    command(Deno.execPath(), ["run", "--no-prompt", ...flags, "-"], { stdin: { text: script } });
  assertEquals(await deno("--allow-run=echo").text(), "hi");
  const refused = await deno().unchecked().output();
  assertEquals(refused.status, { kind: "exited", code: 1 });
  assertStringIncludes(refused.stderr, "--allow-run");
});

Deno.test("a session is ended with --allow-run of that program alone: its leader, at least", async () => {
  const script = `import { command } from ${JSON.stringify(new URL("../../mod.ts", import.meta.url).href)};
    const child = command("sleep", ["1000"], { group: "session" }).spawn();
    console.log(await child.terminate(), JSON.stringify(await child.status));`;
  const run = command(Deno.execPath(), ["run", "--no-prompt", "--allow-run=sleep", "-"], { stdin: { text: script } });
  const text = await watchdog(60 * SECOND, run.text());
  assertEquals(text, 'false {"kind":"signaled","signal":"SIGTERM","number":15}');
});
