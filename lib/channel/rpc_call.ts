/**
 * What a method that is called from outside can know of its call: that the caller has given it up, and how much time is left.
 *
 * @module
 */

/** A call, as the method that serves it sees it. */
export interface CallContext {
  /**
   * Aborts when the caller gives the call up, its time is over, it stops reading the stream that was returned, or it is gone; the reason is
   * the caller's.
   */
  readonly signal: AbortSignal;
  /** Milliseconds that the caller still waits; `Infinity` when it set no limit. */
  readonly remainingMs: number;
}

let current: ServedCall | undefined;

/**
 * `currentCall()`: the call that this method serves.
 *
 * It is known until the method's first `await` (in an async generator: up to the first `await` or `yield`), so a method asks on its first
 * line and keeps the answer.
 *
 * @returns The call; `undefined` when the method was called by its own program.
 *
 * @example
 * ```ts
 * import { currentCall } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const api = {
 *   async load(url: string): Promise<string> {
 *     const signal = currentCall()?.signal ?? null;
 *     return await (await fetch(url, { signal })).text();
 *   },
 * };
 * assertEquals(await api.load("data:,hello"), "hello");
 * ```
 */
export function currentCall(): CallContext | undefined {
  return current;
}

/** A call that is being served. The signal is made when somebody asks for it. */
export class ServedCall implements CallContext {
  readonly bytes: number;
  /** Something more to do when it is over. */
  onFinish: (() => void) | undefined;
  readonly #deadlineMs: number;
  readonly #timeoutMs: number | undefined;
  #controller: AbortController | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #cancelled: { readonly reason: unknown } | undefined;

  /** @param bytes What the arguments weigh. */
  constructor(timeoutMs: number | undefined, bytes = 0) {
    this.bytes = bytes;
    this.#timeoutMs = timeoutMs;
    this.#deadlineMs = timeoutMs === undefined ? Infinity : performance.now() + timeoutMs;
  }

  get remainingMs(): number {
    return this.#timeoutMs === undefined ? Infinity : Math.max(0, this.#deadlineMs - performance.now());
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#cancelled !== undefined) this.#controller.abort(this.#cancelled.reason);
      else if (this.#timeoutMs !== undefined) this.#arm();
    }
    return this.#controller.signal;
  }

  /** Runs the part of a method that is not asynchronous. */
  run<T>(work: () => T): T {
    const outer = current;
    current = this;
    try {
      return work();
    } finally {
      current = outer;
    }
  }

  /** Tells the method that nobody waits for it any more. */
  cancel(reason: unknown): void {
    if (this.#cancelled !== undefined) return;
    this.#cancelled = { reason };
    clearTimeout(this.#timer);
    this.#controller?.abort(reason);
  }

  /** The method is over. */
  finish(): void {
    clearTimeout(this.#timer);
    const { onFinish } = this;
    this.onFinish = undefined;
    onFinish?.();
  }

  /** The caller says when the time is over; where it cannot any more, because it was stopped, this clock does. */
  #arm(): void {
    const ms = Math.min(this.remainingMs, 2 ** 31 - 1);
    this.#timer = setTimeout(() => {
      if (this.remainingMs > 0) this.#arm();
      else this.cancel(new DOMException(`A call timed out after ${this.#timeoutMs} ms`, "TimeoutError"));
    }, ms);
  }
}
