// Needs: python3
import { assertEquals, assertMatch } from "@std/assert";
import { isThere } from "../helpers/processes.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { causeway, commandLine, fixture, FULL } from "./causeway.ts";

const WATCHDOG_MS = 60_000;

/** With and without FFI: the second knows no sender. */
const TIERS: [name: string, flags: readonly string[]][] = [
  ["with FFI", FULL],
  ["without FFI", ["--allow-run", "--allow-read", "--allow-write"]],
];

for (const [tier, flags] of TIERS) {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) {
    Deno.test(`causeway run tells its programs of ${signal}, waits for them and dies of it, ${tier}`, async () => {
      await using program = new Started(["run", "--", "sh", fixture("cli_tell_signals.sh")], flags);
      const pid = Number(await program.line(/^ready (\d+)$/));
      Deno.kill(program.pid, signal);
      assertMatch(await program.line(/^(told .*)$/), new RegExp(`^told ${signal.slice(3)}$`));
      assertEquals((await program.status).signal, signal);
      assertEquals(isThere(pid), false);
    });
  }

  Deno.test(`causeway run ends every program of a pipeline by SIGINT, ${tier}`, async () => {
    const ready = ["sh", "-c", "echo ready $$ >&2; exec sleep 1000"];
    await using program = new Started(["run", "--", ...ready, "|", ...ready, "|", ...ready], flags);
    const pids = [];
    for (let n = 0; n < 3; n++) pids.push(Number(await program.line(/^ready (\d+)$/, "stderr")));
    Deno.kill(program.pid, "SIGINT");
    assertEquals((await program.status).signal, "SIGINT");
    assertEquals(pids.filter(isThere), []);
  });
}

Deno.test("causeway run lets Ctrl-C reach its programs once: the terminal has told them", async () => {
  const args = [fixture("cli_ctrl_c.py"), ...commandLine(["run", "--", "sh", fixture("cli_count_interrupts.sh")])];
  const output = await watchdog(WATCHDOG_MS, new Deno.Command("python3", { args }).output());
  const { output: text, signal } = JSON.parse(new TextDecoder().decode(output.stdout));
  assertMatch(text, /interrupted 1 times/);
  assertEquals(signal, 2);
});

Deno.test("causeway run passes SIGTERM on to a stopped program, and continues it", async () => {
  await using program = new Started(["run", "--", "sh", "-c", "echo ready $$; kill -STOP $$"], FULL);
  await program.line(/^ready (\d+)$/);
  Deno.kill(program.pid, "SIGTERM");
  assertEquals((await program.status).signal, "SIGTERM");
});

Deno.test("causeway run --json prints its object before it dies of a signal", async () => {
  await using program = new Started(
    ["run", "--json", "--stages", "--", "sh", fixture("cli_interrupt_parent.sh")],
    FULL,
  );
  const stdout = await new Response(program.stdout).text();
  assertEquals(JSON.parse(stdout).stdout, "told INT\n");
  assertEquals((await program.status).signal, "SIGINT");
});

Deno.test("causeway run reports a death by signal of its program without dying of it", async () => {
  const { code, signal } = await causeway(["run", "--", "sh", "-c", "kill -INT $$"]);
  assertEquals([code, signal], [130, null]);
});

/** The program, running. */
class Started implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: Record<"stdout" | "stderr", string> = { stdout: "", stderr: "" };
  readonly #readers = new Map<string, ReadableStreamDefaultReader<Uint8Array>>();

  constructor(args: readonly string[], flags: readonly string[]) {
    const [program, ...words] = commandLine(args, flags);
    this.#child = new Deno.Command(program, { args: words, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
  }

  get pid(): number {
    return this.#child.pid;
  }

  get status(): Promise<Deno.CommandStatus> {
    return watchdog(WATCHDOG_MS, this.#child.status);
  }

  get stdout(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#child.stdout;
  }

  /** Waits for a line, and takes it: what its first group matched. */
  async line(pattern: RegExp, from: "stdout" | "stderr" = "stdout"): Promise<string> {
    const reader = this.#readers.get(from) ?? this.#child[from].getReader();
    this.#readers.set(from, reader);
    while (true) {
      const end = this.#lines[from].indexOf("\n");
      if (end !== -1) {
        const line = this.#lines[from].slice(0, end);
        this.#lines[from] = this.#lines[from].slice(end + 1);
        const found = pattern.exec(line)?.[1];
        if (found !== undefined) return found;
        continue;
      }
      const { done, value } = await watchdog(WATCHDOG_MS, reader.read());
      if (done) throw new Error(`The program ended without a line like ${pattern}`);
      this.#lines[from] += new TextDecoder().decode(value);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended, as it should.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#child.status;
    for (const reader of this.#readers.values()) reader.releaseLock();
    for (const name of ["stdout", "stderr"] as const) {
      if (!this.#child[name].locked) await this.#child[name].cancel();
    }
  }
}
