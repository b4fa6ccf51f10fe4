/* From the SIGKILL of the owner of a robust, process-shared pthread mutex until somebody else has it. */
#include "contender.h"
#include <pthread.h>

static pthread_mutex_t *lock;

/* Forks an owner and waits until it has the lock. */
static pid_t fork_owner(void) {
  int has_it[2];
  char byte;
  must(pipe(has_it) == 0, "pipe");
  pid_t owner = fork_peer(-1);
  if (owner == 0) {
    pthread_mutex_lock(lock);
    must(write(has_it[1], "!", 1) == 1, "write");
    for (;;) pause();
  }
  must(read(has_it[0], &byte, 1) == 1, "read");
  close(has_it[0]);
  close(has_it[1]);
  return owner;
}

int main(void) {
  lock = mmap(NULL, sizeof *lock, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must(lock != MAP_FAILED, "mmap");
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  errno = pthread_mutex_init(lock, &attributes);
  must(errno == 0, "pthread_mutex_init");
  char line[64];
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  /* Only the recoveries count, not the starts. */
  while (fgets(line, sizeof line, stdin) != NULL) {
    int64_t sum = 0;
    for (long left = atol(line); left > 0; left--) {
      pid_t owner = fork_owner();
      int64_t start = now_nanoseconds();
      must(kill(owner, SIGKILL) == 0, "kill");
      must(pthread_mutex_lock(lock) == EOWNERDEAD, "pthread_mutex_lock");
      sum += now_nanoseconds() - start;
      pthread_mutex_consistent(lock);
      pthread_mutex_unlock(lock);
      must(waitpid(owner, NULL, 0) == owner, "waitpid");
    }
    printf("{\"nanoseconds\":%lld}\n", (long long)sum);
  }
  return 0;
}
