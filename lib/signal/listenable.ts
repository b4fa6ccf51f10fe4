/**
 * Which signals can be listened to, where, and by what.
 *
 * @module
 */

import { denoSource } from "./deno_source.ts";
import { handlerSource } from "./handler_source.ts";
import { type Signal, signalInfo } from "./names.ts";
import { hasHandler } from "./needs_handler.ts";
import type { Source } from "./source.ts";

/** A handler that returned from one of these would run the faulty instruction again, for ever; and V8 needs them. */
const FAULTS: ReadonlySet<Signal> = new Set<Signal>(["SIGILL", "SIGBUS", "SIGFPE", "SIGSEGV"]);

/** Whether this isolate is a Worker: Deno defines the scope's name there only. */
export const IS_WORKER = Reflect.has(globalThis, "WorkerGlobalScope");

/**
 * The numbers of signals that can be listened to, blocked or waited for.
 *
 * @param what What is to be done with them, for the error.
 * @throws {TypeError} When there is no such signal, none is given, or nobody can do that with it.
 */
export function listenable(names: readonly Signal[], what: "listened to" | "blocked" | "waited for"): Set<number> {
  const numbers = new Set<number>();
  for (const name of names) {
    const info = signalInfo(name);
    if (!info.catchable) throw new TypeError(`${info.name} cannot be ${what}: the kernel lets nobody handle it`);
    if (FAULTS.has(info.name)) {
      throw new TypeError(`${info.name} cannot be ${what}: the faulty instruction would run again for ever`);
    }
    numbers.add(info.number);
  }
  if (numbers.size === 0) throw new TypeError(`At least one signal is needed to be ${what}`);
  return numbers;
}

/** @throws {Error} In a Worker. */
export function requireMainThread(what: string): void {
  if (IS_WORKER) throw new Error(`Cannot ${what} in a Worker: they belong to the process, do so in the main thread`);
}

/** Where signals come from here. */
export function signalSource(): Source {
  return hasHandler() ? handlerSource() : denoSource;
}
