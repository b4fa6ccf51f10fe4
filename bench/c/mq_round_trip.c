/* 64 bytes to a peer and back, over two POSIX message queues, blocking. */
#include "contender.h"

#include <mqueue.h>

enum { MESSAGE = 64 };
static mqd_t to_peer, from_peer;

static mqd_t nameless_queue(const char *direction) {
  struct mq_attr attributes = {.mq_maxmsg = 4, .mq_msgsize = MESSAGE};
  char name[64];
  snprintf(name, sizeof name, "/causeway-bench-%d-%s", getpid(), direction);
  mqd_t queue = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attributes);
  must(queue != -1, "mq_open");
  mq_unlink(name);
  return queue;
}

static void echo(void) {
  char message[MESSAGE];
  while (1) {
    must(mq_receive(to_peer, message, MESSAGE, NULL) == MESSAGE, "mq_receive");
    must(mq_send(from_peer, message, MESSAGE, 0) == 0, "mq_send");
  }
}

static void round_trips(long operations) {
  char message[MESSAGE] = {0};
  for (long i = 0; i < operations; i++) {
    must(mq_send(to_peer, message, MESSAGE, 0) == 0, "mq_send");
    must(mq_receive(from_peer, message, MESSAGE, NULL) == MESSAGE, "mq_receive");
  }
}

int main(int argc, char **argv) {
  to_peer = nameless_queue("there");
  from_peer = nameless_queue("back");
  if (fork_peer(peer_cpu(argc, argv)) == 0) echo();
  serve_rounds(round_trips);
  return 0;
}
