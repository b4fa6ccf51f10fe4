/**
 * Which lane has which locks and permits, at one moment after the other.
 *
 * @module
 */

import { placeOf, type TraceEvent } from "./event.ts";

/** What the lanes of a drawing have in their hands. */
export class Holdings {
  /** By lane, then by place: how often. */
  readonly #held = new Map<number, Map<string, number>>();

  /** Follows an event of a lane, whatever it is. */
  follow(event: TraceEvent, lane: number): void {
    const change = changeOf(event);
    const place = placeOf(event);
    if (change === 0 || place === undefined) return;
    const own = this.#held.get(lane) ?? new Map<string, number>();
    const count = (own.get(place) ?? 0) + change;
    if (count > 0) own.set(place, count);
    else own.delete(place);
    this.#held.set(lane, own);
  }

  /** Whether a lane has anything. */
  hasAny(lane: number): boolean {
    return (this.#held.get(lane)?.size ?? 0) > 0;
  }

  /** The lanes that have what is at a place. */
  holders(place: string | undefined): number[] {
    if (place === undefined) return [];
    return [...this.#held].filter(([, own]) => own.has(place)).map(([lane]) => lane);
  }
}

/** Of permits only those count that somebody owns. */
function changeOf({ kind, facts }: TraceEvent): -1 | 0 | 1 {
  if (kind === "lock" || (kind === "semaphore.take" && facts.owned === true)) return 1;
  return kind === "unlock" || (kind === "semaphore.give" && facts.owned === true) ? -1 : 0;
}
