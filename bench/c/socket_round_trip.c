/* 64 bytes to a peer and back, over one Unix socket pair, with blocking calls. The second argument is "stream" or "seqpacket". */
#include "contender.h"
#include <sys/socket.h>

enum { MESSAGE = 64 };
static int own, theirs;

static int receive_all(int fd, char *bytes) {
  for (size_t done = 0; done < MESSAGE;) {
    ssize_t count = recv(fd, bytes + done, MESSAGE - done, 0);
    must(count >= 0, "recv");
    if (count == 0) return 0;
    done += (size_t)count;
  }
  return 1;
}

static void send_all(int fd, const char *bytes) {
  for (size_t done = 0; done < MESSAGE;) {
    ssize_t count = send(fd, bytes + done, MESSAGE - done, MSG_NOSIGNAL);
    must(count >= 0, "send");
    done += (size_t)count;
  }
}

static void echo(void) {
  char message[MESSAGE];
  while (receive_all(theirs, message)) send_all(theirs, message);
}

static void round_trips(long operations) {
  char message[MESSAGE] = {0};
  for (long i = 0; i < operations; i++) {
    send_all(own, message);
    must(receive_all(own, message), "end of file");
  }
}

int main(int argc, char **argv) {
  int ends[2];
  int type = argc > 2 && strcmp(argv[2], "seqpacket") == 0 ? SOCK_SEQPACKET : SOCK_STREAM;
  must(socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, ends) == 0, "socketpair");
  own = ends[0];
  theirs = ends[1];
  if (fork_peer(peer_cpu(argc, argv)) == 0) {
    close(own);
    echo();
    return 0;
  }
  close(theirs);
  serve_rounds(round_trips);
  return 0;
}
