/* The child's end of channelPair({ road: "ring" }), in C. causeway.h is the C code of docs/layouts.md, one block behind the other. */
#include "causeway.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>

/* The first message of each ring. Numbers are little-endian. */
struct hello {
  char magic[8];
  uint16_t version, zero;
  uint32_t longest;
  uint64_t fingerprint;
  char codec[24];
};
_Static_assert(sizeof(struct hello) == 48, "hello");

static void fail(const char *what) {
  perror(what);
  exit(1);
}

int main(void) {
  const char *end = getenv("CAUSEWAY_CHANNEL");
  struct causeway_ring_at in, out;
  struct stat facts;
  struct hello ours = {"CAUSEWAY", 1, 0, 0, 0, "json"};
  int memory_fd, bell;
  uint32_t capacity;
  int64_t length;
  void *message;
  if (end == NULL || sscanf(end, "ring:%d:%d:%u:%u", &memory_fd, &bell, &capacity, &ours.longest) != 4) fail("CAUSEWAY_CHANNEL");
  size_t bytes = sizeof(struct causeway_ring) + capacity;
  if (fstat(memory_fd, &facts) != 0 || (size_t)facts.st_size != 2 * bytes) fail("the memory");
  char *memory = mmap(NULL, 2 * bytes, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd, 0);
  if (memory == MAP_FAILED) fail("mmap");
  close(memory_fd);
  fcntl(bell, F_SETFD, FD_CLOEXEC);
  causeway_thread();
  /* The parent writes the first ring. */
  if (causeway_ring_open(&out, memory + bytes, bytes, 1) != 0 || causeway_ring_open(&in, memory, bytes, 0) != 0) fail("open");
  in.bell = out.bell = bell;
  causeway_ring_send(&out, &ours, sizeof ours);
  message = causeway_ring_receive(&in, &length);
  if (length != sizeof ours || memcmp(message, &ours, 12) != 0) fail("no channel");
  while ((message = causeway_ring_receive(&in, &length))) {
    /* A message is valid until the next; JSON numbers are easy. */
    char text[24] = "", answer[64];
    memcpy(text, message, length < 23 ? length : 23);
    long number = strtol(text, NULL, 10);
    causeway_ring_send(&out, answer, snprintf(answer, sizeof answer, "{\"by\":\"C\",\"square\":%ld}", number * number));
  }
  if (length != 1) fail("the parent died");
  causeway_ring_close(&out);
  causeway_ring_close(&in);
  return 0;
}
