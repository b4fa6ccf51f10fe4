/* Attaches to the struct of attach_from_c_and_python.ts by its name, and changes it under the lock that Deno takes too. */
#include "job.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>

int main(int argc, char **argv) {
  int fd = shm_open(argc > 1 ? argv[1] : "", O_RDWR, 0);
  if (fd < 0) return perror("shm_open"), 1;
  size_t length = sizeof(struct causeway_header) + sizeof(struct job);
  void *memory = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  struct job *job = memory == MAP_FAILED ? NULL : job_open(memory, length);
  if (job == NULL) return fputs("no job there\n", stderr), 1;

  causeway_thread();
  if (causeway_lock(&job->lock) < 0) return fputs("the lock is unusable\n", stderr), 1;
  printf("%.16s, %g\n", job->name, job->price);
  job->state = JOB_STATE_BUSY;
  job->hits += 40;
  job->price *= 2;
  atomic_fetch_add(&job->seen, 7);
  strncpy(job->name, "from C", sizeof job->name);
  causeway_unlock(&job->lock);
  return 0;
}
