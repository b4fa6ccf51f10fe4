/* Waiting for and posting a process-shared sem_t that nobody else wants. It does not survive its holders. */
#include "contender.h"
#include <semaphore.h>

static sem_t *semaphore;

static void wait_and_post(long operations) {
  for (long i = 0; i < operations; i++) {
    must(sem_wait(semaphore) == 0, "sem_wait");
    must(sem_post(semaphore) == 0, "sem_post");
  }
}

int main(void) {
  semaphore = mmap(NULL, sizeof *semaphore, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  must(semaphore != MAP_FAILED, "mmap");
  must(sem_init(semaphore, 1, 1) == 0, "sem_init");
  serve_rounds(wait_and_post);
  return 0;
}
