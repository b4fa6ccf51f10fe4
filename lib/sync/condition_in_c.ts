/**
 * The condition in C, for `Struct.cHeader()`; docs/layouts.md explains it.
 *
 * @module
 */

import type { CDefinition } from "../memory/c_type.ts";
import { MUTEX_IN_C, ROBUST_LIST_IN_C } from "./mutex_in_c.ts";

/** The mutex, the struct, and `causeway_condition_wait` and `causeway_condition_notify`. */
export const CONDITION_IN_C: readonly CDefinition[] = [ROBUST_LIST_IN_C, MUTEX_IN_C, {
  name: "condition",
  code: String.raw`
struct causeway_condition {
  _Atomic uint32_t seq;
  _Atomic uint32_t waiting;
  _Atomic uint32_t loops;
  uint32_t reserved;
};
_Static_assert(sizeof(struct causeway_condition) == 16, "condition");

/* With the mutex locked. Returns what locking it again does. May return for no reason. */
static inline int causeway_condition_wait(struct causeway_condition *condition, struct causeway_mutex *mutex) {
  struct { int64_t seconds, nanoseconds; } limit = {1, 0};
  atomic_fetch_add(&condition->waiting, 1);
  uint32_t seen = atomic_load(&condition->seq);
  causeway_unlock(mutex);
  syscall(SYS_futex, &condition->seq, FUTEX_WAIT, seen, &limit, NULL, 0);
  atomic_fetch_sub(&condition->waiting, 1);
  return causeway_lock(mutex);
}

/* most: 1, or 0x7fffffff for all. */
static inline void causeway_condition_notify(struct causeway_condition *condition, int most) {
  if (atomic_load(&condition->waiting) == 0) return;
  atomic_fetch_add(&condition->seq, 1);
  if (atomic_load(&condition->loops) != 0) most = 0x7fffffff;
  syscall(SYS_futex, &condition->seq, FUTEX_WAKE, most, NULL, NULL, 0);
}
`,
}];
