/** A run of the program that a test talks to while it runs. */
import { commandLine, FULL, type Outcome } from "./causeway.ts";
import { TextLineStream } from "@std/streams";
import { assert } from "@std/assert";

/** The program, running. */
export class Running implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #stderr: Promise<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  /** Starts it. */
  constructor(args: readonly string[], flags: readonly string[] = FULL) {
    const [program, ...words] = commandLine(args, flags);
    this.#child = new Deno.Command(program, { args: words, stdin: "piped", stdout: "piped", stderr: "piped" }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
    this.#stderr = new Response(this.#child.stderr).text();
    this.#input = this.#child.stdin.getWriter();
  }

  /** The next line of its standard output. */
  async says(): Promise<string> {
    const { value, done } = await this.#lines.read();
    assert(!done, "the program said nothing more");
    return value;
  }

  /** Writes to its standard input. */
  async tell(text: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(text));
  }

  /** Ends its standard input. */
  async endInput(): Promise<void> {
    await this.#input.close();
  }

  /** Stops reading its standard output. */
  async closeOutput(): Promise<void> {
    await this.#lines.cancel();
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Waits for its end; `stdout` is what was not read before. */
  async outcome(): Promise<Outcome> {
    const lines: string[] = [];
    for (let line = await this.#lines.read(); !line.done; line = await this.#lines.read()) {
      lines.push(`${line.value}\n`);
    }
    const { code, signal } = await this.#child.status;
    return { code, signal, stdout: lines.join(""), stderr: await this.#stderr };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has ended already.
    }
    await this.#lines.cancel();
    // One that has ended does not read to the end.
    await this.#input.abort().catch(() => {});
    await this.#stderr;
    await this.#child.status;
  }
}

/** Runs a test with a directory of its own. */
export async function inDirectory(work: (directory: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await work(directory);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

/** Waits until a name is there. */
export async function appears(path: string): Promise<void> {
  for (;;) {
    try {
      await Deno.lstat(path);
      return;
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }
}
