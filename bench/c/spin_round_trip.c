/* So many bytes (64) to a peer and back through shared memory; both sides spin. Each direction: a sequence number in a cache line of its own, and a payload. */
#include "contender.h"
#include <stdatomic.h>

#define MOST_WORDS 1024

struct lane {
  _Alignas(64) _Atomic uint32_t sequence;
  _Alignas(64) uint32_t payload[MOST_WORDS];
};
struct exchange {
  struct lane request, reply;
};
static struct exchange *shared;
static int rounds[2];
static uint32_t sequence;
static size_t bytes;

static void pause_spin(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  __asm__ volatile("yield");
#endif
}

static void send_message(struct lane *lane, const uint32_t *message, uint32_t number) {
  memcpy(lane->payload, message, bytes);
  atomic_store(&lane->sequence, number);
}

static void receive_message(struct lane *lane, uint32_t *message, uint32_t number) {
  while (atomic_load(&lane->sequence) != number) pause_spin();
  memcpy(message, lane->payload, bytes);
}

static void echo(void) {
  uint32_t message[MOST_WORDS] = {0}, number = 0;
  long operations;
  while (read(rounds[0], &operations, sizeof operations) == sizeof operations) {
    for (long i = 0; i < operations; i++) {
      receive_message(&shared->request, message, ++number);
      send_message(&shared->reply, message, number);
    }
  }
}

static void round_trips(long operations) {
  uint32_t message[MOST_WORDS] = {0};
  must(write(rounds[1], &operations, sizeof operations) == sizeof operations, "write");
  for (long i = 0; i < operations; i++) {
    message[0] = ++sequence;
    send_message(&shared->request, message, sequence);
    receive_message(&shared->reply, message, sequence);
  }
}

int main(int argc, char **argv) {
  bytes = argc > 2 ? (size_t)atoi(argv[2]) : 64;
  must(bytes <= 4 * MOST_WORDS, "message size");
  shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must(shared != MAP_FAILED, "mmap");
  must(pipe2(rounds, O_CLOEXEC) == 0, "pipe2");
  if (fork_peer(peer_cpu(argc, argv)) == 0) {
    close(rounds[1]);
    echo();
    return 0;
  }
  close(rounds[0]);
  serve_rounds(round_trips);
  return 0;
}
