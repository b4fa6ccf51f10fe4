/*
 * What every C contender shares. A contender says "ready", then answers each line of its standard input (how many operations) with one
 * line of JSON (how many nanoseconds they took). It ends at end of file.
 */
#ifndef CONTENDER_H
#define CONTENDER_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Ends the program with the name of the call that failed. */
static void must(int succeeded, const char *call) {
  if (succeeded) return;
  fprintf(stderr, "%s: %s\n", call, strerror(errno));
  exit(1);
}

static int64_t now_nanoseconds(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Keeps this process on one CPU; a negative number leaves it where the scheduler likes. */
__attribute__((unused)) static void pin(int cpu) {
  if (cpu < 0) return;
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  must(sched_setaffinity(0, sizeof set, &set) == 0, "sched_setaffinity");
}

/* The CPU of the peer: the first argument, or -1. */
__attribute__((unused)) static int peer_cpu(int argc, char **argv) {
  return argc > 1 ? atoi(argv[1]) : -1;
}

/* Forks a peer on its own CPU that dies with this process. Returns 0 in the peer. */
__attribute__((unused)) static pid_t fork_peer(int cpu) {
  pid_t peer = fork();
  must(peer >= 0, "fork");
  if (peer == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    pin(cpu);
  }
  return peer;
}

/* Answers rounds until end of file; `run` performs that many operations. */
__attribute__((unused)) static void serve_rounds(void (*run)(long operations)) {
  char line[64];
  setvbuf(stdout, NULL, _IOLBF, 0);
  puts("ready");
  while (fgets(line, sizeof line, stdin) != NULL) {
    long operations = atol(line);
    int64_t start = now_nanoseconds();
    run(operations);
    printf("{\"nanoseconds\":%lld}\n", (long long)(now_nanoseconds() - start));
  }
}

#endif
