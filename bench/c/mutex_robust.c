/* Lock and unlock of a robust, process-shared pthread mutex that nobody else wants. */
#include "contender.h"
#include <pthread.h>

static pthread_mutex_t *lock;

static void lock_and_unlock(long operations) {
  for (long i = 0; i < operations; i++) {
    must(pthread_mutex_lock(lock) == 0, "pthread_mutex_lock");
    must(pthread_mutex_unlock(lock) == 0, "pthread_mutex_unlock");
  }
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
  serve_rounds(lock_and_unlock);
  return 0;
}
