/**
 * The once in C, for `Struct.cHeader()`; docs/layouts.md explains it.
 *
 * @module
 */

import type { CDefinition } from "../memory/c_type.ts";
import { MUTEX_IN_C, ROBUST_LIST_IN_C } from "./mutex_in_c.ts";

/** The mutex, the struct, and `causeway_once_begin` and `causeway_once_end`. */
export const ONCE_IN_C: readonly CDefinition[] = [ROBUST_LIST_IN_C, MUTEX_IN_C, {
  name: "once",
  code: String.raw`
struct causeway_once {
  struct causeway_mutex lock;
  _Atomic uint32_t state;
  uint32_t reserved;
};
_Static_assert(sizeof(struct causeway_once) == 48, "once");

/* 0: it is done. 1: do it, and call causeway_once_end. 2: the same, and one died doing it. -1: unusable. */
static inline int causeway_once_begin(struct causeway_once *once) {
  if (atomic_load(&once->state) == 2) return 0;
  int locked = causeway_lock(&once->lock);
  if (locked < 0) return -1;
  if (locked > 0) atomic_store(&once->lock.state, 0);
  uint32_t state = atomic_load(&once->state);
  if (state > 1) return causeway_unlock(&once->lock), state == 2 ? 0 : -1;
  atomic_store(&once->state, 1);
  return state == 1 ? 2 : 1;
}

static inline void causeway_once_end(struct causeway_once *once, int done) {
  atomic_store(&once->state, done ? 2 : 0);
  causeway_unlock(&once->lock);
}
`,
}];
