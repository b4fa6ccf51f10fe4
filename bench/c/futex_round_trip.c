/* A turn to a peer and back by two auto-reset events in shared memory, each a futex word: bit 0 set, bit 1 somebody sleeps. */
#include "contender.h"
#include <linux/futex.h>
#include <stdatomic.h>
#include <sys/syscall.h>

struct exchange {
  _Atomic uint32_t request, reply;
};
static struct exchange *shared;

static void set(_Atomic uint32_t *event) {
  uint32_t seen = atomic_load(event), now = seen;
  while (!(seen & 1)) {
    now = seen | 1;
    if (atomic_compare_exchange_strong(event, &seen, now)) break;
    now = seen;
  }
  if (!(now & 2)) return;
  syscall(SYS_futex, event, FUTEX_WAKE, 0x7fffffff, NULL, NULL, 0);
  atomic_compare_exchange_strong(event, &now, now & ~2u);
}

static void take(_Atomic uint32_t *event) {
  struct timespec limit = {1, 0};
  while (1) {
    uint32_t seen = atomic_load(event);
    if (seen & 1) {
      if (atomic_compare_exchange_strong(event, &seen, seen & ~1u)) return;
    } else if ((seen & 2) || atomic_compare_exchange_strong(event, &seen, seen | 2)) {
      syscall(SYS_futex, event, FUTEX_WAIT, seen | 2, &limit, NULL, 0);
    }
  }
}

static void round_trips(long operations) {
  for (long i = 0; i < operations; i++) {
    set(&shared->request);
    take(&shared->reply);
  }
}

int main(int argc, char **argv) {
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must(shared != MAP_FAILED, "mmap");
  if (fork_peer(peer_cpu(argc, argv)) == 0) {
    while (1) {
      take(&shared->request);
      set(&shared->reply);
    }
  }
  serve_rounds(round_trips);
  return 0;
}
