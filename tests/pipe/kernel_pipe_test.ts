import { assertEquals, assertStringIncludes } from "@std/assert";
import { kernelPipe, kernelPipes } from "../../lib/pipe/kernel_pipe.ts";
import { statusFlags } from "../../lib/sys/fd.ts";
import { libc } from "../../lib/sys/libc.ts";
import { F, O } from "../../lib/sys/linux.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { failureOf, outputOf, TempFolder } from "../sys/run_fixture.ts";

const SECOND = 1000;

/** Both ways to make a kernel pipe, with exactly the flags that they need. */
const WAYS: Record<string, string[]> = {
  "pipe2(2)": ["--allow-ffi", "--allow-run=echo,cat"],
  "mkfifo(1)": ["--allow-run=mkfifo,echo,cat", "--allow-read", "--allow-write"],
};

Deno.test("kernelPipe() gives blocking, close-on-exec ends, and closes both", async () => {
  await noLeaks(() => {
    using pipe = kernelPipe();
    for (const [end, access] of [[pipe.reader, O.RDONLY], [pipe.writer, O.WRONLY]] as const) {
      assertEquals(statusFlags(end) & (O.NONBLOCK | O.ACCMODE), access);
      assertEquals(libc().fcntl(end.raw, F.GETFD, 0), F.CLOEXEC);
    }
    assertEquals(kernelPipes(0), []);
  });
});

for (const [way, flags] of Object.entries(WAYS)) {
  Deno.test(`kernelPipes() by ${way} join programs, and leave no name behind`, async () => {
    using folder = new TempFolder();
    const output = outputOf("pipe_join.ts", { flags, env: { TMPDIR: folder.path } });
    assertEquals(await watchdog(60 * SECOND, output), "joined\n0,0\n");
    assertEquals(folder.names, []);
  });
}

Deno.test("kernelPipes() that cannot all be made leave nothing behind", async (t) => {
  using folder = new TempFolder();
  const flags = WAYS["mkfifo(1)"]!;
  for (const missing of ["--allow-read", "--allow-write", "--allow-run=mkfifo,echo,cat"]) {
    await t.step(`without ${missing}`, async () => {
      const rest = flags.filter((flag) => flag !== missing);
      const message = await failureOf("pipe_join.ts", { flags: rest, env: { TMPDIR: folder.path } });
      assertStringIncludes(message, "NotCapable");
      assertStringIncludes(message, `the ${missing.replace(/=.*/, "")} flag`);
      assertEquals(folder.names, []);
    });
  }
  await t.step("no descriptor left", async () => {
    const through = ["sh", "-c", 'ulimit -n 256 && exec "$@"', "sh"];
    await watchdog(60 * SECOND, outputOf("pipe_exhaust.ts", { flags: ["--allow-ffi"], through }));
  });
});
