/**
 * One object for one place: every view of a field in this thread must know what the others wait for and hold.
 *
 * @module
 */

import type { Place } from "../memory/field.ts";
import { mappingOf } from "../memory/memory.ts";
import type { Mapping } from "../sys/memory.ts";

/** Makes `ObjectField.place` of a function that makes the object; it is called once for each place of each mapping. */
export function oncePerPlace<View>(make: (place: Place, mapping: Mapping) => View): (place: Place) => View {
  const made = new WeakMap<Mapping, Map<number, View>>();
  return (place) => {
    const mapping = mappingOf(place.memory);
    let placed = made.get(mapping);
    if (placed === undefined) made.set(mapping, placed = new Map());
    let view = placed.get(place.offset);
    if (view === undefined) placed.set(place.offset, view = make(place, mapping));
    return view;
  };
}
