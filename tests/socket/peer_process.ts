/** A process at the other end of a socket: a fixture that says "ready" and is then talked to by lines. */
import { fromFileUrl } from "@std/path";
import { TextLineStream } from "@std/streams";

const FIXTURES = fromFileUrl(new URL("../fixtures/", import.meta.url));

export class PeerProcess implements AsyncDisposable {
  readonly #child: Deno.ChildProcess;
  readonly #lines: ReadableStreamDefaultReader<string>;
  readonly #stdin: WritableStreamDefaultWriter<Uint8Array>;

  private constructor(child: Deno.ChildProcess) {
    this.#child = child;
    this.#lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
    this.#stdin = child.stdin.getWriter();
  }

  /** Starts a Python fixture and waits until it is ready. */
  static python(fixture: string, ...args: string[]): Promise<PeerProcess> {
    return PeerProcess.start("python3", [FIXTURES + fixture, ...args]);
  }

  /** Starts a Deno fixture with these flags and waits until it is ready. */
  static deno(fixture: string, flags: string[], ...args: string[]): Promise<PeerProcess> {
    return PeerProcess.start(Deno.execPath(), ["run", "--no-prompt", ...flags, FIXTURES + fixture, ...args]);
  }

  /** Starts a program and waits for its ready line. */
  static async start(program: string, args: string[]): Promise<PeerProcess> {
    const command = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", env: { NO_COLOR: "1" } });
    const peer = new PeerProcess(command.spawn());
    const line = await peer.line();
    if (line === "ready") return peer;
    await peer[Symbol.asyncDispose]();
    throw new Error(`${program} ${args.join(" ")} said ${JSON.stringify(line)} where "ready" was expected`);
  }

  get pid(): number {
    return this.#child.pid;
  }

  get status(): Promise<Deno.CommandStatus> {
    return this.#child.status;
  }

  /** The next line of its output. */
  async line(): Promise<string> {
    const { value, done } = await this.#lines.read();
    return done ? "(end of output)" : value;
  }

  /** Its next line, as JSON. */
  async json<T>(): Promise<T> {
    const line = await this.line();
    try {
      return JSON.parse(line);
    } catch {
      throw new Error(`The fixture said ${JSON.stringify(line)} where JSON was expected`);
    }
  }

  /** Writes a line to its input. */
  async tell(line: string): Promise<void> {
    await this.#stdin.write(new TextEncoder().encode(line + "\n"));
  }

  kill(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }

  /** Ends its input, and waits until it has exited. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stdin.close().catch(() => {});
    await this.#lines.cancel();
    await this.#child.status;
  }
}

/** A fresh directory, removed at the end whatever is in it. */
export class Room implements Disposable {
  readonly path: string = Deno.makeTempDirSync({ prefix: "causeway-socket-" });

  /** A path inside. */
  at(name: string): string {
    return `${this.path}/${name}`;
  }

  /** The names inside, sorted. */
  get names(): string[] {
    return Array.from(Deno.readDirSync(this.path), (entry) => entry.name).sort();
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

/** Permission bits of a name. */
export function modeOf(path: string): number {
  return Deno.lstatSync(path).mode! & 0o7777;
}

/** UTF-8 bytes. */
export function bytesOf(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(text);
}

/** Text of UTF-8 bytes. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
