/* 64 bytes to a peer and back, over two FIFOs, with blocking reads and writes. */
#include "contender.h"

#include <sys/stat.h>

enum { MESSAGE = 64 };
static int reader, writer;

static int receive(char *bytes) {
  for (size_t done = 0; done < MESSAGE;) {
    ssize_t count = read(reader, bytes + done, MESSAGE - done);
    must(count >= 0, "read");
    if (count == 0) return 0;
    done += (size_t)count;
  }
  return 1;
}

/* Of at most PIPE_BUF bytes: whole. */
static void send_whole(const char *bytes) {
  must(write(writer, bytes, MESSAGE) == MESSAGE, "write");
}

static void round_trips(long operations) {
  char message[MESSAGE] = {0};
  for (long i = 0; i < operations; i++) {
    send_whole(message);
    must(receive(message), "read");
  }
}

int main(int argc, char **argv) {
  char folder[] = "/tmp/causeway-bench-XXXXXX", requests[64], replies[64];
  must(mkdtemp(folder) != NULL, "mkdtemp");
  snprintf(requests, sizeof requests, "%s/requests", folder);
  snprintf(replies, sizeof replies, "%s/replies", folder);
  must(mkfifo(requests, 0600) == 0 && mkfifo(replies, 0600) == 0, "mkfifo");
  if (fork_peer(peer_cpu(argc, argv)) == 0) {
    char message[MESSAGE];
    must((reader = open(requests, O_RDONLY | O_CLOEXEC)) >= 0, "open");
    must((writer = open(replies, O_WRONLY | O_CLOEXEC)) >= 0, "open");
    while (receive(message)) send_whole(message);
    return 0;
  }
  must((writer = open(requests, O_WRONLY | O_CLOEXEC)) >= 0, "open");
  must((reader = open(replies, O_RDONLY | O_CLOEXEC)) >= 0, "open");
  must(unlink(requests) == 0 && unlink(replies) == 0 && rmdir(folder) == 0, "unlink");
  serve_rounds(round_trips);
  return 0;
}
