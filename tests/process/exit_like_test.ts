import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { command } from "../../mod.ts";
import "../helpers/open_libc.ts";

const fixture = fromFileUrl(new URL("../fixtures/process_exit_like.ts", import.meta.url));

Deno.test("exitLike() ends this process as the child ended: by the code, or by the same signal", async () => {
  const run = (flags: string[], script: string) =>
    command(Deno.execPath(), ["run", "--no-prompt", ...flags, fixture, script]).status();
  assertEquals(await run(["-A"], "exit 0"), { kind: "exited", code: 0 });
  assertEquals(await run(["-A"], "exit 42"), { kind: "exited", code: 42 });
  for (const [signal, number] of [["SIGTERM", 15], ["SIGKILL", 9], ["SIGSEGV", 11], ["SIGINT", 2]] as const) {
    const script = `ulimit -c 0; kill -${number} $$`;
    assertEquals(await run(["-A"], script), { kind: "signaled", signal, number }, signal);
    assertEquals(await run(["--allow-run"], script), { kind: "signaled", signal, number }, `${signal} without FFI`);
    assertEquals(await run(["--allow-run=sh"], script), { kind: "exited", code: 128 + number }, `${signal} by code`);
  }
});
