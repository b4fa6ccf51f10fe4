/**
 * Modules of Deno's Node layer that take long to load (`node:net` and `node:fs` about 20 ms each), loaded when they are first used.
 *
 * Loading one runs the microtasks that are queued, in the midst of whoever asks for it. What every program needs (`node:process`,
 * `node:timers`, `node:diagnostics_channel`, 15 ms) is imported where it is used, so that this happens before any of our code runs.
 *
 * @see {@link https://nodejs.org/api/process.html#processgetbuiltinmoduleid process.getBuiltinModule(id)}
 * @module
 */

import process from "node:process";

/** `node:net`. */
export function nodeNet(): typeof import("node:net") {
  return process.getBuiltinModule("node:net");
}

/** `node:timers`: Deno's own globals have no `setImmediate` that TypeScript knows. */
export function nodeTimers(): typeof import("node:timers") {
  return process.getBuiltinModule("node:timers");
}

/** `node:fs`. */
export function nodeFs(): typeof import("node:fs") {
  return process.getBuiltinModule("node:fs");
}

/** `node:dns`: what resolves names as every other program of the machine does, /etc/hosts included. */
export function nodeDns(): typeof import("node:dns") {
  return process.getBuiltinModule("node:dns");
}
