import "../helpers/open_libc.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { $, command, PosixError } from "../../mod.ts";

async function told(run: () => Promise<unknown>): Promise<string> {
  const error = await assertRejects(run, PosixError);
  assertEquals([error.code, error.syscall], ["ENOENT", "execve"]);
  return error.message;
}

Deno.test("a program with its arguments in one word is told apart from one that is not there", async () => {
  for (const options of [{}, { group: "own" }] as const) {
    assertStringIncludes(await told(() => command("echo hi", [], options).text()), 'is it "echo" with arguments?');
  }
  const path = await told(() => command("/no/such dir/program").text());
  assert(!path.includes("with arguments"), path);
});

Deno.test("a word that only a shell has is told with what does it here", async () => {
  const words = [["cd", "{ cwd }"], ["export", "{ env }"], ["ulimit", "{ limits }"], ["source", "sh -c"]] as const;
  for (const [word, instead] of words) {
    // Some systems have programs of these names; here none is on the path.
    const run = () => $.with({ env: { PATH: "/no/such/folder" } })`${word} x`.text();
    assertStringIncludes(await told(run), `only a shell has it: use ${instead}`);
  }
  assert(!(await told(() => command("constructor").text())).includes("shell"), "not a word of Object's");
});
