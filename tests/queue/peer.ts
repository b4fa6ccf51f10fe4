/** The other process of a queue test, spoken to in lines; names and keys that no other test has. */
import "../helpers/open_libc.ts";
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { TextLineStream } from "@std/streams";
import {
  createMessageQueue,
  type CreateMessageQueueOptions,
  type MessageQueue,
  PosixError,
  unlinkMessageQueue,
} from "../../mod.ts";

const FIXTURES = fromFileUrl(new URL("../fixtures/", import.meta.url));

/** Another user, as setpriv(1) makes one. */
export const NOBODY = ["setpriv", "--reuid", "65534", "--clear-groups"];

/** A running program. Disposing of it kills it. */
export class Peer implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #input: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>>;

  constructor(command: readonly string[]) {
    const [program = "", ...args] = command;
    this.#child = new Deno.Command(program, {
      args,
      env: { NO_COLOR: "1" },
      stdin: "piped",
      stdout: "piped",
      stderr: "inherit",
    }).spawn();
    this.#lines = this.#child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
    this.#input = this.#child.stdin.getWriter();
  }

  get pid(): number {
    return this.#child.pid;
  }

  /** The next line that it prints; `undefined` at the end. */
  async line(): Promise<string | undefined> {
    return (await this.#lines.read()).value;
  }

  /** Waits for a line that must come next. */
  async says(line: string): Promise<void> {
    assertEquals(await this.line(), line);
  }

  async tell(line: string): Promise<void> {
    await this.#input.write(new TextEncoder().encode(`${line}\n`));
  }

  /** Waits for its end, which must be a success. */
  async succeeds(): Promise<void> {
    assertEquals(await this.#child.status, { success: true, code: 0, signal: null });
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      // It has ended.
      if (!(error instanceof TypeError)) throw error;
    }
    await this.#child.status;
    await this.#lines.cancel();
    await this.#input.abort().catch(ignoreBrokenPipe);
  }
}

/** A program compiled from a C fixture, deleted after use. */
export class Compiled implements Disposable {
  readonly #folder = Deno.makeTempDirSync({ prefix: "causeway-test-" });
  readonly path: string = `${this.#folder}/program`;

  constructor(name: string) {
    const args = ["-O2", "-Wall", "-Wextra", "-Werror", "-o", this.path, FIXTURES + name];
    const { success, stderr } = new Deno.Command("gcc", { args }).outputSync();
    if (!success) throw new Error(new TextDecoder().decode(stderr));
  }

  /** Starts it and waits until it is ready. */
  async start(...args: (string | number)[]): Promise<Peer> {
    const peer = new Peer([this.path, ...args.map(String)]);
    await peer.says("ready");
    return peer;
  }

  /** Runs it to its end and returns its lines. */
  lines(...args: (string | number)[]): string[] {
    const { stdout } = new Deno.Command(this.path, { args: args.map(String), stdin: "null" }).outputSync();
    return new TextDecoder().decode(stdout).trimEnd().split("\n");
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.#folder, { recursive: true });
  }
}

/** The path of a fixture. */
export const fixturePath = (name: string): string => FIXTURES + name;

/** How a Deno fixture is run. */
export interface FixtureOptions {
  args?: readonly (string | number)[];
  /** What starts Deno, for example `["setpriv", …]`. */
  under?: readonly string[];
  flags?: readonly string[];
}

/** The words that run a fixture in a Deno of its own. */
export function fixture(
  name: string,
  { args = [], under = [], flags = ["--allow-ffi"] }: FixtureOptions = {},
): string[] {
  const deno = [Deno.execPath(), "run", "--quiet", "--no-prompt", "--no-lock", ...flags];
  return [...under, ...deno, FIXTURES + name, ...args.map(String)];
}

/** Runs a fixture to its end and returns its lines. It must succeed. */
export async function linesOf(name: string, options: FixtureOptions = {}): Promise<string[]> {
  const [program = "", ...args] = fixture(name, options);
  const { code, stdout, stderr } = await new Deno.Command(program, { args, env: { NO_COLOR: "1" } }).output();
  assertEquals(code, 0, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout).trimEnd().split("\n");
}

/** What a call throws, at once or as a rejection. */
export async function failureOf(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  throw new Error("It did not fail");
}

/** Waits until a process sleeps in a system call of its main thread. */
export async function blockedIn(pid: number, call: number): Promise<void> {
  while (!Deno.readTextFileSync(`/proc/${pid}/syscall`).startsWith(`${call} `)) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** A POSIX queue under a name of its own, which is gone at the end. Small: a user has 819,200 bytes for all queues together. */
export class TestQueue implements Disposable {
  readonly name = `/causeway-test-${crypto.randomUUID()}`;
  readonly queue: MessageQueue;

  constructor(options: CreateMessageQueueOptions = {}) {
    this.queue = createMessageQueue(this.name, { maxMessages: 4, messageSize: 64, ...options });
  }

  [Symbol.dispose](): void {
    this.queue.close();
    try {
      unlinkMessageQueue(this.name);
    } catch (error) {
      if (!(error instanceof PosixError && error.code === "ENOENT")) throw error;
    }
  }
}

/** A key that no other test has. It is odd, so never 0. */
export function uniqueKey(): number {
  return crypto.getRandomValues(new Int32Array(1))[0]! | 1;
}

export const bytesOf = (text: string): Uint8Array<ArrayBuffer> => new TextEncoder().encode(text);
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);
/** A number as the C peer sends it. */
export const numbered = (number: number): Uint8Array<ArrayBuffer> => new Uint8Array(new Uint32Array([number]).buffer);
export const numberOf = (bytes: Uint8Array<ArrayBuffer>): number => new Uint32Array(bytes.buffer)[0]!;

function ignoreBrokenPipe(error: unknown): void {
  if (!(error instanceof Deno.errors.BrokenPipe || error instanceof TypeError)) throw error;
}
