/**
 * The mutex in C, for `Struct.cHeader()`; docs/layouts.md explains it.
 *
 * @module
 */

import type { CDefinition } from "../memory/c_type.ts";

/** How a thread tells the kernel which robust words it holds. Every lock that is made of them needs it first. */
export const ROBUST_LIST_IN_C: CDefinition = {
  name: "robust_list",
  code: String.raw`
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

static _Thread_local struct robust_list_head causeway_list;
static _Thread_local uint32_t causeway_tid;

static inline void causeway_thread(void) {
  causeway_list.list.next = &causeway_list.list;
  causeway_list.futex_offset = -32;
  causeway_tid = (uint32_t)syscall(SYS_gettid);
  syscall(SYS_set_robust_list, &causeway_list, sizeof causeway_list);
}

/* Frees a word that this thread has, and wakes all who sleep on it: one step, also for who is killed on the way. */
static inline void causeway_free(_Atomic uint32_t *word) {
  uint32_t own = causeway_tid;
  if (atomic_compare_exchange_strong(word, &own, 0)) return;
  syscall(SYS_futex, word, FUTEX_WAKE_OP, 0x7fffffff, NULL, word, FUTEX_OP(FUTEX_OP_SET, 0, FUTEX_OP_CMP_EQ, 0));
}
`,
};

/** The struct, and `causeway_lock` and `causeway_unlock`. */
export const MUTEX_IN_C: CDefinition = {
  name: "mutex",
  code: String.raw`
struct causeway_mutex {
  _Atomic uint32_t word;
  _Atomic uint32_t state;
  _Atomic uint32_t turns;
  uint32_t reserved0;
  uint64_t reserved1;
  uint64_t owners;
  struct robust_list entry;
};
_Static_assert(sizeof(struct causeway_mutex) == 40, "mutex");
_Static_assert(offsetof(struct causeway_mutex, entry) == 32, "entry");

static inline void causeway_unlock(struct causeway_mutex *mutex) {
  struct robust_list *before = &causeway_list.list;
  causeway_list.list_op_pending = &mutex->entry;
  while (before->next != &mutex->entry) before = before->next;
  before->next = mutex->entry.next;
  causeway_free(&mutex->word);
  causeway_list.list_op_pending = NULL;
}

/* 0: locked. 1: locked, and an owner died. -1: unusable. */
static inline int causeway_lock(struct causeway_mutex *mutex) {
  uint32_t slept = 0, seen;
  while (1) {
    seen = atomic_load(&mutex->word);
    if ((seen & FUTEX_TID_MASK) == 0) {
      causeway_list.list_op_pending = &mutex->entry;
      if (atomic_compare_exchange_strong(&mutex->word, &seen, causeway_tid | slept | (seen & FUTEX_WAITERS))) break;
      causeway_list.list_op_pending = NULL;
      continue;
    }
    if (!(seen & FUTEX_WAITERS)) {
      if (!atomic_compare_exchange_strong(&mutex->word, &seen, seen | FUTEX_WAITERS)) continue;
      seen |= FUTEX_WAITERS;
    }
    /* At most a second: two deaths within microseconds can lose a wake-up. */
    struct { int64_t seconds, nanoseconds; } limit = {1, 0};
    syscall(SYS_futex, &mutex->word, FUTEX_WAIT, seen, &limit, NULL, 0);
    slept = FUTEX_WAITERS;
  }
  mutex->entry.next = causeway_list.list.next;
  causeway_list.list.next = &mutex->entry;
  causeway_list.list_op_pending = NULL;
  atomic_fetch_add(&mutex->turns, 1);
  uint32_t state = atomic_load(&mutex->state);
  if (state == 0 && !(seen & FUTEX_OWNER_DIED)) return 0;
  if (state > 1) return causeway_unlock(mutex), -1;
  atomic_store(&mutex->state, 1);
  return 1;
}
`,
};
