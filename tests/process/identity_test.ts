// Needs: strace, root
import { assertEquals, assertGreater } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { command } from "../../mod.ts";
import { watchdog } from "../helpers/watchdog.ts";

const SECOND = 1000;
const fixture = (name: string) => fromFileUrl(new URL(`../fixtures/${name}.ts`, import.meta.url));

Deno.test("Child.kill() and killGroup() never reach a process that got the pid of an exited child", async () => {
  for (const launcher of ["Deno.Command", "posix_spawn"]) {
    const deno = [Deno.execPath(), "run", "-A", fixture("process_pid_reuse"), launcher];
    const inNamespace = ["--fork", "--pid", "--mount-proc", ...deno];
    const line = await watchdog(60 * SECOND, command("unshare", inNamespace, { stderr: "inherit" }).text());
    assertEquals(line, "reused killed=false stranger=alive", launcher);
  }
});

Deno.test("no signal is sent to a child that has been reaped, though Deno.Command alone sends one", async () => {
  const trace = await Deno.makeTempFile();
  try {
    const sent = async (...program: string[]) => {
      const calls = "kill,tkill,tgkill,pidfd_send_signal";
      await watchdog(
        60 * SECOND,
        command("strace", ["-f", "-o", trace, "-e", `trace=${calls}`, "-e", "signal=none", ...program]).output(),
      );
      return (await Deno.readTextFile(trace)).split("\n").filter((line) => /SIGKILL/.test(line)).length;
    };
    const bare = 'for (let i = 0; i < 5; i++) await new Deno.Command("true").spawn().status;';
    assertGreater(await sent(Deno.execPath(), "eval", bare), 0, "the witness sees what Deno does by itself");
    assertEquals(await sent(Deno.execPath(), "run", "-A", fixture("process_spawn_many")), 0);
  } finally {
    await Deno.remove(trace);
  }
});
