/**
 * The command table of the tools for locks and kernel objects. A tool's code is imported only when it is called.
 *
 * @module
 */

import type { CommandEntry } from "../command_line.ts";

const HELP = ["-h, --help", "this page"] as const;
const VERSION = ["-V, --version", "the version"] as const;

/** These tools, in the order of the help page. */
export const OBJECT_TOOLS: readonly CommandEntry[] = [
  {
    name: "flock",
    summary: "run a command under a file lock",
    usage: "flock [OPTION...] FILE|DIRECTORY COMMAND [ARGUMENT...] | FILE|DIRECTORY -c COMMAND | DESCRIPTOR",
    description: [
      "As flock(1) of util-linux. The command has the lock's descriptor, unless -o is given: the lock lasts until the command, and what it leaves",
      "behind, is gone. SIGINT, SIGTERM and SIGHUP are passed on to the command, which flock(1) leaves alone.",
      "",
      "The exit code is the command's, 128+n when signal n ended it; 1 (see -E) when the lock was not to be had, 64 for wrong usage, 65 when",
      "locking failed, 66 when the file cannot be opened, 69 when the command cannot be started.",
    ],
    options: [
      ["-s, --shared", "share the lock with others who share it"],
      ["-x, -e, --exclusive", "have the lock alone (the default)"],
      ["-u, --unlock", "give the lock of a descriptor back"],
      ["-n, --nonblock", "fail rather than wait"],
      ["-w, --timeout SECONDS", "wait for so long; fractions are allowed"],
      ["-E, --conflict-exit-code CODE", "the exit code when the lock was not to be had"],
      ["-o, --close", "close the descriptor before the command runs: what it leaves behind does not keep the lock"],
      ["-c, --command COMMAND", "run a command line by the shell ($SHELL, or /bin/sh); after FILE"],
      ["-F, --no-fork", "become the command, which keeps the lock"],
      ["--verbose", "say how long the lock took, and what is run"],
      HELP,
      VERSION,
    ],
    examples: [
      ["flock -n /tmp/backup.lock ./backup.sh", "never two backups at once"],
      ["flock -w 2.5 -E 75 /tmp/backup.lock -c 'date >> log'", "give up after a while, with an exit code of one's own"],
    ],
    load: () => import("./flock.ts"),
  },
  {
    name: "ipcs",
    summary: "list System V queues, shared memory and semaphores",
    usage: "ipcs [-mqsa] [-t|-p|-c|-l|-u] [-b|--human] | ipcs -m|-q|-s -i ID",
    description: [
      "As ipcs(1) of util-linux, byte for byte. Objects are those of this IPC namespace, whoever made them.",
    ],
    options: [
      ["-m, --shmems", "shared memory segments"],
      ["-q, --queues", "message queues"],
      ["-s, --semaphores", "semaphore sets"],
      ["-a, --all", "all of them (the default)"],
      ["-i, --id ID", "everything about one of them"],
      ["-t, --time", "when each was used"],
      ["-p, --pid", "which processes used each"],
      ["-c, --creator", "who made each, and who owns it"],
      ["-l, --limits", "how much there can be"],
      ["-u, --summary", "how much there is"],
      ["-b, --bytes", "sizes in bytes"],
      ["--human", "sizes rounded, with a letter"],
      HELP,
      VERSION,
    ],
    examples: [["ipcs -m -p", "who made the shared memory, and who attached it last"]],
    load: () => import("./ipcs.ts"),
  },
  {
    name: "ipcrm",
    summary: "remove System V objects by id or key, POSIX ones by name",
    usage: "ipcrm [OPTION...] | ipcrm shm|msg|sem ID...",
    description: [
      "As ipcrm(1) of util-linux. The options may be repeated. Without any argument there is nothing to remove, and that is no failure.",
      "-a without a category leaves POSIX names alone: they may be of programs that have nothing to do with System V.",
    ],
    options: [
      ["-m, --shmem-id ID", "shared memory by id"],
      ["-M, --shmem-key KEY", "shared memory by key: decimal, 0x… or octal"],
      ["-q, --queue-id ID", "a message queue by id"],
      ["-Q, --queue-key KEY", "a message queue by key"],
      ["-s, --semaphore-id ID", "a semaphore set by id"],
      ["-S, --semaphore-key KEY", "a semaphore set by key"],
      ["--posix-shmem NAME", "POSIX shared memory"],
      ["--posix-mqueue NAME", "a POSIX message queue"],
      ["--posix-semaphore NAME", "a POSIX semaphore"],
      ["-a, --all[=CATEGORY]", "all of shm, msg, sem, pshm, pmsg or psem"],
      ["-v, --verbose", "say what is removed"],
      HELP,
      VERSION,
    ],
    examples: [["ipcrm -Q 0x2a -m 3", "a queue by its key, and a segment by its id"]],
    load: () => import("./ipcrm.ts"),
  },
  {
    name: "ipcmk",
    summary: "make System V shared memory, message queues and semaphores",
    usage: "ipcmk [-M SIZE] [-S NUMBER] [-Q] [-p MODE]",
    description: ["As ipcmk(1) of util-linux. The keys are random; the ids are printed."],
    options: [
      ["-M, --shmem SIZE", "shared memory; K, M, G … are of 1024, KB, MB, GB … of 1000"],
      ["-S, --semaphore NUMBER", "a set of so many semaphores"],
      ["-Q, --queue", "a message queue"],
      ["-p, --mode MODE", "permission bits, octal (0644)"],
      HELP,
      VERSION,
    ],
    examples: [["ipcmk -M 1M -p 600", "a mebibyte of shared memory for this user alone"]],
    load: () => import("./ipcmk.ts"),
  },
  {
    name: "mq",
    summary: "POSIX message queues: create, send, receive, ls, rm, watch",
    usage: "mq create|send|receive|ls|rm|watch [OPTION...] [NAME] [MESSAGE]",
    description: [
      "mq create NAME [--max-messages N] [--message-size BYTES] [--mode OCTAL]",
      "mq send NAME [MESSAGE] [--priority N] [--timeout MS]    without a MESSAGE, or with -, standard input is the message",
      "mq receive NAME [--json|--raw] [--timeout MS]           prints the message and a newline; --raw just the message",
      "mq ls [--json]                                          needs the mqueue file system, mount -t mqueue none /dev/mqueue",
      "mq rm NAME...",
      "mq watch NAME [--count N] [--json]                      a line whenever a message comes into the empty queue, and leaves it there",
      "",
      "NAME may be without its slash. send waits while the queue is full, receive while it is empty; the exit code is 124 when --timeout is over.",
    ],
    options: [
      ["--max-messages N", "most messages that the queue holds (10)"],
      ["--message-size BYTES", "most bytes of one message (8192)"],
      ["--mode OCTAL", "permission bits (600)"],
      ["--priority N", "0 to 32767; a higher one is received first"],
      ["--timeout MS", "wait so many milliseconds at most; 0 does not wait"],
      ["--json", "one JSON value; watch prints one a line"],
      ["--raw", "no newline after the message"],
      ["--count N", "end after so many arrivals"],
      ["--help", "this page"],
    ],
    examples: [
      ["mq send jobs 'resize 17' --priority 5", "before everything that is less urgent"],
      ["mq receive jobs --json", "with the priority"],
    ],
    load: () => import("./mq.ts"),
  },
  {
    name: "sem",
    summary: "POSIX semaphores: create, post, wait, value, ls, rm",
    usage: "sem create|post|wait|value|ls|rm [OPTION...] NAME",
    description: [
      "sem create NAME [--value N] [--mode OCTAL]",
      "sem post NAME [--count N]",
      "sem wait NAME [--timeout MS]",
      "sem value NAME [--json]",
      "sem ls [--json]",
      "sem rm NAME...",
      "",
      "NAME may be without its slash. The exit code is 124 when --timeout is over. Nobody gives back what a program took and died with.",
    ],
    options: [
      ["--value N", "the first value (0)"],
      ["--mode OCTAL", "permission bits (600)"],
      ["--count N", "post so many times (1)"],
      ["--timeout MS", "wait so many milliseconds at most; 0 does not wait"],
      ["--json", "one JSON value"],
      ["--help", "this page"],
    ],
    examples: [["sem wait slots --timeout 5000 && work; sem post slots", "one of several at work"]],
    load: () => import("./sem.ts"),
  },
];
