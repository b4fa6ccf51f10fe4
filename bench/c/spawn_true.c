/* posix_spawn and waitpid of /bin/true, its standard input on /dev/null. */
#include "contender.h"
#include <spawn.h>

extern char **environ;

static void spawn_and_wait(long operations) {
  char *arguments[] = {"true", NULL};
  for (long i = 0; i < operations; i++) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
    pid_t child;
    errno = posix_spawn(&child, "/bin/true", &actions, NULL, arguments, environ);
    must(errno == 0, "posix_spawn");
    int status;
    must(waitpid(child, &status, 0) == child, "waitpid");
    posix_spawn_file_actions_destroy(&actions);
  }
}

int main(void) {
  serve_rounds(spawn_and_wait);
  return 0;
}
