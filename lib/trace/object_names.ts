/**
 * Short names for what messages travel through, where a drawing has room for few letters.
 *
 * @module
 */

import { textFact, type TraceEvent } from "./event.ts";

/** The names of one trace. */
export class ObjectNames {
  readonly #short = new Map<string, string>();

  constructor(events: readonly TraceEvent[]) {
    const used = events.filter(({ kind }) => /^(read|write|wait|queue\.)/.test(kind)).flatMap((event) =>
      objectIn(event) ?? []
    );
    const objects = [...new Set(used)].filter((object) => !object.startsWith("anon_inode:"));
    for (const kind of ["pipe", "socket", ""]) {
      const alike = objects.filter((object) => kindOf(object) === kind);
      alike.forEach((object, index) =>
        this.#short.set(object, kind === "" ? baseName(object) : numbered(kind, index, alike.length))
      );
    }
  }

  /** What an event is about: `"pipe"`, `"pipe 2"`, `"jobs"`. */
  of(event: TraceEvent): string {
    return this.short(objectIn(event)) ?? "";
  }

  /** The same, to be put behind something, where there are several. */
  suffix(event: TraceEvent): string {
    const name = this.#short.size > 1 ? this.of(event) : "";
    return name === "" ? "" : ` ${name}`;
  }

  /** The short name of an object. */
  short(object: string | undefined): string | undefined {
    return object === undefined ? undefined : this.#short.get(object);
  }

  /** What the numbers stand for. */
  get legend(): string[] {
    return [...this.#short].filter(([object, short]) => object !== short && object !== `/${short}`).map((
      [object, short],
    ) => `${short}: ${object}`);
  }
}

function objectIn(event: TraceEvent): string | undefined {
  return textFact(event, "object") ?? (event.kind.startsWith("queue.") ? textFact(event, "name") : undefined);
}

function kindOf(object: string): string {
  return /^(pipe|socket):\[/.exec(object)?.[1] ?? "";
}

function numbered(kind: string, index: number, count: number): string {
  return count === 1 ? kind : `${kind} ${index + 1}`;
}

function baseName(object: string): string {
  return object.replace(/^.*\/(?=.)/, "");
}
