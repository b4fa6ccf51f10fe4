/* The child's end of a channelPair, in C: frames over an inherited Unix stream socket (docs/layouts.md, Frames). */
#include <endian.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HELLO = 1, DATA = 2, END = 3, BYE = 4, MOST = 4096 };

/* The payload of a hello. Numbers are little-endian. */
struct hello {
  char magic[8];
  uint16_t version, zero;
  uint32_t longest;
  uint64_t fingerprint;
  char codec[24];
};
_Static_assert(sizeof(struct hello) == 48, "hello");

static int channel;

static void fail(const char *what) {
  perror(what);
  exit(1);
}

static void put(int kind, const void *payload, uint32_t length) {
  unsigned char frame[5 + MOST];
  uint32_t little = htole32(length);
  memcpy(frame, &little, 4);
  frame[4] = kind;
  memcpy(frame + 5, payload, length);
  for (size_t done = 0; done < 5 + length;) {
    ssize_t count = write(channel, frame + done, 5 + length - done);
    if (count < 0) fail("write");
    done += count;
  }
}

static void get_exactly(void *into, size_t length) {
  for (size_t done = 0; done < length;) {
    ssize_t count = read(channel, (char *)into + done, length - done);
    if (count <= 0) fail("the peer died");
    done += count;
  }
}

/* Returns the kind; what has the payload ends with a NUL. */
static int get(char payload[MOST + 1]) {
  unsigned char header[5];
  uint32_t length;
  get_exactly(header, sizeof header);
  memcpy(&length, header, 4);
  length = le32toh(length);
  if (length > MOST) fail("longer than was agreed");
  get_exactly(payload, length);
  payload[length] = 0;
  return header[4];
}

int main(void) {
  char payload[MOST + 1];
  const char *end = getenv("CAUSEWAY_CHANNEL");
  if (end == NULL || sscanf(end, "socket:%d", &channel) != 1) fail("CAUSEWAY_CHANNEL");
  fcntl(channel, F_SETFD, FD_CLOEXEC);
  fcntl(channel, F_SETFL, fcntl(channel, F_GETFL) & ~O_NONBLOCK);
  struct hello ours = {"CAUSEWAY", htole16(1), 0, htole32(MOST), 0, "json"};
  put(HELLO, &ours, sizeof ours);
  if (get(payload) != HELLO || memcmp(payload, &ours, 12) != 0) fail("no channel");
  while (get(payload) == DATA) {
    /* JSON numbers are easy. */
    long number = strtol(payload, NULL, 10);
    char answer[64];
    put(DATA, answer, snprintf(answer, sizeof answer, "{\"by\":\"C\",\"square\":%ld}", number * number));
  }
  put(BYE, "", 0);
  return 0;
}
