/**
 * A child with a terminal of its own.
 *
 * @module
 */

import { ClosedError, PosixError } from "../errors.ts";
import { ByteReader } from "../sys/byte_reader.ts";
import { ByteWriter } from "../sys/byte_writer.ts";
import type { WaitOptions } from "../sys/clock.ts";
import type { Fd } from "../sys/fd.ts";
import { createTerminal, echoes, makeRaw, resizeTerminal, type TerminalSize, terminalSize } from "../sys/terminal.ts";
import type { Child } from "./child.ts";
import { Command, toStage } from "./command.ts";
import { INHERITED, startSync } from "./runnable.ts";
import { Transcript, type TranscriptMatch } from "./transcript.ts";

/** What {@linkcode spawnPty} can be told. */
export interface PtyOptions {
  /**
   * Characters of a line.
   * @default {80}
   */
  columns?: number | undefined;
  /**
   * Lines.
   * @default {24}
   */
  rows?: number | undefined;
  /**
   * The variable TERM: what the program takes the terminal for. `"dumb"` keeps most programs from drawing.
   * @default {"xterm-256color"}
   */
  term?: string | undefined;
}

/** Bytes of one read. */
const CHUNK_BYTES = 65536;

/** So long a program may take to end after SIGHUP before it gets SIGTERM, too. */
const HANG_UP_MS = 200;

/** The key that means "end of input" at the start of a line: Ctrl-D. */
const END_OF_INPUT = "\x04";

/**
 * `posix_openpt(3)` and `setsid(2)`: starts a program with a terminal of its own, which is its controlling one. The program believes that a person
 * sits there: it prompts, colours, asks for passwords, and gets SIGINT from Ctrl-C. Standard input, output and error are the terminal.
 *
 * What the program writes is read all the time, and kept (the last mebibyte) for `waitFor()`; whoever wants every byte reads `readable`, which holds
 * the program up when it is not read. The bytes go through this process once in each direction.
 *
 * When the `Pty` is disposed of, the terminal hangs up (SIGHUP to the program and whoever is in the foreground); a program that is still there 200 ms
 * later is ended as any child is.
 *
 * @param command The program; its standard descriptors must not be set.
 * @param options The size of the terminal.
 * @throws {TypeError} When the command has standard descriptors or a group of its own, or `usage`.
 * @throws {RangeError} For a size that cannot be.
 * @throws {PosixError} ENOENT, EACCES … of the program; ENOSPC when there are no more pseudo-terminals.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi` or `--allow-run`.
 *
 * @tags allow-ffi
 *
 * @example Drive a program that asks
 * ```ts
 * import { command, spawnPty } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const program = command("sh", ["-c", 'printf "Name: "; read name; echo "Hello, $name"; test -t 0']);
 * await using pty = spawnPty(program);
 * await pty.waitFor("Name: ");
 * await pty.send("Ada\n");
 * const { groups } = await pty.waitFor(/Hello, (\w+)/);
 * assertEquals(groups, ["Ada"]);
 * assertEquals(await pty.child.status, { kind: "exited", code: 0 });
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man7/pty.7.html pty(7)}
 */
export function spawnPty(command: Command, options: PtyOptions = {}): Pty {
  if (!(command instanceof Command)) {
    throw new TypeError(`spawnPty(command) takes a command, got ${Deno.inspect(command, { depth: 1 })}`);
  }
  const { columns = 80, rows = 24, term = "xterm-256color" } = options;
  const stage = command.with({ env: { TERM: term, ...command[toStage]().options.env } })[toStage]();
  // usage would need a process that does not lead the session.
  const own = (["stdin", "stdout", "stderr", "group", "usage"] as const).find((name) => stage.options[name]);
  if (own !== undefined) {
    throw new TypeError(
      `The program has the terminal for stdin, stdout and stderr, and leads its session: it must not set ${own}`,
    );
  }
  const { controller, path } = createTerminal({ columns, rows });
  try {
    const run = {
      stages: [{ ...stage, terminal: path }],
      stdin: "inherit",
      ending: stage.options,
      ...INHERITED,
    } as const;
    return new Pty(startSync(run).children[0]!, controller);
  } catch (error) {
    controller.close();
    throw error;
  }
}

/** A child and the terminal that it has, made by {@linkcode spawnPty}. */
export class Pty implements AsyncDisposable {
  /** The program. */
  readonly child: Child;
  readonly #controller: Fd;
  readonly #reader: ByteReader;
  readonly #writer: ByteWriter;
  readonly #transcript: Transcript;
  readonly #pumped: Promise<void>;
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | undefined;
  /** Where bytes are copied to for whoever reads {@linkcode readable}. */
  #copy: WritableStreamDefaultWriter<Uint8Array<ArrayBuffer>> | undefined;
  #ended = false;

  /** Made by {@linkcode spawnPty}. */
  constructor(child: Child, controller: Fd) {
    this.child = child;
    this.#controller = controller;
    // Deno's own event loop takes no terminals: these waits are the epoll thread's.
    this.#reader = new ByteReader(controller, { packets: true, writable: true });
    this.#writer = new ByteWriter(controller.duplicate());
    this.#transcript = new Transcript(child.words[0] ?? "The program");
    this.#pumped = this.#pump();
  }

  /**
   * Types: writes to the terminal what the program then reads. A newline is the Enter key, `"\x03"` is Ctrl-C.
   *
   * @throws {DOMException} `TimeoutError`, when the program does not read and the terminal holds no more (some 4 KiB).
   * @throws {ClosedError} After the end.
   */
  async send(input: string | Uint8Array, options: WaitOptions = {}): Promise<void> {
    await this.#writer.write(typeof input === "string" ? new TextEncoder().encode(input) : input, options);
  }

  /** Types Ctrl-D: at the start of a line, the program's end of input. */
  async sendEnd(options: WaitOptions = {}): Promise<void> {
    await this.send(END_OF_INPUT, options);
  }

  /**
   * Waits until the program has written something that matches, and goes on behind it: the next wait sees what came after. Control sequences
   * (colours, cursor moves) are left out; a line ends with `\r\n`, as terminals have it. What is typed is written too while the terminal echoes.
   *
   * @param pattern A text, or a regular expression.
   * @throws {DOMException} `TimeoutError` after `timeoutMs`; the message shows what was written instead.
   * @throws {Deno.errors.UnexpectedEof} When the program has ended and nothing matches.
   * @throws {Deno.errors.Busy} When somebody waits already.
   */
  async waitFor(pattern: string | RegExp, options: WaitOptions = {}): Promise<TranscriptMatch> {
    return await this.#transcript.waitFor(pattern, options);
  }

  /** What was written since the last match, without control sequences. */
  get text(): string {
    return this.#transcript.text;
  }

  /**
   * Every byte that is written from now on, until the program has ended and so has everybody who has the terminal. Cancelling it lets the program
   * go on unread.
   */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    if (this.#readable === undefined) {
      const copy = new TransformStream<Uint8Array<ArrayBuffer>, Uint8Array<ArrayBuffer>>();
      this.#readable = copy.readable;
      this.#copy = copy.writable.getWriter();
      this.#copy.closed.catch(() => this.#copy = undefined);
      if (this.#ended) this.#copy.close().catch(() => {});
    }
    return this.#readable;
  }

  /** How large the terminal is. */
  get size(): TerminalSize {
    return terminalSize(this.#open());
  }

  /** Makes the terminal another size; the program in the foreground gets SIGWINCH. @throws {RangeError} For a size that cannot be. */
  resize(size: TerminalSize): void {
    resizeTerminal(this.#open(), size);
  }

  /** Whether what is typed is shown. A program that asks for a password turns that off: wait for it before you type one. */
  get echoes(): boolean {
    return echoes(this.#open());
  }

  /**
   * Makes the terminal raw until the scope ends: what is sent reaches the program byte for byte, with no echo, no line editing and no signals
   * from keys, and so does what comes back.
   */
  raw(): Disposable {
    const restore = makeRaw(this.#open());
    return {
      [Symbol.dispose]: () => {
        if (!this.#controller.closed) restore();
      },
    };
  }

  /** Hangs up, ends the program if it still runs, and closes the terminal. */
  async [Symbol.asyncDispose](): Promise<void> {
    // Who does not read must not hold the end up.
    await this.#copy?.abort(new ClosedError(this.#controller.what, "is closed")).catch(() => {});
    // The program's session hears of this by SIGHUP.
    this.#writer.close();
    this.#reader.close();
    await this.#pumped;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const patience = new Promise((resolve) => timer = setTimeout(resolve, HANG_UP_MS));
    await Promise.race([this.child.status, patience]);
    clearTimeout(timer);
    await this.child[Symbol.asyncDispose]();
  }

  #open(): Fd {
    if (this.#controller.closed) throw new ClosedError(this.#controller.what, "is closed");
    return this.#controller;
  }

  /** Reads until nobody has the terminal any more, which the kernel reports as EIO. */
  async #pump(): Promise<void> {
    const buffer = new Uint8Array(CHUNK_BYTES);
    try {
      while (true) {
        const count = await this.#reader.read(buffer);
        if (count === null) break;
        this.#transcript.add(buffer.subarray(0, count));
        await this.#pass(buffer.slice(0, count));
      }
    } catch (error) {
      const hungUp = error instanceof ClosedError || (error instanceof PosixError && error.code === "EIO");
      if (!hungUp) throw error;
    } finally {
      this.#ended = true;
      this.#transcript.end();
      this.#copy?.close().catch(() => {});
    }
  }

  async #pass(chunk: Uint8Array<ArrayBuffer>): Promise<void> {
    const copy = this.#copy;
    if (copy === undefined) return;
    try {
      await copy.ready;
      // Not awaited: it would resolve when the chunk is read, which is one chunk more than need be held up.
      copy.write(chunk).catch(() => {});
    } catch {
      // It was cancelled: nobody wants the bytes. (The program goes on unread.)
      this.#copy = undefined;
    }
  }
}
