/**
 * The reader-writer lock in C, for `Struct.cHeader()`; docs/layouts.md explains it.
 *
 * @module
 */

import type { CNamedType } from "../memory/c_type.ts";
import { PARTICIPANT_IN_C } from "./participants_in_c.ts";

/** The lock without its records, and its functions. */
export const RW_LOCK_IN_C: CNamedType = {
  type: "struct causeway_rw_lock",
  definitions: [...PARTICIPANT_IN_C, {
    name: "rw_lock",
    code: String.raw`
/* The records follow: one _Atomic uint32_t for each slot of the participant table. */
struct causeway_rw_lock {
  _Atomic uint32_t word;
  _Atomic uint32_t state;
  _Atomic uint32_t turns;
  _Atomic uint32_t seq;
  _Atomic uint32_t waiting;
  uint32_t reserved0;
  uint64_t owners;
  struct robust_list entry;
};
_Static_assert(sizeof(struct causeway_rw_lock) == 40, "rwLock");

static inline void causeway_read_unlock(struct causeway_rw_lock *lock, const struct causeway_member *me) {
  _Atomic uint32_t *records = (_Atomic uint32_t *)(lock + 1);
  uint32_t generation = me->generation;
  atomic_compare_exchange_strong(records + me->index, &generation, 0);
  uint32_t waiting = atomic_load(&lock->waiting);
  if (!waiting) return;
  atomic_fetch_add(&lock->seq, 1);
  syscall(SYS_futex, &lock->seq, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
  atomic_compare_exchange_strong(&lock->waiting, &waiting, 0);
}

/* 0: reading. 1: a writer died while it wrote. -1: unusable. A thread that reads already must not call it. */
static inline int causeway_read_lock(struct causeway_rw_lock *lock, const struct causeway_member *me) {
  _Atomic uint32_t *records = (_Atomic uint32_t *)(lock + 1);
  for (int slept = 0;; slept = 1) {
    uint32_t state, expected = causeway_announce(&lock->word);
    if (expected) {
      struct timespec limit = {1, 0};
      syscall(SYS_futex, &lock->word, FUTEX_WAIT, expected, &limit, NULL, 0);
      continue;
    }
    expected = atomic_load(&lock->word);
    if (slept && !(expected & FUTEX_TID_MASK) && (expected & FUTEX_WAITERS)) {
      /* It will not release the word, so it wakes the others now. */
      syscall(SYS_futex, &lock->word, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
      atomic_compare_exchange_strong(&lock->word, &expected, expected & ~FUTEX_WAITERS);
    }
    atomic_store(records + me->index, me->generation);
    if (atomic_load(&lock->word) & FUTEX_TID_MASK) {
      causeway_read_unlock(lock, me);
      continue;
    }
    state = atomic_load(&lock->state);
    if (state == 0) {
      if (slept) atomic_fetch_add(&lock->turns, 1);
      return 0;
    }
    causeway_read_unlock(lock, me);
    return state == 1 ? 1 : -1;
  }
}

/* 0: writing. 1: writing, and a writer died while it wrote. -1: unusable. */
static inline int causeway_write_lock(struct causeway_rw_lock *lock, const struct causeway_member *me) {
  _Atomic uint32_t *records = (_Atomic uint32_t *)(lock + 1);
  causeway_take_blocking(&lock->word, &lock->entry);
  if (atomic_load(&lock->state) > 1) return causeway_give(&lock->word, &lock->entry), -1;
  while (1) {
    struct causeway_sleep sleep = {.count = 0, .relayed = 1};
    uint32_t top = causeway_top(me), seq = atomic_load(&lock->seq);
    atomic_store(&lock->waiting, seq + 1 ? seq + 1 : 1);
    causeway_sleep_on(&sleep, &lock->seq, seq);
    for (uint32_t index = 0; index < top; index++) {
      uint32_t generation = atomic_load(records + index);
      if (generation == 0 || causeway_watch(&sleep, me->table + index, generation)) continue;
      atomic_compare_exchange_strong(records + index, &generation, 0);
    }
    if (sleep.count == 1) break;
    causeway_sleep_now(&sleep);
  }
  atomic_store(&lock->waiting, 0);
  atomic_fetch_add(&lock->turns, 1);
  return atomic_exchange(&lock->state, 1) == 1;
}

/* sound: whether what the lock guards is in order. */
static inline void causeway_write_unlock(struct causeway_rw_lock *lock, int sound) {
  atomic_store(&lock->state, sound ? 0 : 2);
  causeway_give(&lock->word, &lock->entry);
}
`,
  }],
};

/** One record. */
export const RW_RECORDS_IN_C: CNamedType = { type: "_Atomic uint32_t" };
