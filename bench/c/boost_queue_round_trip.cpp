/* 64 bytes to a peer and back through two Boost.Interprocess message queues. boost_queue_round_trip CPU round|stream; stream: one way, of which the last is answered. */
#include <cstdio>
#if !__has_include(<boost/interprocess/ipc/message_queue.hpp>)
int main() {
  std::puts("skip: Boost.Interprocess is not installed (libboost-dev; bench/.build may have a program from before it was)");
}
#else
#include "contender.h"
#include <boost/interprocess/ipc/message_queue.hpp>
#include <string>

using boost::interprocess::message_queue;

static const unsigned MESSAGE = 64, MESSAGES = 1024;
static message_queue *out, *back;
static bool one_way;

static void receive(message_queue *queue, char *message) {
  message_queue::size_type length;
  unsigned priority;
  queue->receive(message, MESSAGE, length, priority);
}

static void echo() {
  char message[MESSAGE];
  for (;;) {
    receive(out, message);
    if (!one_way || message[0]) back->send(message, MESSAGE, 0);
  }
}

static void run(long operations) {
  char message[MESSAGE] = {0};
  for (long i = 1; i <= operations; i++) {
    message[0] = one_way && i == operations;
    out->send(message, MESSAGE, 0);
    if (!one_way || i == operations) receive(back, message);
  }
}

int main(int argc, char **argv) {
  using boost::interprocess::create_only;
  one_way = argc > 2 && std::string(argv[2]) == "stream";
  const std::string there = "causeway-bench-out-" + std::to_string(getpid());
  const std::string here = "causeway-bench-back-" + std::to_string(getpid());
  message_queue first(create_only, there.c_str(), MESSAGES, MESSAGE), second(create_only, here.c_str(), MESSAGES, MESSAGE);
  /* Both ends have them already. */
  message_queue::remove(there.c_str());
  message_queue::remove(here.c_str());
  out = &first;
  back = &second;
  if (fork_peer(peer_cpu(argc, argv)) == 0) echo();
  serve_rounds(run);
  /* Its destructor would wait for a lock that the peer may hold. */
  _exit(0);
}
#endif
