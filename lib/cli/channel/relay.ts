/**
 * Passing messages between two channels, both ways or the one way that there is.
 *
 * @module
 */

import type { Channel } from "../../channel/channel.ts";
import { ChannelClosedError } from "../../errors.ts";
import { UsageError } from "../command_line.ts";

/** Whose message: that of the peer at A, or of the one at B. */
export type Side = "a" | "b";

/** How {@linkcode relay} passes messages. */
export interface RelayOptions {
  /** Ends it. */
  readonly signal: AbortSignal;
  /** How long the other direction may be silent when one has ended. */
  readonly lingerMs: number;
  /** Sees every message before it is passed on. */
  onMessage(from: Side, message: Uint8Array): void;
  /** Sees the end of a direction. */
  onEnd(from: Side): void;
}

/**
 * Passes messages until both directions have ended, or one has and the other is silent. A slow end slows the other one down.
 *
 * @throws {UsageError} No message can go either way.
 * @throws {ChannelClosedError} A peer died.
 */
export async function relay(
  a: Channel<Uint8Array>,
  b: Channel<Uint8Array>,
  { signal, lingerMs, onMessage, onEnd }: RelayOptions,
): Promise<void> {
  const silence = new Silence(lingerMs);
  const over = new AbortController();
  const ending = AbortSignal.any([signal, silence.signal, over.signal]);
  const copy = async (from: Side, source: Channel<Uint8Array>, target: Channel<Uint8Array>) => {
    for (let message = await source.receive({ signal: ending }); message !== null;) {
      silence.broken();
      onMessage(from, message);
      await target.send(message, { signal: ending });
      message = await source.receive({ signal: ending });
    }
    target.closeSending();
  };
  const directions = [
    ...(canPass(a, b) ? [["a", copy("a", a, b)] as const] : []),
    ...(canPass(b, a) ? [["b", copy("b", b, a)] as const] : []),
  ];
  if (directions.length === 0) throw new UsageError(`No message goes from ${a.address} to ${b.address} or back`);
  try {
    await Promise.all(directions.map(async ([from, copying]) => {
      await copying.catch((error: unknown) => {
        // Who has closed wants no more: that is an end like any other.
        if (!(error instanceof ChannelClosedError && error.reason === "closed")) throw error;
      });
      onEnd(from);
      silence.begin();
    }));
  } catch (error) {
    if (!silence.signal.aborted || signal.aborted) throw error;
  } finally {
    silence.end();
    over.abort();
    // Nothing may go on with a channel that somebody is about to close.
    await Promise.allSettled(directions.map(([, copying]) => copying));
  }
}

function canPass(from: Channel<Uint8Array>, to: Channel<Uint8Array>): boolean {
  return from.directions !== "send" && to.directions !== "receive";
}

/** Aborts when, from some moment on, nothing was heard for so long. */
class Silence {
  readonly #ms: number;
  readonly #over = new AbortController();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #watching = false;

  constructor(ms: number) {
    this.#ms = ms;
  }

  get signal(): AbortSignal {
    return this.#over.signal;
  }

  begin(): void {
    this.#watching = true;
    this.broken();
  }

  broken(): void {
    if (!this.#watching) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#over.abort(new DOMException("Silence", "AbortError")), this.#ms);
  }

  end(): void {
    this.#watching = false;
    clearTimeout(this.#timer);
  }
}
