/**
 * Receiving by Deno's listeners, which need no permission and tell nothing but that a signal came.
 *
 * @module
 */

import { listenByDeno } from "./deno_listener.ts";
import { needsHandler } from "./needs_handler.ts";
import { signalInfo, type StandardSignal } from "./names.ts";
import type { Sink, Source, Subscription } from "./source.ts";

/** The source that works without FFI. */
export const denoSource: Source = { subscribe };

function subscribe(sink: Sink): Subscription {
  const infos = [...sink.numbers].map(signalInfo);
  const realtime = infos.find((info) => info.kind === "realtime");
  if (realtime !== undefined) {
    throw needsHandler(`receive ${realtime.name}`);
  }
  const stops: (() => void)[] = [];
  const close = () => {
    for (const stop of stops.splice(0)) stop();
  };
  try {
    for (const { name, number } of infos) {
      const signal = name as StandardSignal;
      stops.push(listenByDeno(signal, () => sink.push({ signal, number, cause: "unknown" })));
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    capacity: 0,
    dropped: () => 0,
    wait: keepAlive,
    watch: () => () => undefined,
    waitSync: refuse,
    collect: () => false,
    close,
  };
}

/** Deno's listeners do not keep the process alive. */
function keepAlive(): () => undefined {
  const timer = setInterval(() => {}, 2 ** 31 - 1);
  return () => void clearInterval(timer);
}

function refuse(): never {
  throw needsHandler("block for a signal");
}
