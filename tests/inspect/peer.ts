/** Programs that make objects and hold them, in C, Python and Deno. */
import "../helpers/open_libc.ts";
import { assert, assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { TextLineStream } from "@std/streams";
import { watchdog } from "../helpers/watchdog.ts";

const FIXTURES = new URL("../fixtures/", import.meta.url);
export const WATCHDOG_MS = 180_000;

/** The path of a fixture. */
export const fixture = (name: string): string => fromFileUrl(new URL(name, FIXTURES));

/** A temporary directory that goes with the scope. */
export class Directory implements Disposable {
  readonly path = Deno.makeTempDirSync();

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Compiles a C fixture into a directory. */
export async function compiled(name: string, directory: string): Promise<string> {
  const program = `${directory}/${name.replace(/\.c$/, "")}`;
  const { success, stderr } = await new Deno.Command("gcc", { args: ["-pthread", "-o", program, fixture(name)] })
    .output();
  assert(success, new TextDecoder().decode(stderr));
  return program;
}

/** The words that run a Deno fixture. */
export function denoFixture(name: string, ...args: string[]): string[] {
  return [Deno.execPath(), "run", "-A", "--quiet", "--no-check", fixture(name), ...args];
}

/** A program that says one line when it has made everything, and holds it until its standard input ends. */
export class Peer<Facts> implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly facts: Facts;

  private constructor(
    child: Deno.ChildProcess,
    lines: ReadableStreamDefaultReader<string>,
    input: WritableStreamDefaultWriter<Uint8Array>,
    facts: Facts,
  ) {
    this.#child = child;
    this.#lines = lines;
    this.#input = input;
    this.facts = facts;
  }

  /** Starts it, and waits for its line: JSON. */
  static async start<Facts>(words: readonly string[]): Promise<Peer<Facts>> {
    const [program = "", ...args] = words;
    const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
    const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
    const input = child.stdin.getWriter();
    const { value } = await watchdog(WATCHDOG_MS, lines.read());
    assert(value !== undefined, `${program} ended before it was ready`);
    return new Peer<Facts>(child, lines, input, JSON.parse(value));
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** SIGKILL, and until it has ended. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    assertEquals((await watchdog(WATCHDOG_MS, this.#child.status)).signal, "SIGKILL");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#input.close().catch(() => {});
    await watchdog(WATCHDOG_MS, this.#child.status);
    while (!(await this.#lines.read()).done);
  }
}
