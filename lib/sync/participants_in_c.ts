/**
 * The participant table in C, for `Struct.cHeader()`; docs/layouts.md explains it.
 *
 * @module
 */

import type { CDefinition } from "../memory/c_type.ts";
import { ROBUST_LIST_IN_C } from "./mutex_in_c.ts";

/** How a robust word is taken and released. */
const ROBUST_WORD_IN_C: CDefinition = {
  name: "robust_word",
  code: String.raw`
#include <errno.h>
#include <time.h>
#ifndef SYS_futex_waitv
#define SYS_futex_waitv 449
#endif

/* 1: taken. 0: somebody has it. slept is FUTEX_WAITERS for whoever has slept for the word. */
static inline int causeway_take(_Atomic uint32_t *word, struct robust_list *entry, uint32_t slept) {
  uint32_t seen = atomic_load(word);
  while (!(seen & FUTEX_TID_MASK)) {
    causeway_list.list_op_pending = entry;
    if (atomic_compare_exchange_strong(word, &seen, causeway_tid | slept | (seen & FUTEX_WAITERS))) {
      entry->next = causeway_list.list.next;
      causeway_list.list.next = entry;
      causeway_list.list_op_pending = NULL;
      return 1;
    }
    causeway_list.list_op_pending = NULL;
  }
  return 0;
}

static inline void causeway_give(_Atomic uint32_t *word, struct robust_list *entry) {
  struct robust_list *before = &causeway_list.list;
  causeway_list.list_op_pending = entry;
  while (before->next != entry) before = before->next;
  before->next = entry->next;
  causeway_free(word);
  causeway_list.list_op_pending = NULL;
}

/* The value to sleep on; 0 when nobody has the word. */
static inline uint32_t causeway_announce(_Atomic uint32_t *word) {
  uint32_t seen = atomic_load(word);
  while (seen & FUTEX_TID_MASK) {
    if (seen & FUTEX_WAITERS) return seen;
    if (atomic_compare_exchange_strong(word, &seen, seen | FUTEX_WAITERS)) return seen | FUTEX_WAITERS;
  }
  return 0;
}

/* Words to sleep on together. Of robust ones, those from relayed on, the kernel wakes one sleeper: that one wakes the others. */
struct causeway_sleep {
  struct futex_waitv words[FUTEX_WAITV_MAX];
  unsigned count, relayed;
};

static inline void causeway_sleep_on(struct causeway_sleep *sleep, void *word, uint32_t expected) {
  struct futex_waitv entry = {expected, (uintptr_t)word, FUTEX_32, 0};
  if (sleep->count < FUTEX_WAITV_MAX) sleep->words[sleep->count++] = entry;
}

/* Sleeps while all words have their values, at most a second. */
static inline void causeway_sleep_now(struct causeway_sleep *sleep) {
  struct timespec until, slice = {0, 10000000};
  clock_gettime(CLOCK_MONOTONIC, &until);
  until.tv_sec++;
  long result = syscall(SYS_futex_waitv, sleep->words, sleep->count, 0, &until, CLOCK_MONOTONIC);
  if (result < 0 && errno == ENOSYS) {
    /* Before Linux 5.16: the first word alone, and often a look at the others. */
    syscall(SYS_futex, (uintptr_t)sleep->words[0].uaddr, FUTEX_WAIT, (uint32_t)sleep->words[0].val, &slice, NULL, 0);
  }
  for (unsigned i = sleep->relayed; i < sleep->count; i++) {
    _Atomic uint32_t *word = (_Atomic uint32_t *)(uintptr_t)sleep->words[i].uaddr;
    uint32_t seen = atomic_load(word);
    if (seen == sleep->words[i].val || !(seen & FUTEX_WAITERS)) continue;
    if (atomic_compare_exchange_strong(word, &seen, seen & ~FUTEX_WAITERS)) {
      syscall(SYS_futex, word, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
    }
  }
}

static inline void causeway_take_blocking(_Atomic uint32_t *word, struct robust_list *entry) {
  for (uint32_t slept = 0; !causeway_take(word, entry, slept); slept = FUTEX_WAITERS) {
    struct timespec limit = {1, 0};
    uint32_t expected = causeway_announce(word);
    if (expected) syscall(SYS_futex, word, FUTEX_WAIT, expected, &limit, NULL, 0);
  }
}
`,
};

const PARTICIPANTS_IN_C: CDefinition = {
  name: "participants",
  code: String.raw`
struct causeway_participant {
  _Atomic uint32_t word;
  _Atomic uint32_t generation;
  _Atomic uint32_t top;
  uint32_t reserved0;
  uint64_t reserved1;
  uint64_t owners;
  struct robust_list entry;
};
_Static_assert(sizeof(struct causeway_participant) == 40, "participant");

/* This thread, in one table. */
struct causeway_member {
  struct causeway_participant *table;
  uint32_t slots, index, generation;
};

static inline uint32_t causeway_top(const struct causeway_member *me) {
  uint32_t top = atomic_load(&me->table->top);
  return top < me->slots ? top : me->slots;
}

/* Joins the table of a struct: 1, or 0 when it is full of living threads. */
static inline int causeway_join(struct causeway_member *me, struct causeway_participant *table, uint32_t slots) {
  me->table = table;
  me->slots = slots;
  for (uint32_t index = 0; index < slots; index++) {
    struct causeway_participant *slot = table + index;
    uint32_t top;
    /* Until it has a generation of its own, it is not taken for the one before. */
    if (!causeway_take(&slot->word, &slot->entry, FUTEX_OWNER_DIED)) continue;
    do {
      me->generation = atomic_fetch_add(&slot->generation, 1) + 1;
    } while (me->generation == 0);
    atomic_fetch_and(&slot->word, ~(uint32_t)FUTEX_OWNER_DIED);
    me->index = index;
    top = atomic_load(&table->top);
    while (top <= index && !atomic_compare_exchange_strong(&table->top, &top, index + 1)) continue;
    return 1;
  }
  return 0;
}

static inline void causeway_leave(struct causeway_member *me) {
  causeway_give(&me->table[me->index].word, &me->table[me->index].entry);
}

/* Whether the thread that had a slot in a generation has it still; if so, it is slept on too. */
static inline int causeway_watch(struct causeway_sleep *sleep, struct causeway_participant *slot, uint32_t generation) {
  uint32_t expected = causeway_announce(&slot->word);
  if (!expected || (expected & FUTEX_OWNER_DIED) || atomic_load(&slot->generation) != generation) return 0;
  causeway_sleep_on(sleep, &slot->word, expected);
  return 1;
}
`,
};

/** The table, and what it needs. */
export const PARTICIPANT_IN_C: readonly CDefinition[] = [ROBUST_LIST_IN_C, ROBUST_WORD_IN_C, PARTICIPANTS_IN_C];
