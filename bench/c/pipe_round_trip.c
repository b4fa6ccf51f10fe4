/* 64 bytes to a peer and back, over two pipes, with blocking reads and writes. */
#include "contender.h"

enum { MESSAGE = 64 };
static int to_peer[2], from_peer[2];

static int move_all(ssize_t (*call)(int, void *, size_t), int fd, char *bytes) {
  for (size_t done = 0; done < MESSAGE;) {
    ssize_t count = call(fd, bytes + done, MESSAGE - done);
    must(count >= 0, "read or write");
    if (count == 0) return 0;
    done += (size_t)count;
  }
  return 1;
}

static ssize_t write_bytes(int fd, void *bytes, size_t count) {
  return write(fd, bytes, count);
}

static void echo(void) {
  char message[MESSAGE];
  while (move_all(read, to_peer[0], message)) move_all(write_bytes, from_peer[1], message);
}

static void round_trips(long operations) {
  char message[MESSAGE] = {0};
  for (long i = 0; i < operations; i++) {
    move_all(write_bytes, to_peer[1], message);
    move_all(read, from_peer[0], message);
  }
}

int main(int argc, char **argv) {
  must(pipe2(to_peer, O_CLOEXEC) == 0 && pipe2(from_peer, O_CLOEXEC) == 0, "pipe2");
  if (fork_peer(peer_cpu(argc, argv)) == 0) {
    close(to_peer[1]);
    close(from_peer[0]);
    echo();
    return 0;
  }
  close(to_peer[0]);
  close(from_peer[1]);
  serve_rounds(round_trips);
  return 0;
}
