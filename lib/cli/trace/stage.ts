/**
 * What the two processes of a scene have at hand.
 *
 * @module
 */

import { type Child, command, type CommandOptions, isSuccess } from "../../process/mod.ts";
import { fromFileUrl } from "../../std/path.ts";
import { TextLineStream } from "../../std/streams.ts";
import { readProcFile } from "../../sys/proc.ts";
import { attach } from "../../trace/attach.ts";
import { PEER_FLAGS } from "../peer_flags.ts";

/** A program that takes longer is no better than a hung one. */
export const PATIENCE_MS = 60_000;

/** So long the other side is let wait, so that there is something to see. */
const SUSPENSE_MS = 3;

/** How often a scene is rehearsed: code that runs for the first time takes a hundred times as long. */
export const REHEARSALS = 5;

/** A scene: one message, or a few, from a process to another. */
export interface TraceScene {
  /** What its trace is called. */
  readonly title: string;
  /** The process that begins, and starts the other. */
  first(stage: Stage): Promise<void>;
  /** The other. */
  second(stage: Stage): Promise<void> | void;
}

/** One side of a scene. */
export class Stage implements AsyncDisposable {
  /** For names in the file system; gone afterwards. It is where the trace is written, too. */
  readonly directory: string;
  /** What the first side gave the second. */
  readonly args: readonly string[];
  readonly #scene: string;
  readonly #role: string;
  readonly #cleanup = new AsyncDisposableStack();
  #detach: (() => void) | undefined;
  #lines: AsyncIterator<string> | undefined;

  constructor(scene: string, directory: string, role: string, args: readonly string[]) {
    this.#scene = scene;
    this.directory = directory;
    this.#role = role;
    this.args = args;
  }

  /** Begins to tell of this process, under the name of its role. */
  record(): void {
    this.#detach ??= attach(this.directory, { name: this.#role });
  }

  /** Tells no more: what follows is cleaning up. */
  cut(): void {
    this.#detach?.();
    this.#detach = undefined;
  }

  /** Disposes of an object when the scene is over. */
  use<T extends Disposable>(object: T): T {
    return this.#cleanup.use(object);
  }

  /** Runs a cleanup when the scene is over, or when the returned function is called, once. */
  defer(cleanup: () => void): () => void {
    let done = false;
    const once = () => {
      if (!done) cleanup();
      done = true;
    };
    this.#cleanup.defer(once);
    return once;
  }

  /** Starts the other side, and waits until it says that it is ready. */
  async start(args: readonly string[] = [], options: Pick<CommandOptions, "stdin"> = {}): Promise<Child> {
    const script = new URL("./scene_process.ts", import.meta.url);
    const program = script.protocol === "file:" ? fromFileUrl(script) : script.href;
    const child = this.#cleanup.use(
      command(Deno.execPath(), ["run", ...PEER_FLAGS, program, this.#scene, this.directory, "second", ...args], {
        stdin: "null",
        stdout: "piped",
        stderr: "inherit",
        timeoutMs: PATIENCE_MS,
        ...options,
      }).spawn(),
    );
    const decoder: TransformStream<Uint8Array<ArrayBuffer>, string> = new TextDecoderStream();
    this.#lines = child.stdout.pipeThrough(decoder).pipeThrough(new TextLineStream())[Symbol.asyncIterator]();
    await this.cue();
    return child;
  }

  /** Waits until the other side says that it is ready, once more, and then for a moment, so that it waits by then. */
  async cue(): Promise<void> {
    const line = await this.#lines?.next();
    if (line?.done !== false) throw new Error("The other process ended before it was ready");
    await this.suspense();
  }

  /** Says that this side is ready, to who started it. */
  ready(): void {
    Deno.stdout.writeSync(new TextEncoder().encode("ready\n"));
  }

  /** The same, and until the other side sleeps, as far as that can be told from outside: then there is a wait to be seen. */
  async cueAsleep({ pid }: Child): Promise<void> {
    await this.cue();
    for (let looks = 0; looks < 100 && !/\) S [^)]*$/.test(readProcFile(`/proc/${pid}/stat`)); looks++) {
      await this.suspense();
    }
  }

  /** Lets the other side wait for a moment. */
  async suspense(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, SUSPENSE_MS));
  }

  /** Ends the telling, and waits for the other side's end, which must be a good one. */
  async over(child: Child): Promise<void> {
    const status = await child.status;
    this.cut();
    if (!isSuccess(status)) throw new Error("The other process failed");
  }

  /** Undoes everything. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await this.#cleanup.disposeAsync();
  }
}
