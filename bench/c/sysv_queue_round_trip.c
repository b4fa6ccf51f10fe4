/* 64 bytes to a peer and back, over one System V message queue with a type for each direction, blocking. */
#include "contender.h"

#include <sys/msg.h>

enum { MESSAGE = 64, THERE = 1, BACK = 2 };
static int queue;

struct message {
  long type;
  char text[MESSAGE];
};

static void echo(void) {
  struct message message;
  while (msgrcv(queue, &message, MESSAGE, THERE, 0) == MESSAGE) {
    message.type = BACK;
    must(msgsnd(queue, &message, MESSAGE, 0) == 0, "msgsnd");
  }
}

static void round_trips(long operations) {
  struct message message = {0};
  for (long i = 0; i < operations; i++) {
    message.type = THERE;
    must(msgsnd(queue, &message, MESSAGE, 0) == 0, "msgsnd");
    must(msgrcv(queue, &message, MESSAGE, BACK, 0) == MESSAGE, "msgrcv");
  }
}

int main(int argc, char **argv) {
  queue = msgget(IPC_PRIVATE, 0600);
  must(queue != -1, "msgget");
  if (fork_peer(peer_cpu(argc, argv)) == 0) {
    echo();
    return 0;
  }
  serve_rounds(round_trips);
  must(msgctl(queue, IPC_RMID, NULL) == 0, "msgctl");
  return 0;
}
