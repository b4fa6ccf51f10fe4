/*
 * Messages of so many bytes (64) through rings of docs/layouts.md, in C on both sides. ring_messages CPU BYTES BATCH
 * BATCH 0: to a peer and back, one at a time, both sides spinning. Else: one way, published in batches of so many; the answer to the last one ends a round.
 */
#include "contender.h"
#include "causeway.h" /* the C code of docs/layouts.md: command_line.ts writes it */

#define CAPACITY (1u << 18)
#define RING_BYTES (sizeof(struct causeway_ring) + CAPACITY)

static struct causeway_ring_at out, in;
static char *memory;
static uint32_t bytes = 64, batch;
static uint32_t message[1024];

static void pause_spin(void) {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#else
  __asm__ volatile("yield");
#endif
}

static struct causeway_ring *make_ring(size_t offset) {
  struct causeway_ring *ring = (void *)(memory + offset);
  ring->version = 1;
  ring->capacity = CAPACITY;
  ring->max_message = CAPACITY / 2 - 8;
  ring->data_at = sizeof *ring;
  atomic_store(&ring->magic, 0x47525743);
  return ring;
}

static void open_ends(int sends_first) {
  causeway_thread();
  must(causeway_ring_open(&out, memory + (sends_first ? 0 : RING_BYTES), RING_BYTES, 1) == 0, "open");
  must(causeway_ring_open(&in, memory + (sends_first ? RING_BYTES : 0), RING_BYTES, 0) == 0, "open");
}

static void *next_message(void) {
  int64_t length;
  void *found;
  while (!(found = causeway_ring_next(&in, &length))) pause_spin();
  return found;
}

static void *room_for(uint32_t length) {
  void *room;
  while (!(room = causeway_ring_reserve(&out, length))) {
    causeway_ring_publish(&out);
    pause_spin();
  }
  return room;
}

static void send_one(void) {
  memcpy(room_for(bytes), message, bytes);
  causeway_ring_stage(&out, bytes);
}

/* Tells the peer how many messages a round has: between rounds it must not take a CPU from the other contenders. */
static int rounds[2];

static void echo(void) {
  long operations;
  while (read(rounds[0], &operations, sizeof operations) == sizeof operations) {
    for (long i = 1; i <= operations; i++) {
      memcpy(message, next_message(), bytes);
      /* One way: only the last of a round is answered. */
      if (batch && i < operations) continue;
      send_one();
      causeway_ring_publish(&out);
    }
  }
}

static void run(long operations) {
  must(write(rounds[1], &operations, sizeof operations) == sizeof operations, "write");
  for (long i = 1; i <= operations; i++) {
    message[0] = batch ? (uint32_t)(operations - i) : (uint32_t)i;
    send_one();
    if (!batch || i % batch == 0 || i == operations) causeway_ring_publish(&out);
    if (!batch || i == operations) memcpy(message, next_message(), bytes);
  }
}

int main(int argc, char **argv) {
  if (argc > 2) bytes = (uint32_t)atoi(argv[2]);
  if (argc > 3) batch = (uint32_t)atoi(argv[3]);
  must(bytes <= sizeof message, "message size");
  memory = mmap(NULL, 2 * RING_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must(memory != MAP_FAILED, "mmap");
  make_ring(0);
  make_ring(RING_BYTES);
  must(pipe(rounds) == 0, "pipe");
  if (fork_peer(peer_cpu(argc, argv)) == 0) {
    close(rounds[1]);
    open_ends(0);
    echo();
    return 0;
  }
  open_ends(1);
  serve_rounds(run);
  return 0;
}
