/**
 * The events in C, for `Struct.cHeader()`; docs/layouts.md explains them.
 *
 * @module
 */

import type { CDefinition } from "../memory/c_type.ts";

/** The struct, and `causeway_event_set`, `causeway_event_reset`, `causeway_event_wait` and `causeway_event_take`. */
export const EVENT_IN_C: readonly CDefinition[] = [{
  name: "event",
  code: String.raw`
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

struct causeway_event {
  _Atomic uint32_t word;
};
_Static_assert(sizeof(struct causeway_event) == 4, "event");

/* counted: 1 for an event, 0 for an autoResetEvent. */
static inline void causeway_event_set(struct causeway_event *event, int counted) {
  uint32_t seen = atomic_load(&event->word), set = seen;
  while (!(seen & 1)) {
    set = (seen + (counted ? 4 : 0)) | 1;
    if (atomic_compare_exchange_strong(&event->word, &seen, set)) break;
    set = seen;
  }
  if (!(set & 2)) return;
  syscall(SYS_futex, &event->word, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
  atomic_compare_exchange_strong(&event->word, &set, set & ~2u);
}

static inline void causeway_event_reset(struct causeway_event *event) {
  atomic_fetch_and(&event->word, ~1u);
}

static inline void causeway_event_sleep(struct causeway_event *event, uint32_t seen) {
  struct { int64_t seconds, nanoseconds; } limit = {1, 0};
  if (!(seen & 2) && !atomic_compare_exchange_strong(&event->word, &seen, seen | 2)) return;
  syscall(SYS_futex, &event->word, FUTEX_WAIT, seen | 2, &limit, NULL, 0);
}

/* Waits for an event. */
static inline void causeway_event_wait(struct causeway_event *event) {
  uint32_t since = atomic_load(&event->word), seen;
  while (!((seen = atomic_load(&event->word)) & 1) && seen >> 2 == since >> 2) causeway_event_sleep(event, seen);
}

/* Waits for an autoResetEvent, and takes it. */
static inline void causeway_event_take(struct causeway_event *event) {
  while (1) {
    uint32_t seen = atomic_load(&event->word);
    if (!(seen & 1)) causeway_event_sleep(event, seen);
    else if (atomic_compare_exchange_strong(&event->word, &seen, seen & ~1u)) return;
  }
}
`,
}];
