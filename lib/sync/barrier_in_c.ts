/**
 * The barrier in C, for `Struct.cHeader()`; docs/layouts.md explains it.
 *
 * @module
 */

import type { CNamedType } from "../memory/c_type.ts";
import { PARTICIPANT_IN_C } from "./participants_in_c.ts";

/** The barrier without its records. */
export const BARRIER_IN_C: CNamedType = {
  type: "struct causeway_barrier",
  definitions: [...PARTICIPANT_IN_C, {
    name: "barrier",
    code: String.raw`
struct causeway_barrier {
  _Atomic uint32_t gate;
  _Atomic uint32_t phase;
  _Atomic uint32_t joins;
  _Atomic uint32_t broken;
  uint64_t reserved;
  uint64_t owners;
  struct robust_list entry;
};
_Static_assert(sizeof(struct causeway_barrier) == 40, "barrier");
`,
  }],
};

/** One record. */
export const BARRIER_RECORD_IN_C: CNamedType = {
  type: "struct causeway_barrier_record",
  definitions: [{
    name: "barrier_record",
    code: String.raw`
struct causeway_barrier_record {
  _Atomic uint32_t generation;
  _Atomic uint32_t phase;
  _Atomic uint32_t count;
  _Atomic uint32_t ended;
};
_Static_assert(sizeof(struct causeway_barrier_record) == 16, "record");
`,
  }],
};
