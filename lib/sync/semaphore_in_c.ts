/**
 * The semaphore in C, for `Struct.cHeader()`; docs/layouts.md explains it.
 *
 * @module
 */

import type { CNamedType } from "../memory/c_type.ts";
import { PARTICIPANT_IN_C } from "./participants_in_c.ts";

/** The semaphore without its records, and its functions. */
export const SEMAPHORE_IN_C: CNamedType = {
  type: "struct causeway_semaphore",
  definitions: [...PARTICIPANT_IN_C, {
    name: "semaphore",
    code: String.raw`
struct causeway_permits {
  _Atomic uint32_t generation;
  _Atomic int32_t held;
};

/* The records follow: one struct causeway_permits for each slot of the participant table. */
struct causeway_semaphore {
  _Atomic uint32_t gate;
  _Atomic uint32_t seq;
  _Atomic uint32_t waiting;
  _Atomic int32_t delta;
  _Atomic uint32_t turns;
  _Atomic uint32_t bell;
  uint64_t owners;
  struct robust_list entry;
};
_Static_assert(sizeof(struct causeway_semaphore) == 40, "semaphore");

/* permits: the number in semaphore(n). What the dead hold counts as held. */
static inline int64_t causeway_available(struct causeway_semaphore *semaphore, const struct causeway_member *me, int32_t permits) {
  struct causeway_permits *records = (struct causeway_permits *)(semaphore + 1);
  int64_t available = (int64_t)permits + atomic_load(&semaphore->delta);
  for (uint32_t index = 0, top = causeway_top(me); index < top; index++) {
    int32_t held = atomic_load(&records[index].held);
    if (held > 0) available -= held;
  }
  return available;
}

/* For whoever gave something: between begin and end the kernel wakes one sleeper of the bell when the thread dies. */
static inline void causeway_give_begin(struct causeway_semaphore *semaphore) {
  causeway_list.list_op_pending = (struct robust_list *)((char *)&semaphore->bell + 32);
}

static inline void causeway_give_end(struct causeway_semaphore *semaphore) {
  uint32_t waiting = atomic_load(&semaphore->waiting);
  if (waiting) {
    atomic_fetch_add(&semaphore->seq, 1);
    syscall(SYS_futex, &semaphore->seq, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
    atomic_compare_exchange_strong(&semaphore->waiting, &waiting, 0);
  }
  causeway_list.list_op_pending = NULL;
}

/* Finds a permit, with the gate: 1, or 0 and what to sleep on. */
static inline int causeway_find(struct causeway_semaphore *semaphore, const struct causeway_member *me, int32_t permits,
                                struct causeway_sleep *sleep) {
  struct causeway_permits *records = (struct causeway_permits *)(semaphore + 1);
  if (causeway_available(semaphore, me, permits) > 0) return 1;
  uint32_t seq = atomic_load(&semaphore->seq);
  sleep->count = 0;
  causeway_sleep_on(sleep, &semaphore->seq, seq);
  causeway_sleep_on(sleep, &semaphore->delta, (uint32_t)atomic_load(&semaphore->delta));
  causeway_sleep_on(sleep, &semaphore->bell, atomic_load(&semaphore->bell));
  sleep->relayed = sleep->count;
  atomic_store(&semaphore->waiting, seq + 1 ? seq + 1 : 1);
  for (uint32_t index = 0, top = causeway_top(me); index < top; index++) {
    int32_t held = atomic_load(&records[index].held);
    if (held == 0 || causeway_watch(sleep, me->table + index, atomic_load(&records[index].generation))) continue;
    atomic_compare_exchange_strong(&records[index].held, &held, 0);
  }
  return causeway_available(semaphore, me, permits) > 0;
}

/* Takes a permit: owned by this thread, or used up. Returns 1, or 0 when there is none and wait is 0. */
static inline int causeway_semaphore_take(struct causeway_semaphore *semaphore, const struct causeway_member *me, int32_t permits,
                                          int owned, int wait) {
  struct causeway_permits *own = (struct causeway_permits *)(semaphore + 1) + me->index;
  while (1) {
    struct causeway_sleep sleep;
    causeway_take_blocking(&semaphore->gate, &semaphore->entry);
    int found = causeway_find(semaphore, me, permits, &sleep);
    if (found && !owned) atomic_fetch_sub(&semaphore->delta, 1);
    if (found && owned) {
      if (atomic_load(&own->generation) != me->generation) {
        atomic_store(&own->held, 0);
        atomic_store(&own->generation, me->generation);
      }
      atomic_fetch_add(&own->held, 1);
    }
    if (found) atomic_fetch_add(&semaphore->turns, 1);
    /* Whoever posted what is left may have died before it woke anybody. */
    if (found && atomic_load(&semaphore->waiting) && causeway_available(semaphore, me, permits) > 0) causeway_give_end(semaphore);
    causeway_give(&semaphore->gate, &semaphore->entry);
    if (found || !wait) return found;
    causeway_sleep_now(&sleep);
  }
}

/* A permit that comes back when this thread dies. */
static inline void causeway_acquire(struct causeway_semaphore *semaphore, const struct causeway_member *me, int32_t permits) {
  causeway_semaphore_take(semaphore, me, permits, 1, 1);
}

static inline void causeway_release(struct causeway_semaphore *semaphore, const struct causeway_member *me) {
  causeway_give_begin(semaphore);
  atomic_fetch_sub(&((struct causeway_permits *)(semaphore + 1) + me->index)->held, 1);
  causeway_give_end(semaphore);
}

/* A permit that is used up. It needs no slot of the table: of me only table and slots are read. */
static inline void causeway_semaphore_wait(struct causeway_semaphore *semaphore, const struct causeway_member *me, int32_t permits) {
  causeway_semaphore_take(semaphore, me, permits, 0, 1);
}

static inline int causeway_semaphore_try_wait(struct causeway_semaphore *semaphore, const struct causeway_member *me, int32_t permits) {
  return causeway_semaphore_take(semaphore, me, permits, 0, 0);
}

/* 1, or 0 when there would be more than INT32_MAX permits. */
static inline int causeway_semaphore_post(struct causeway_semaphore *semaphore, int32_t permits, int32_t count) {
  int32_t delta = atomic_load(&semaphore->delta);
  causeway_give_begin(semaphore);
  do {
    if ((int64_t)permits + delta + count > INT32_MAX || (int64_t)delta + count > INT32_MAX) {
      causeway_list.list_op_pending = NULL;
      return 0;
    }
  } while (!atomic_compare_exchange_strong(&semaphore->delta, &delta, delta + count));
  causeway_give_end(semaphore);
  return 1;
}
`,
  }],
};

/** One record. */
export const PERMITS_IN_C: CNamedType = { type: "struct causeway_permits" };
