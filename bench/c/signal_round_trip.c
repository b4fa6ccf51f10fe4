/* A queued real-time signal with a value to a peer and one back: sigqueue and sigwaitinfo. */
#include "contender.h"

static sigset_t wanted;
static pid_t peer;

static int receive_value(pid_t *sender) {
  siginfo_t info;
  while (sigwaitinfo(&wanted, &info) < 0) must(errno == EINTR, "sigwaitinfo");
  *sender = info.si_pid;
  return info.si_value.sival_int;
}

static void send_value(pid_t target, int value) {
  must(sigqueue(target, SIGRTMIN, (union sigval){.sival_int = value}) == 0, "sigqueue");
}

static void echo(void) {
  while (1) {
    pid_t sender;
    int value = receive_value(&sender);
    send_value(sender, value);
  }
}

static void round_trips(long operations) {
  pid_t sender;
  for (long i = 0; i < operations; i++) {
    send_value(peer, (int)i);
    must(receive_value(&sender) == (int)i, "value");
  }
}

int main(int argc, char **argv) {
  sigemptyset(&wanted);
  sigaddset(&wanted, SIGRTMIN);
  sigprocmask(SIG_BLOCK, &wanted, NULL);
  peer = fork_peer(peer_cpu(argc, argv));
  if (peer == 0) echo();
  serve_rounds(round_trips);
  return 0;
}
