/**
 * Turning what was asked for into descriptors, just before a child starts.
 *
 * @module
 */

import { type KernelPipe, kernelPipe } from "../pipe/kernel_pipe.ts";
import { Fd } from "../sys/fd.ts";
import { type Movable, moveDescriptor } from "../sys/inheritable.ts";
import { needsFfi } from "../sys/needs_ffi.ts";
import { hasFfi } from "../sys/platform.ts";
import { type FileAccess, openTarget } from "./open_target.ts";
import type { CommandOptions } from "./options.ts";
import {
  accessOf,
  isDescriptor,
  isFile,
  isWord,
  type LaunchStdio,
  type OutputSink,
  type OutputTarget,
  stdinBytes,
  type StdinSource,
} from "./stdio.ts";

/** What the three standard descriptors of one child are to be. */
export interface StdioRequest {
  readonly stdin: StdinSource;
  readonly stdout: OutputTarget | "stderr";
  readonly stderr: OutputTarget | "stdout";
}

/** Numbers of this process's own standard descriptors. */
const OWN = { stdout: 1, stderr: 2 } as const;

/** Descriptors of one child, ready for a launcher, and what must be closed when the child has them. */
export class PreparedStdio implements Disposable {
  /** Standard input. */
  readonly stdin: LaunchStdio;
  /** Standard output. */
  readonly stdout: LaunchStdio;
  /** Standard error. */
  readonly stderr: LaunchStdio;
  /** Descriptors above 2, by the child's number. */
  readonly descriptors: ReadonlyMap<number, number>;
  /** Variables that speak of them. */
  readonly env: Readonly<Record<string, string>>;
  /** The places of an output that goes to several, or to a stream: written by this process. */
  readonly sinks: { readonly stdout?: readonly OutputSink[]; readonly stderr?: readonly OutputSink[] };
  /** The writing end of the pipe for the bytes of standard input, with FFI. */
  readonly feeder: Fd | undefined;
  /** The pipe that both outputs go to, when it is read here: which of the two it stands for, and its end. */
  readonly merged: { readonly name: "stdout" | "stderr"; readonly reader: Fd } | undefined;
  readonly #moved = new DisposableStack();

  /** Moves every end that the child gets; when one cannot be moved, those before it are closed. */
  constructor(request: StdioRequest, options: Pick<CommandOptions, "descriptors" | "inherit">) {
    using undo = new DisposableStack();
    undo.use(this.#moved);
    const { stdin, stdout, stderr } = request;
    if (stdinBytes(stdin) === undefined) this.stdin = this.#source(stdin);
    else if (!hasFfi()) this.stdin = "piped";
    else {
      // A write into Deno's own pipe cannot be withdrawn when a grandchild holds the other end and does not read.
      const { reader, writer } = kernelPipe();
      this.feeder = undo.use(writer);
      this.stdin = this.#moved.use(reader).raw;
    }
    this.sinks = {
      ...(passesThrough(stdout) ? { stdout: list(stdout) } : {}),
      ...(passesThrough(stderr) ? { stderr: list(stderr) } : {}),
    };
    if (stderr === "stdout" || stdout === "stderr") {
      const name = stderr === "stdout" ? "stdout" : "stderr";
      const shared = this.#output(stderr === "stdout" ? stdout : stderr);
      const pipe = shared === "piped" ? this.#pipe() : undefined;
      this.merged = pipe && { name, reader: undo.use(pipe.reader) };
      this.stdout = this.stderr = pipe?.writer.raw ?? (shared === "inherit" ? OWN[name] : shared);
    } else {
      this.stdout = this.#output(stdout);
      this.stderr = this.#output(stderr);
    }
    ({ descriptors: this.descriptors, env: this.env } = this.#above(options));
    undo.move();
  }

  /** Closes the ends that the child has now (or never got). */
  [Symbol.dispose](): void {
    this.#moved.dispose();
  }

  #pipe(): KernelPipe {
    if (!hasFfi()) throw needsFfi("Capturing both outputs in one pipe");
    const pipe = kernelPipe();
    this.#moved.use(pipe.writer);
    return pipe;
  }

  #source(value: StdinSource): LaunchStdio {
    if (isFile(value)) return this.#open(value.file, "read");
    return this.#word(value);
  }

  #output(value: OutputTarget | "stdout" | "stderr"): LaunchStdio {
    if (passesThrough(value)) return "piped";
    const [only] = list(value);
    if (isFile(only)) return this.#open(only.file, accessOf(only));
    return this.#word(only);
  }

  #word(value: unknown): LaunchStdio {
    if (isWord(value)) return value;
    if (!isDescriptor(value)) throw new TypeError(`Not a standard descriptor: ${Deno.inspect(value, { depth: 0 })}`);
    return this.#move(value).raw;
  }

  #move(value: Fd | Movable): Fd {
    const fd = value instanceof Fd ? value : value[moveDescriptor]();
    this.#moved.use(fd);
    return fd;
  }

  #open(file: string | URL, access: FileAccess): number {
    return this.#moved.use(openTarget(file, access)).raw;
  }

  #above(options: Pick<CommandOptions, "descriptors" | "inherit">): {
    descriptors: Map<number, number>;
    env: Record<string, string>;
  } {
    const descriptors = new Map<number, number>();
    for (const [number, end] of Object.entries(options.descriptors ?? {})) {
      descriptors.set(Number(number), this.#move(end).raw);
    }
    const env: Record<string, string> = {};
    for (const inheritable of options.inherit ?? []) {
      const numbers = inheritable.descriptors.map((fd) => {
        let number = 3;
        while (descriptors.has(number)) number++;
        descriptors.set(number, this.#move(fd).raw);
        return number;
      });
      for (const [name, value] of Object.entries(inheritable.env)) {
        env[name] = value.replace(/\{(\d+)\}/g, (whole, index) => String(numbers[Number(index)] ?? whole));
      }
    }
    return { descriptors, env };
  }
}

/** Whether this process has to write the bytes of an output. */
function passesThrough(target: OutputTarget | "stdout" | "stderr"): boolean {
  const sinks = list(target);
  return sinks.length > 1 || sinks[0] instanceof WritableStream;
}

function list(target: OutputTarget | "stdout" | "stderr"): readonly OutputSink[] {
  if (target === "stdout" || target === "stderr") return [];
  return Array.isArray(target) ? target : [target as OutputSink];
}
