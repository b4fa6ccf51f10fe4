import { assert, assertEquals, assertMatch, assertRejects, assertStringIncludes } from "@std/assert";
import { command, ExitError, pipeline, PosixError } from "../../mod.ts";
import "../helpers/open_libc.ts";

const failure = (script: string, ...args: string[]) =>
  assertRejects(() => command("sh", ["-c", script, ...args], { cwd: "/tmp" }).output(), ExitError);

Deno.test("ExitError tells command, end, its meaning, duration and directory", async () => {
  const first = (error: Error) => error.message.split("\n")[0]!;
  assertMatch(first(await failure("exit 2", "a b")), /^sh -c 'exit 2' 'a b' exited with code 2 after \d+ ms in \/tmp$/);
  const segv = await failure("ulimit -c 0; kill -SEGV $$");
  assertMatch(first(segv), / was killed by SIGSEGV \(Memory access outside what is mapped\) after \d+ ms in \/tmp$/);
  assertStringIncludes(first(await failure("exit 127")), "code 127 (in a shell: program not found)");
  assertStringIncludes(first(await failure("exit 126")), "code 126 (in a shell: found, but could not be executed)");
  assertStringIncludes(first(await failure("exit 137")), "code 137 (in a shell: killed by SIGKILL)");
  const slow = await assertRejects(() => command("sleep", ["1000"], { timeoutMs: 30 }).output(), ExitError);
  assertEquals(first(slow), "sleep 1000 was killed by SIGTERM (Request to end) after the time limit of 30 ms");
});

Deno.test("ExitError shows the last lines of stderr, control characters escaped, and every failed stage", async () => {
  const noisy = await failure(
    String.raw`i=0; while [ $i -lt 50 ]; do echo line$i >&2; i=$((i+1)); done; printf '\033[2J\a\r' >&2; exit 1`,
  );
  const lines = noisy.message.split("\n");
  assertEquals(lines.length, 11);
  assertEquals(lines[1], "  | line41");
  assertEquals(lines[10], String.raw`  | \e[2J\x07\r`);
  // deno-lint-ignore no-control-regex -- looking for control characters is the test
  assert(!/[\x00-\x09\x0b-\x1f\x7f]/.test(noisy.message));
  const both = await assertRejects(() => pipeline(["sh", "-c", "exit 3"], ["sh", "-c", "exit 4"]).output(), ExitError);
  assertMatch(
    both.message,
    /^sh -c 'exit 4' exited with code 4 after \d+ ms\n {2}also sh -c 'exit 3' exited with code 3$/,
  );
});

Deno.test("a program that is not found is told with the one that may have been meant", async () => {
  const message = async (program: string, options = {}) =>
    (await assertRejects(() => command(program, [], options).output(), PosixError)).message;
  for (const options of [{}, { group: "own" }, { umask: 0 }]) {
    assertStringIncludes(await message("gerp", options), 'not found in PATH; did you mean "grep"?');
    assertStringIncludes(await message("hed", options), 'did you mean "');
    const nothing = await message("no-such-program", options);
    assert(nothing.endsWith("(ENOENT): not found in PATH"), nothing);
    assert(!(await message("/usr/bin/gerp", options)).includes("did you mean"));
  }
  const path = { env: { PATH: "/no/such/folder" } };
  assert(!(await message("gerp", path)).includes("did you mean"));
});
