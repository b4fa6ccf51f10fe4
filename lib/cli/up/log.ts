/**
 * What services say and what becomes of them, as one log.
 *
 * @module
 */

import { styleText } from "node:util";
import { displayText } from "../../process/display.ts";
import type { SupervisorEvent } from "../../process/mod.ts";
import type { StreamName } from "../each/capture.ts";
import { jsonText } from "../output.ts";

/** An event as `--json` prints it, one a line, and as it goes through the control socket. */
export type EventRecord = { readonly [field: string]: unknown } & {
  /** When, in ISO 8601. */
  readonly time: string;
  /** What, for example `"service.line"`. */
  readonly kind: string;
  /** Which service, where it is about one. */
  readonly name?: string;
};

/** How a log looks. */
export interface LogOptions {
  /** Names of all services. */
  readonly names: readonly string[];
  readonly json: boolean;
  readonly prefix: boolean;
  /** Whether control characters of services are passed as they are. */
  readonly raw: boolean;
  readonly colours: boolean;
}

/** A piece of the log, and where it goes. */
export interface LogPiece {
  readonly stream: StreamName;
  readonly text: string;
}

const COLOURS = ["cyan", "yellow", "green", "magenta", "blue"] as const;

/** Who speaks when it is no service. */
const OWN_NAME = "causeway";

/** An event as plain data. */
export function recordOf(event: SupervisorEvent, now: Date = new Date()): EventRecord {
  const plain = event.kind === "service.failed"
    ? { ...event, error: event.error.message, ...(event.error.status && { status: event.error.status }) }
    : event;
  return { time: now.toISOString(), ...plain };
}

/** Makes lines of events. */
export class Log {
  readonly #options: LogOptions;
  readonly #width: number;

  /** Names are padded to the longest. */
  constructor(options: LogOptions) {
    this.#options = options;
    this.#width = Math.max(OWN_NAME.length, ...options.names.map((name) => name.length));
  }

  /** A line, or several; `undefined` for what is not worth one. */
  piece(record: EventRecord): LogPiece | undefined {
    const { json, prefix, raw } = this.#options;
    if (json) return { stream: "stdout", text: `${jsonText(record)}\n` };
    const { name = "" } = record;
    if (record.kind === "service.line") {
      const said = String(record.text ?? "");
      const text = raw ? said : displayText(said);
      return { stream: "stdout", text: prefix ? `${this.#prefix(name)}${text}\n` : `${text}\n` };
    }
    const told = tell(record);
    if (told === undefined) return undefined;
    const text = displayText(name === "" ? told : `${name} ${told}`).replaceAll("\n", "; ");
    if (!prefix) return { stream: "stderr", text: `causeway: up: ${text}\n` };
    return { stream: "stdout", text: `${this.#prefix(OWN_NAME)}${this.#marked(record.kind, text)}\n` };
  }

  #prefix(name: string): string {
    const text = `${name.padEnd(this.#width)} | `;
    if (!this.#options.colours) return text;
    const index = this.#options.names.indexOf(name);
    const colour = index === -1 ? "gray" : COLOURS[index % COLOURS.length]!;
    return styleText(colour, text, { validateStream: false });
  }

  #marked(kind: string, text: string): string {
    if (!this.#options.colours || kind !== "service.failed") return text;
    return styleText("red", text, { validateStream: false });
  }
}

function tell(record: EventRecord): string | undefined {
  const number = (field: string) => Number(record[field] ?? 0);
  const text = (field: string) => String(record[field] ?? "");
  switch (record.kind) {
    case "service.start":
      return `started, pid ${text("pid")}${number("restarts") > 0 ? `, restart ${text("restarts")}` : ""}`;
    case "service.ready":
      return `is ready after ${duration(number("afterMs"))}`;
    case "service.unhealthy":
      return `is not well (${text("failures")} in a row): ${text("reason")}`;
    case "service.stopping":
      return record.reason === undefined ? "is being stopped" : `is being stopped: ${text("reason")}`;
    case "service.exit": {
      const forced = record.forced === true ? ", SIGKILL was needed" : "";
      return `${endOf(record.status)} after ${duration(number("durationMs"))}${forced}`;
    }
    case "service.restart":
      return `is started again in ${duration(number("delayMs"))}`;
    case "service.failed":
      return `has failed: ${text("error").split("\n", 1)[0]!.replace(/^Service "[^"]*" /, "")}`;
    case "supervisor.ready":
      return "all services are ready";
    case "supervisor.stopping":
      return record.because === "failed" ? "stopping the other services" : "stopping all services";
    case "supervisor.unprotected":
    case "supervisor.notice":
      return text("reason");
    default:
      return undefined;
  }
}

/** A status in words. It may come from another process. */
export function endOf(status: unknown): string {
  if (typeof status !== "object" || status === null || !("kind" in status)) return "ended";
  if (status.kind === "exited" && "code" in status) return `exited with code ${status.code}`;
  if (status.kind === "signaled" && "signal" in status) return `was killed by ${status.signal}`;
  return "ended";
}

/** Milliseconds for people. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(1)} s`;
  if (ms < 3_600_000) return `${Math.floor(ms / 60_000)} min ${Math.floor(ms / 1000) % 60} s`;
  return `${Math.floor(ms / 3_600_000)} h ${Math.floor(ms / 60_000) % 60} min`;
}
