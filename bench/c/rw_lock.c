/* Taking and giving back a process-shared pthread rwlock that nobody else wants: rw_lock read | write. It does not survive its holders. */
#include "contender.h"
#include <pthread.h>

static pthread_rwlock_t *lock;

static void read_and_unlock(long operations) {
  for (long i = 0; i < operations; i++) {
    must(pthread_rwlock_rdlock(lock) == 0, "pthread_rwlock_rdlock");
    must(pthread_rwlock_unlock(lock) == 0, "pthread_rwlock_unlock");
  }
}

static void write_and_unlock(long operations) {
  for (long i = 0; i < operations; i++) {
    must(pthread_rwlock_wrlock(lock) == 0, "pthread_rwlock_wrlock");
    must(pthread_rwlock_unlock(lock) == 0, "pthread_rwlock_unlock");
  }
}

int main(int argc, char **argv) {
  lock = mmap(NULL, sizeof *lock, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must(lock != MAP_FAILED, "mmap");
  pthread_rwlockattr_t attributes;
  pthread_rwlockattr_init(&attributes);
  pthread_rwlockattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  errno = pthread_rwlock_init(lock, &attributes);
  must(errno == 0, "pthread_rwlock_init");
  serve_rounds(strcmp(argv[argc - 1], "write") == 0 ? write_and_unlock : read_and_unlock);
  return 0;
}
