/**
 * The classic tools of signals, pipes and processes, in the command table.
 *
 * @module
 */

import type { CommandEntry } from "../command_line.ts";

/** kill, timeout and their neighbours. */
export const PROCESS_TOOLS: readonly CommandEntry[] = [
  {
    name: "kill",
    summary: "send a signal to processes, groups, or all of a name",
    usage: "kill [-SIGNAL | -s SIGNAL | -p] [-q VALUE] [-a] [--timeout MS SIGNAL]... [--] PID|NAME...",
    description: [
      "As util-linux has it. SIGNAL is a name, with or without SIG, or a number; SIGTERM when left out. 0 only asks.",
      "PID 0 is the own group, -1 everyone, -N the group N; write -- before it, unless a signal stands there.",
      "Exit codes: 0 all were signalled, 1 none was, 64 some were.",
    ],
    options: [
      ["-s, --signal SIGNAL", "the signal"],
      ["-q, --queue VALUE", "send a 32-bit value along (sigqueue)"],
      ["--timeout MS SIGNAL", "wait so long for the end, then send this one; may be repeated"],
      ["-p, --pid", "print the pids, send nothing"],
      ["-a, --all", "a NAME means the processes of all users, not only one's own"],
      ["-l, --list [NUMBER|0xMASK]", "list the names, or name one, or those of a mask"],
      ["-L, --table", "list names and numbers"],
      ["--verbose", "say what is sent to whom"],
    ],
    examples: [
      ["kill --timeout 1000 TERM --timeout 1000 KILL -s QUIT 4711", "ask, ask again, and then insist"],
      ["kill -s RTMIN+1 -q 42 4711", "a real-time signal with a value"],
      ["kill -l 143", "what was the signal of exit code 143?"],
    ],
    load: () => import("./kill.ts"),
  },
  {
    name: "timeout",
    summary: "run a program with a time limit",
    usage: "timeout [OPTION...] DURATION PROGRAM [ARGUMENT...]",
    description: [
      "As coreutils has it. DURATION is a number, with a fraction if need be, and s, m, h or d; 0 is no limit.",
      "Exit codes: 124 the time was over; 125 timeout itself failed; 126 the program cannot be run, 127 it was not found;",
      "137 SIGKILL was sent; otherwise the program's own.",
    ],
    options: [
      ["-s, --signal SIGNAL", "what to send when the time is over, SIGTERM when left out"],
      ["-k, --kill-after DURATION", "send SIGKILL so much later if it is still there"],
      ["-f, --foreground", "leave the program in the terminal's foreground; its children are not signalled then"],
      ["-p, --preserve-status", "exit as the program did, also after the time limit"],
      ["-v, --verbose", "say on standard error what is sent"],
    ],
    examples: [["timeout -k 5s 1m make", "a minute, and five seconds to clean up"]],
    load: () => import("./timeout.ts"),
  },
  {
    name: "mkfifo",
    summary: "make FIFOs",
    usage: "mkfifo [-m MODE] NAME...",
    description: ["As coreutils has it. Without -m the mode is rw for all, less the umask."],
    options: [["-m, --mode MODE", "the permission bits: 600, or u=rw,go=r, worked out from a=rw"]],
    examples: [["mkfifo -m 600 requests replies", "two private FIFOs"]],
    load: () => import("./mkfifo.ts"),
  },
  {
    name: "waitpid",
    summary: "wait for the end of any process, child or not",
    usage: "waitpid [-v] [-t SECONDS] [-e | -c COUNT] PID...",
    description: ["As util-linux has it. Exit codes: 0 all have ended, 1 failure, 3 the time was over."],
    options: [
      ["-c, --count COUNT", "wait for so many of them only"],
      ["-e, --exited", "a process that is gone already is no failure"],
      ["-t, --timeout SECONDS", "wait so long at most"],
      ["-v, --verbose", "say who has ended"],
    ],
    examples: [["waitpid -v -t 60 4711 4712", "a minute for two processes of somebody else's"]],
    load: () => import("./waitpid.ts"),
  },
  {
    name: "pipesz",
    summary: "tell or set how much a pipe holds",
    usage: "pipesz [OPTION...] [--set SIZE] [--] [PROGRAM [ARGUMENT...]]   or   pipesz [OPTION...] --get",
    description: [
      "As util-linux has it. Sets standard output's pipe, or tells standard input's, when none is named; without --set and --get it",
      "sets what /proc/sys/fs/pipe-max-size allows. Then it becomes the program, if there is one.",
    ],
    options: [
      ["-g, --get", "print name, size and unread bytes"],
      ["-s, --set SIZE", "bytes, or with K, M …"],
      ["-f, --file PATH", "this FIFO; may be repeated, as may the next"],
      ["-n, --fd NUMBER", "this descriptor"],
      ["-i, -o, -e", "standard input, output, error: --stdin --stdout --stderr"],
      ["-c, --check", "end at the first failure, instead of warning"],
      ["-q, --quiet", "do not warn"],
      ["-v, --verbose", "a heading for --get, the sizes that were set for --set"],
    ],
    examples: [["pipesz -s 1M make | tee log", "a pipe of a MiB between the two"]],
    load: () => import("./pipesz.ts"),
  },
  {
    name: "setsid",
    summary: "run a program in a session of its own",
    usage: "setsid [-c] [-f] [-w] PROGRAM [ARGUMENT...]",
    description: [
      "As util-linux has it. It becomes the program, unless it leads a process group: then a second process does.",
    ],
    options: [
      ["-c, --ctty", "the terminal at standard input becomes the new session's"],
      ["-f, --fork", "always use a second process, and return at once"],
      ["-w, --wait", "wait for the second process, and exit as it did"],
    ],
    examples: [["setsid -f server", "a daemon that no Ctrl-C reaches"]],
    load: () => import("./setsid.ts"),
  },
  {
    name: "signals",
    summary: "print every signal that arrives, with sender and value",
    usage: "signals [--json] [--count N] [SIGNAL...]   or   signals --table [--json]",
    description: [
      "Says on standard error which pid to send to. Without names it listens to every signal that can be listened to, SIGPIPE excepted,",
      "and SIGINT and SIGTERM end it, after they were printed. With names it listens to those only.",
    ],
    options: [
      ["--count N", "end after so many"],
      ["--table", "print the table of signals instead: number, name, default action, kind, meaning"],
      ["--json", "one JSON object a line; with --table, one array"],
    ],
    examples: [["signals --json RTMIN+1 USR1", "what do the others send me?"]],
    load: () => import("./signals.ts"),
  },
  {
    name: "shims",
    summary: "write launchers for the classic tools, for scripts to find on PATH",
    usage: "shims DIR",
    description: [
      "Writes flock, ipcmk, ipcrm, ipcs, kill, mkfifo, pipesz, setsid, timeout and waitpid into the directory, which is made where it is",
      "missing, and prints their paths. Launchers of an earlier time are replaced; a file of another kind is left alone, and an error.",
    ],
    options: [],
    examples: [["shims ~/.local/causeway", "then put it first in PATH"]],
    load: () => import("./shims.ts"),
  },
];
