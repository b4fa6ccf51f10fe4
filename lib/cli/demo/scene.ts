/**
 * Where a demonstration is played: who did what when, the processes it started, and everything that must be gone afterwards.
 *
 * @module
 */

import type { Child } from "../../process/child.ts";
import { command } from "../../process/command.ts";
import { describeStatus, isSuccess } from "../../process/status.ts";
import { fromFileUrl } from "../../std/path.ts";
import { monotonicNanoseconds } from "../../sys/clock.ts";
import type { CommandOptions } from "../../process/options.ts";
import { PEER_FLAGS } from "../peer_flags.ts";
import { Peer } from "./peer_process.ts";

/** One thing that somebody did. */
export interface DemoEvent {
  /** When, in nanoseconds of CLOCK_MONOTONIC. */
  readonly atNs: bigint;
  /** Who. */
  readonly who: string;
  /** What. */
  readonly did: string;
}

/** One thing that must be so. */
export interface Check {
  /** What must be so. */
  readonly claim: string;
  /** Whether it is. */
  readonly holds: boolean;
}

/** A program that is no better than a hung one by now. */
export const PATIENCE_MS = 10_000;

/** How a scene differs from those of `causeway demo`. */
export interface SceneOptions {
  /**
   * The program that a peer runs.
   * @default {peer.ts beside this file}
   */
  readonly script?: URL;
  /** Called for every event when it is noted: those of a child come later than they happened. */
  readonly onEvent?: ((event: DemoEvent) => void) | undefined;
}

/** A scene of one mechanism. */
export class Scene implements AsyncDisposable {
  readonly #name: string;
  readonly #script: URL;
  readonly #onEvent: ((event: DemoEvent) => void) | undefined;
  readonly #events: DemoEvent[] = [];
  readonly #checks: Check[] = [];
  readonly #cleanup = new AsyncDisposableStack();
  #directory: string | undefined;

  /** @param name The mechanism's name on the command line. */
  constructor(name: string, options: SceneOptions = {}) {
    this.#name = name;
    this.#script = options.script ?? new URL("./peer.ts", import.meta.url);
    this.#onEvent = options.onEvent;
  }

  /** Everything that was done, in the order of time. */
  get events(): DemoEvent[] {
    return this.#events.toSorted((left, right) => left.atNs < right.atNs ? -1 : left.atNs > right.atNs ? 1 : 0);
  }

  /** Everything that was checked. */
  get checks(): readonly Check[] {
    return this.#checks;
  }

  /** A directory that only this user can enter, gone with the scene. */
  get directory(): string {
    if (this.#directory !== undefined) return this.#directory;
    const made = Deno.makeTempDirSync({ prefix: "causeway-demo-" });
    this.#cleanup.defer(() => Deno.removeSync(made, { recursive: true }));
    return this.#directory = made;
  }

  /** Notes what this process just did. */
  did(what: string): void {
    this.note("parent", what);
  }

  /** Notes what somebody did, now or when the clock said `atNs`. */
  note(who: string, did: string, atNs: bigint = monotonicNanoseconds()): void {
    const event = { atNs, who, did };
    this.#events.push(event);
    this.#onEvent?.(event);
  }

  /** Checks the result. */
  check(claim: string, holds: boolean): void {
    this.#checks.push({ claim, holds });
  }

  /** Runs a cleanup when the scene is over, however it ends; the last one first. */
  defer(cleanup: () => void | Promise<void>): void {
    this.#cleanup.defer(cleanup);
  }

  /** Disposes of an object when the scene is over. */
  use<T extends Disposable>(object: T): T {
    return this.#cleanup.use(object);
  }

  /** Starts a plain program. What it does is timed at this process's end: it cannot tell. */
  program(name: string, args: readonly string[], options: CommandOptions = {}): Child {
    const child = command(name, args, { stdin: "null", stderr: "inherit", ...options }).spawn();
    this.#cleanup.use(child);
    this.did(`starts ${name}(${child.pid})`);
    return child;
  }

  /** Starts Deno with the other side of this mechanism. */
  peer(args: readonly string[] = [], options: Pick<CommandOptions, "stdin"> = {}): Peer {
    const script = this.#script;
    const program = script.protocol === "file:" ? fromFileUrl(script) : script.href;
    const child = command(Deno.execPath(), ["run", ...PEER_FLAGS, program, this.#name, ...args], {
      stdin: "null",
      stdout: "piped",
      stderr: "inherit",
      ...options,
    }).spawn();
    this.did(`starts child(${child.pid}), another Deno`);
    const peer = new Peer(child, (event) => this.note(`child(${child.pid})`, event.did, event.atNs));
    this.#cleanup.use(peer);
    return peer;
  }

  /** Waits for a child to tell the rest and end, which it must do well. */
  async over(child: Peer): Promise<void> {
    const status = await child.finished();
    this.did(`learns that child(${child.pid}) ${describeStatus(status)}`);
    this.check("the child ended well", isSuccess(status));
  }

  /** Ends what runs and removes what was made. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#cleanup.disposeAsync();
  }
}
