/** A child program at the other end, spoken to in lines: it says what it has done, and does what it is told. */
import { assert } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { TextLineStream } from "@std/streams";

const FIXTURES = new URL("../fixtures/", import.meta.url);

/** How a peer is started. */
export interface PeerOptions {
  args?: string[];
  /** Program and arguments in front of it, such as strace. */
  under?: string[];
}

export class Peer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(command: string[]) {
    const [program = "", ...args] = command;
    this.#child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
    this.#input = this.#child.stdin.getWriter();
  }

  /** Starts a TypeScript fixture. */
  static deno(fixture: string, { args = [], under = [] }: PeerOptions = {}): Peer {
    const path = fromFileUrl(new URL(fixture, FIXTURES));
    return new Peer([...under, Deno.execPath(), "run", "-A", "--no-check", path, ...args]);
  }

  /** Starts a program. */
  static program(path: string, ...args: string[]): Peer {
    return new Peer([path, ...args]);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  /** The next line that it says. */
  async says(): Promise<string> {
    const { value, done } = await this.#lines.read();
    assert(!done, "the peer said nothing more");
    return value;
  }

  /** Resolves when its main thread sleeps in `futex(word, FUTEX_WAIT, …)` without the PRIVATE flag, which nothing else in Deno does. */
  async sleepsOnFutex(): Promise<void> {
    while (!/^(202|98) 0x[0-9a-f]+ 0x0 /.test(await Deno.readTextFile(`/proc/${this.pid}/syscall`))) {
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }

  async tell(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  kill(signal: Deno.Signal = "SIGKILL"): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch {
      // It has exited already, which is what the tests mostly want.
    }
    await this.#lines.cancel();
    // A peer that is gone does not read to the end.
    await this.#input.abort().catch(() => {});
    await this.#child.status;
  }
}

/** Compiles a C fixture, with the C code of docs/layouts.md as causeway.h beside it. Who owns the directory removes it. */
export async function compileC(fixture: string, directory: string, flags: readonly string[] = []): Promise<string> {
  const source = fromFileUrl(new URL(fixture, FIXTURES));
  const page = await Deno.readTextFile(new URL("../../docs/layouts.md", import.meta.url));
  const blocks = Array.from(page.matchAll(/^```c\n(.*?)^```$/gms), ([, code]) => code);
  await Deno.writeTextFile(`${directory}/causeway.h`, ["#pragma once", ...blocks].join("\n"));
  const program = `${directory}/${fixture.replace(/\.c$/, "")}`;
  const { success, stderr } = await new Deno.Command("gcc", {
    args: [
      "-O2",
      "-Wall",
      "-Wextra",
      "-Wno-unused-function",
      "-Werror",
      "-I",
      directory,
      "-o",
      program,
      source,
      ...flags,
      "-lrt",
      "-pthread",
    ],
  }).output();
  assert(success, new TextDecoder().decode(stderr));
  return program;
}

/** A name that no other test has. */
export function uniqueName(): string {
  return `/causeway-test-${crypto.randomUUID()}`;
}
