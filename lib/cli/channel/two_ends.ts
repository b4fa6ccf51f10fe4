/**
 * Opening both ends that `bridge` and `record` join.
 *
 * @module
 */

import type { Channel } from "../../channel/channel.ts";
import { type EndRequest, openRawEnd } from "./end.ts";

/** Both ends, closed together. */
export interface TwoEnds extends AsyncDisposable {
  readonly a: Channel<Uint8Array>;
  readonly b: Channel<Uint8Array>;
}

/** How both ends are opened. */
export interface TwoEndsRequest extends Omit<EndRequest, "mode" | "use"> {
  readonly modes: { readonly a: EndRequest["mode"]; readonly b: EndRequest["mode"] };
}

/** Waits for the two peers: in whatever order they come, but nobody is disturbed at B before there is somebody at A to listen for. */
export async function openTwoEnds(a: string, b: string, request: TwoEndsRequest): Promise<TwoEnds> {
  const { modes } = request;
  const over = new AbortController();
  const signal = AbortSignal.any([request.signal, over.signal]);
  const open = (address: string, mode: EndRequest["mode"]) =>
    openRawEnd(address, { ...request, mode, use: "any", signal });
  await using opened = new AsyncDisposableStack();
  const first = open(a, modes.a).then((end) => opened.use(end));
  const before = modes.a === "listen" && modes.b === "connect" ? first : Promise.resolve();
  const second = before.then(() => open(b, modes.b)).then((end) => opened.use(end));
  let ends: readonly [Channel<Uint8Array>, Channel<Uint8Array>];
  try {
    ends = await Promise.all([first, second]);
  } finally {
    // One that failed takes the other with it.
    over.abort(request.signal.aborted ? request.signal.reason : new DOMException("The other end failed", "AbortError"));
    await Promise.allSettled([first, second]);
  }
  const owned = opened.move();
  return { a: ends[0], b: ends[1], [Symbol.asyncDispose]: () => owned.disposeAsync() };
}
