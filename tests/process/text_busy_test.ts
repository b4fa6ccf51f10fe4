import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { command, type CommandOptions, PosixError } from "../../mod.ts";
import { eventually } from "../helpers/patience.ts";

const WAYS: CommandOptions[] = [{}, { group: "own" }, { umask: 0o22 }];

Deno.test("a program that is still open for writing is tried again for a moment, and then ETXTBSY", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const tool = `${folder}/tool`;
    await Deno.copyFile("/bin/true", tool);
    await Deno.chmod(tool, 0o755);
    for (const options of WAYS) {
      using _writer = await Deno.open(tool, { append: true });
      const error = await assertRejects(() => command(tool, [], options).output(), PosixError);
      assertEquals([error.code, error.syscall, error.target], ["ETXTBSY", "execve", tool]);
    }
    for (const options of WAYS) {
      // Holds it open for writing for a moment: another process, since this thread waits. Where that moment lasts too long, once more.
      await eventually(async () => {
        await using writer = command("sh", ["-c", 'exec 3>>"$0"; echo ready; sleep 0.05', tool], { stdout: "piped" })
          .spawn();
        const reader = writer.stdout.getReader();
        await reader.read();
        reader.releaseLock();
        assertEquals((await command(tool, [], options).output()).status, { kind: "exited", code: 0 });
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("Deno reports ETXTBSY in words only (lib/process/deno_command.ts)", async () => {
  const tool = await Deno.makeTempFile();
  try {
    await Deno.copyFile("/bin/true", tool);
    using _writer = await Deno.open(tool, { append: true });
    const error = assertThrows(() => new Deno.Command(tool).spawn(), Error, "(os error 26)");
    assertEquals("code" in error, false);
  } finally {
    await Deno.remove(tool);
  }
});
