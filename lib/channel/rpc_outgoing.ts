/**
 * The calls that this side has made, until they are answered.
 *
 * @module
 */

import { Deadline } from "../sys/clock.ts";
import type { WaitOptions } from "../sys/clock.ts";
import { ReceivedStream } from "./rpc_stream.ts";
import { isAsyncIterable } from "./rpc_value.ts";

/** What a call is for. */
export type Target = { readonly method: string } | { readonly function: number } | { readonly describe: true };

/** A call: settled once, given up by any of its signals or by its time limit. */
export class OutgoingCall {
  /** What the caller waits for; iterable, for when the result is a stream. */
  readonly promise: Promise<unknown>;
  /** What its arguments weigh. */
  bytes = 0;
  readonly #resolve: (value: unknown) => void;
  readonly #reject: (reason: unknown) => void;
  readonly #onGivenUp: (reason: unknown) => void;
  #signals: AbortSignal[] | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #listener: (() => void) | undefined;
  #stream: ReceivedStream | undefined;
  #settled = false;

  constructor(onGivenUp: (reason: unknown) => void) {
    const { promise, resolve, reject } = Promise.withResolvers<unknown>();
    this.promise = Object.assign(promise, ITERATION);
    this.#resolve = resolve;
    this.#reject = reject;
    this.#onGivenUp = onGivenUp;
  }

  /** Whether the caller knows what became of it. */
  get settled(): boolean {
    return this.#settled;
  }

  /** Gives the call up when the options say so. */
  limit({ signal, timeoutMs }: WaitOptions, target: Target): void {
    if (signal !== undefined) this.watch(signal);
    if (timeoutMs === undefined || timeoutMs === Infinity) return;
    const deadline = new Deadline(doing(target), timeoutMs);
    const arm = () => {
      this.#timer = setTimeout(
        () => deadline.remainingMs > 0 ? arm() : this.giveUp(deadline.timeoutError()),
        Math.min(deadline.remainingMs, 2 ** 31 - 1),
      );
    };
    arm();
  }

  /** Gives the call up when a signal aborts. */
  watch(signal: AbortSignal): void {
    if (signal.aborted) return this.giveUp(signal.reason);
    this.#listener ??= () => this.giveUp(this.#signals?.find((each) => each.aborted)?.reason);
    (this.#signals ??= []).push(signal);
    signal.addEventListener("abort", this.#listener);
  }

  /** Nobody waits any more, here; the other side has to be told. */
  giveUp(reason: unknown): void {
    this.#release();
    if (this.#stream !== undefined) return this.#stream.giveUp({ error: reason });
    if (this.#settled) return;
    this.#settled = true;
    this.#reject(reason);
    this.#onGivenUp(reason);
  }

  /** The answer. The limits of a stream are in force until it has ended. */
  return(value: unknown): void {
    if (this.#settled) {
      // It came too late: nobody will read it.
      if (value instanceof ReceivedStream) value.giveUp({});
      return;
    }
    this.#settled = true;
    if (value instanceof ReceivedStream && (this.#signals !== undefined || this.#timer !== undefined)) {
      this.#stream = value;
      value.onOver(() => this.#release());
    } else {
      this.#release();
    }
    this.#resolve(value);
  }

  /** The answer that it failed, or that there will be none. */
  throw(error: unknown): void {
    this.#release();
    if (this.#settled) return;
    this.#settled = true;
    this.#reject(error);
  }

  #release(): void {
    clearTimeout(this.#timer);
    if (this.#listener === undefined) return;
    for (const signal of this.#signals ?? []) signal.removeEventListener("abort", this.#listener);
  }
}

/** What the caller waits for, for the message of a `TimeoutError`. */
function doing(target: Target): string {
  if ("method" in target) return `Calling ${target.method}()`;
  return "function" in target ? "Calling a function of the other side's" : "Asking for the methods";
}

/** What makes the promise of a call iterable. */
const ITERATION = {
  async *[Symbol.asyncIterator](this: Promise<unknown>): AsyncGenerator<unknown, void, void> {
    const items = await this;
    if (!isAsyncIterable(items)) throw new TypeError("What this call returned is no stream");
    yield* items;
  },
};
