/**
 * Short names for what messages travel through, where a drawing has room for few letters.
 *
 * @module
 */

import { placeOf, textFact, type TraceEvent } from "./event.ts";
import { socketPeers } from "./socket_peers.ts";

/** The names of one trace. */
export class ObjectNames {
  readonly #short = new Map<string, string>();
  /** By what it is in full, what it is called. */
  readonly #legend = new Map<string, string>();
  /** Locks and their like: by place, then what each is called. */
  readonly #places = new Map<string, string>();

  constructor(events: readonly TraceEvent[]) {
    const used = events.filter(({ kind }) => /^(read|write|wait|queue\.)/.test(kind)).flatMap((event) =>
      objectIn(event) ?? []
    );
    const peers = socketPeers(events);
    // The two ends of a connection are one road.
    const road = (object: string) => [...new Set([object, peers.get(object) ?? object])].sort().join(" and ");
    const objects = [...new Set(used)].filter((object) => !object.startsWith("anon_inode:"));
    for (const kind of ["pipe", "socket", ""]) {
      const alike = [...Map.groupBy(objects.filter((object) => kindOf(object) === kind), road)];
      alike.forEach(([whole, ends], index) => {
        const name = kind === "" ? baseName(whole) : numbered(kind, index, alike.length);
        this.#legend.set(whole, name);
        for (const end of ends) this.#short.set(end, name).set(peers.get(end) ?? end, name);
      });
    }
    for (const noun of NOUNS) {
      const about = events.filter((event) => nounOf(event) === noun).flatMap((event) => placeOf(event) ?? []);
      const places = [...new Set(about)];
      places.forEach((place, index) =>
        this.#places.set(place, places.length === 1 ? `the ${noun}` : `${noun} ${index + 1}`)
      );
    }
  }

  /** The lock, or its like, that an event is about: `"the lock"`, `"lock 2"`. */
  place(event: TraceEvent): string {
    const name = this.#places.get(placeOf(event) ?? "");
    return name ?? `the ${nounOf(event) ?? "lock"}`;
  }

  /** A lock, or its like, by its place, where there are several. */
  placeNamed(place: string): string | undefined {
    const name = this.#places.get(place);
    return name === undefined || name.startsWith("the ") ? undefined : name;
  }

  /** What an event is about: `"pipe"`, `"pipe 2"`, `"jobs"`. */
  of(event: TraceEvent): string {
    return this.short(objectIn(event)) ?? "";
  }

  /** The same, to be put behind something, where there are several. */
  suffix(event: TraceEvent): string {
    const name = this.#legend.size > 1 ? this.of(event) : "";
    return name === "" ? "" : ` ${name}`;
  }

  /** The short name of an object. */
  short(object: string | undefined): string | undefined {
    return object === undefined ? undefined : this.#short.get(object);
  }

  /** What the numbers stand for. */
  get legend(): string[] {
    return [...this.#legend].filter(([object, short]) => object !== short && object !== `/${short}`).map((
      [object, short],
    ) => `${short}: ${object}`).concat(
      [...this.#places].filter(([, name]) => !name.startsWith("the ")).map(([place, name]) =>
        `${name}: ${place.replace(/\+(\d+)$/, " at byte $1")}`
      ),
    );
  }
}

/** What kind of thing in shared memory an event is about. */
function nounOf({ kind, facts }: TraceEvent): string | undefined {
  if (kind === "lock" || kind === "unlock") return "lock";
  const noun = kind === "wait" ? String(facts.for) : /^(\w+)\./.exec(kind)?.[1];
  return noun !== undefined && NOUNS.has(noun) ? noun : undefined;
}

const NOUNS: ReadonlySet<string> = new Set(["lock", "event", "semaphore", "condition", "barrier"]);

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
