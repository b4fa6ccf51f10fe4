/**
 * Checking how services are described, before anything is started.
 *
 * @module
 */

import { Command } from "./command.ts";
import { restartPolicy } from "./restart_policy.ts";
import type { HealthCheck, Readiness, ServiceSpec, SuperviseOptions } from "./supervisor_options.ts";

/**
 * Checks descriptions. Needs are checked by `start_order.ts`.
 *
 * @throws {TypeError | RangeError} For what makes no sense.
 */
export function checkSpecs(specs: readonly (readonly [string, ServiceSpec])[], options: SuperviseOptions): void {
  if (specs.length === 0) throw new TypeError("There must be at least one service");
  for (const [name, spec] of specs) checkSpec(name, spec);
  const { onEvent, only, whenFailed = "stop" } = options;
  oneOf("whenFailed", whenFailed, ["stop", "keep"]);
  if (onEvent !== undefined && typeof onEvent !== "function") throw wrong("onEvent", "a function", onEvent);
  const known = specs.map(([name]) => name);
  const unknown = only?.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    const list = known.map((name) => JSON.stringify(name)).join(", ");
    throw new TypeError(`There is no service ${JSON.stringify(unknown)}: there are ${list}`);
  }
}

function checkSpec(name: string, spec: ServiceSpec): void {
  // deno-lint-ignore no-control-regex -- a name stands before every line of the log
  if (name === "" || /[\x00-\x20\x7f-\x9f]/.test(name)) {
    throw new TypeError(
      `Service name must not be empty or hold blanks or control characters, got ${JSON.stringify(name)}`,
    );
  }
  const what = (field: string) => `Service ${JSON.stringify(name)}: ${field}`;
  if (typeof spec !== "object" || spec === null) throw wrong(`Service ${JSON.stringify(name)}`, "an object", spec);
  const { command, graceMs, health, needs, ready, restart, whenNeedsRestart = "keep" } = spec;
  if (!(command instanceof Command) && typeof command !== "function") {
    throw wrong(what("command"), "a command or a function that returns one", command);
  }
  if (needs !== undefined && !(Array.isArray(needs) && needs.every((need) => typeof need === "string"))) {
    throw wrong(what("needs"), "an array of names", needs);
  }
  oneOf(what("whenNeedsRestart"), whenNeedsRestart, ["keep", "restart"]);
  restartPolicy(restart, what("restart"));
  milliseconds(what("graceMs"), graceMs);
  if (ready !== undefined) checkReadiness(ready, what);
  if (health !== undefined) checkHealth(health, what);
}

function checkReadiness(ready: Readiness, what: (field: string) => string): void {
  if (typeof ready !== "object" || ready === null) throw wrong(what("ready"), "an object", ready);
  milliseconds(what("ready.timeoutMs"), ready.timeoutMs);
  const kinds = (["line", "descriptor", "socket", "command"] as const).filter((kind) => kind in ready);
  if (kinds.length !== 1) {
    throw wrong(what("ready"), "one of { line }, { descriptor }, { socket } and { command }", ready);
  }
  if ("line" in ready) {
    const isRight = (typeof ready.line === "string" && ready.line !== "") || ready.line instanceof RegExp;
    if (!isRight) throw wrong(what("ready.line"), "a text or a regular expression", ready.line);
    oneOf(what("ready.stream"), ready.stream ?? "both", ["stdout", "stderr", "both"]);
  } else if ("descriptor" in ready) {
    if (!Number.isInteger(ready.descriptor) || ready.descriptor < 3) {
      throw new RangeError(
        `${what("ready.descriptor")} must be a number above 2, got ${Deno.inspect(ready.descriptor)}`,
      );
    }
  } else if ("socket" in ready) {
    const { host, socket } = ready;
    const isPort = typeof socket === "number" && Number.isInteger(socket) && socket > 0 && socket < 65_536;
    if (!isPort && !(typeof socket === "string" && socket !== "")) {
      throw wrong(what("ready.socket"), "a path or a port in 1..65535", socket);
    }
    if (host !== undefined && typeof host !== "string") throw wrong(what("ready.host"), "a string", host);
  } else {
    if (!(ready.command instanceof Command)) throw wrong(what("ready.command"), "a command", ready.command);
    milliseconds(what("ready.everyMs"), ready.everyMs);
  }
}

function checkHealth(health: HealthCheck, what: (field: string) => string): void {
  if (typeof health !== "object" || health === null) throw wrong(what("health"), "an object", health);
  const { check, everyMs, failures = 1, timeoutMs } = health;
  if (!(check instanceof Command) && typeof check !== "function") {
    throw wrong(what("health.check"), "a command or a function", check);
  }
  milliseconds(what("health.everyMs"), everyMs);
  milliseconds(what("health.timeoutMs"), timeoutMs);
  if (!Number.isInteger(failures) || failures < 1) {
    throw new RangeError(
      `${what("health.failures")} must be a whole number of at least 1, got ${Deno.inspect(failures)}`,
    );
  }
}

function milliseconds(what: string, value: unknown): void {
  if (value === undefined || (typeof value === "number" && value >= 0)) return;
  throw new RangeError(`${what} must be a number of at least 0, got ${Deno.inspect(value)}`);
}

function oneOf(what: string, value: unknown, words: readonly string[]): void {
  if (typeof value === "string" && words.includes(value)) return;
  throw wrong(what, words.map((word) => JSON.stringify(word)).join(" or "), value);
}

function wrong(what: string, wanted: string, value: unknown): TypeError {
  return new TypeError(`${what} must be ${wanted}, got ${Deno.inspect(value, { depth: 1 })}`);
}
