/** The other process of a signal test: a fixture run by Deno with the flags that it needs, or a program compiled from C. */
import "../helpers/open_libc.ts";
import { fromFileUrl } from "@std/path";
import { TextLineStream } from "@std/streams";
import { assertEquals } from "@std/assert";

const FIXTURES = fromFileUrl(new URL("../fixtures/", import.meta.url));

/** How a peer ended: an exit code, or the number of the signal that ended it. */
export type Ending = { code: number } | { signal: number };

/** A running program whose lines are read one by one. Disposing of it kills it. */
export class Peer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly ended: Promise<Ending>;

  constructor(program: string, args: readonly string[]) {
    this.#child = new Deno.Command(program, {
      args: [...args],
      stdin: "piped",
      stdout: "piped",
      env: { NO_COLOR: "1" },
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
    this.#input = this.#child.stdin.getWriter();
    this.ended = this.#child.status.then(ending);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The next line of its output; `null` at the end. */
  async line(): Promise<string | null> {
    return (await this.#lines.read()).value ?? null;
  }

  /** The next line, as JSON. */
  async json(): Promise<unknown> {
    const line = await this.line();
    if (line === null) throw new Error(`The peer ended without a line: ${JSON.stringify(await this.ended)}`);
    return JSON.parse(line);
  }

  /** Waits for a line that must come next. */
  async expect(line: string): Promise<void> {
    assertEquals(await this.line(), line);
  }

  /** Writes a line to its standard input. */
  async tell(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(line + "\n"));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.ended;
    await this.#lines.cancel();
    // The pipe may be broken already.
    await this.#input.close().catch(() => {});
  }
}

/** Starts a fixture. `flags` are its permissions, for example `["--allow-ffi"]`. */
export function fixture(name: string, flags: readonly string[], args: readonly string[] = []): Peer {
  return new Peer(Deno.execPath(), ["run", "--quiet", "--no-prompt", ...flags, FIXTURES + name, ...args]);
}

/**
 * A process that waits for its end under a shell, which prints its pid, and then its code: 128 + n for signal n. (Deno itself never lets go
 * of a child that a real-time signal has ended.) The process is `program`, or one that does nothing.
 */
export function reaped(...program: string[]): Peer {
  const run = program.length === 0 ? ["sleep", "60"] : program;
  return new Peer("sh", ["-c", '"$@" & echo $!; wait $!; echo $?', "sh", ...run]);
}

/** What a fixture prints when it is run to its end. */
export async function outputOf(name: string, flags: readonly string[], args: readonly string[] = []): Promise<string> {
  const { code, signal, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", ...flags, FIXTURES + name, ...args],
    env: { NO_COLOR: "1" },
  }).output();
  const text = new TextDecoder();
  assertEquals({ code, signal }, { code: 0, signal: null }, text.decode(stderr));
  return text.decode(stdout);
}

/** A program compiled from a fixture, deleted after use. */
export class Compiled implements Disposable {
  readonly #folder: string;
  readonly path: string;

  constructor(name: string, ...flags: string[]) {
    this.#folder = Deno.makeTempDirSync();
    this.path = `${this.#folder}/${name.replace(/\.c$/, "")}`;
    const { success, stderr } = new Deno.Command("gcc", {
      args: [...flags, "-O2", "-Wall", "-o", this.path, FIXTURES + name],
    })
      .outputSync();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }

  /** Runs it to its end and returns its lines. */
  async run(...args: (string | number)[]): Promise<string[]> {
    const { code, stdout, stderr } = await new Deno.Command(this.path, { args: args.map(String) }).output();
    assertEquals(code, 0, new TextDecoder().decode(stderr));
    return new TextDecoder().decode(stdout).trimEnd().split("\n");
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

function ending({ code, signal }: Deno.CommandStatus): Ending {
  return signal === null ? { code } : { signal: code - 128 };
}
