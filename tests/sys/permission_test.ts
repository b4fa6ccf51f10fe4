import { assertEquals, assertStringIncludes } from "@std/assert";
import { outputOf } from "./run_fixture.ts";

interface Outcome {
  ffi: string;
  read: string;
  write: string;
  run: string;
  hasFfi: boolean;
  isRun: boolean;
}

async function ask(flags: string[]): Promise<Outcome> {
  return JSON.parse(await outputOf("pipe_ask.ts", { flags, args: ["/tmp/some/where"] }));
}

Deno.test("Without a permission lib/sys throws NotCapable that names the flag", async () => {
  const { ffi, read, write, run, hasFfi, isRun } = await ask([]);
  assertStringIncludes(ffi, "run again with the --allow-ffi flag");
  assertEquals(read, 'Requires read access to "/tmp/some/where", run again with the --allow-read flag');
  assertEquals(write, 'Requires write access to "/tmp/some/where", run again with the --allow-write flag');
  assertEquals(run, "Requires run access, run again with the --allow-run flag");
  assertEquals([hasFfi, isRun], [false, false]);
});

Deno.test("With a permission lib/sys goes ahead", async () => {
  const granted = await ask(["--allow-ffi", "--allow-read=/tmp", "--allow-write=/tmp/some/where", "--allow-run"]);
  assertEquals(granted, {
    ffi: "granted",
    read: "granted",
    write: "granted",
    run: "granted",
    hasFfi: true,
    isRun: true,
  });
});

Deno.test("A permission for something else is none", async () => {
  const { read, write, run, isRun } = await ask([
    "--allow-ffi",
    "--allow-read=/etc",
    "--allow-write=/tmp/some/wherever",
    "--allow-run=ls",
  ]);
  assertStringIncludes(read, "--allow-read");
  assertStringIncludes(write, "--allow-write");
  assertStringIncludes(run, "--allow-run");
  assertEquals(isRun, false);
});

Deno.test("Importing lib/pipe and lib/sys needs no permission", async () => {
  assertEquals(await outputOf("pipe_import_only.ts", { flags: [] }), "imported\n");
});
