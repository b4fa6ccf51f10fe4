/**
 * The command table. A command's code is imported only when it is called.
 *
 * @module
 */

import type { CommandEntry } from "./command_line.ts";
import { OBJECT_TOOLS } from "./tools/object_tools.ts";
import { PROCESS_TOOLS } from "./tools/process_tools.ts";

const HELP = ["--help", "this page"] as const;

/** Every command, in the order of the help page. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: "run",
    summary: "run programs joined by kernel pipes, and tell the truth about how each ended",
    usage: "run [--stages] [--json] [--timeout MS] -- PROGRAM [ARGUMENT...] ['|' PROGRAM [ARGUMENT...]]...",
    description: [
      "An argument that is exactly | separates two programs; quote it, or the shell takes it. There is no shell inside: every other",
      "argument reaches its program byte for byte. Standard input, output and error are this program's own.",
      "",
      "The exit code is that of the rightmost program that failed, 128+n when signal n killed it, 127 when a program is missing, 126",
      "when it cannot be executed, 124 after the time limit. A program whose reader has had enough (yes | head) has not failed.",
      "SIGINT, SIGTERM and SIGHUP are passed on; when all programs have ended, this one dies of the same signal.",
    ],
    options: [
      ["--stages", "afterwards, a table on standard error: pid, status and time of each program"],
      ["--json", "capture both outputs, and print one JSON object with them, the status and the stages"],
      ["--timeout MS", "end the programs after so many milliseconds: SIGTERM, and SIGKILL 5 s later"],
      HELP,
    ],
    examples: [
      [
        "run -- cut -d' ' -f1 access.log '|' sort '|' uniq -c '|' sort -rn '|' head -n 5",
        "the five top talkers of a log",
      ],
      ["run --stages -- yes '|' head -n 1", "yes dies of SIGPIPE, which is no failure"],
    ],
    load: () => import("./run.ts"),
  },
  {
    name: "each",
    summary: "run a program for every item, so many at a time",
    usage: "each [OPTION...] PROGRAM [ARGUMENT...] [::: ITEM...]...",
    description: [
      "The good part of xargs -P and GNU parallel. Items are lines of standard input, or what follows :::; after several ::: every",
      "combination is a job. There is never a shell: an item is one argument, byte for byte. Jobs have an empty standard input.",
      "Each job leads a process group of its own (with --allow-ffi), so that whatever it has started is ended with it.",
      "",
      "In PROGRAM and ARGUMENT: {} the item, {.} without its extension, {/} without its directory, {/.} without both, {//} its directory,",
      "{2} {2.} {2/} … the second item of several, {#} the job's number, {%} its place. Without any of them the item comes last.",
      "",
      "DURATION is a number of seconds, with a fraction if need be, or with s, m, h or d. WHEN is never, or soon (start no more) or now (and",
      "end those that run), with what for: soon,fail=3 now,success=1 soon,done=50%; soon and now alone mean ,fail=1.",
      "",
      "Exit codes, as GNU parallel has them: 0 all jobs succeeded, or as many as --halt asked for; 1 to 100 so many failed, 101 more did; the",
      "job's own after --halt with fail=1; the percentage that failed after --halt with a percentage; 255 anything else went wrong; 2 wrong",
      "usage. SIGINT, SIGTERM and SIGHUP are passed on; when all jobs have ended, this program dies of the same signal.",
    ],
    options: [
      [
        "-j, --jobs N",
        "how many at a time: N, N% of the CPUs, +N or -N beside them, 0 for 1000; one for each CPU when left out",
      ],
      ["-k, --keep-order", "print outputs in the order of the items, not as jobs end"],
      ["-n, --max-args N", "N items for every job; {} alone becomes N words"],
      ["-0, --null", "items end with a NUL byte, not a newline"],
      ["-a, --arg-file FILE", "read items from a file"],
      ["-r, --no-run-if-empty", "no job for an item that is empty or blank"],
      ["--halt WHEN", "stop before all jobs were run"],
      ["--retries N", "start a job up to N times until it succeeds; 0 for ever"],
      [
        "--retry-delay DURATION",
        "wait so long before the second time, twice as long before each further one, less up to half by chance; 0.1",
      ],
      ["--delay DURATION", "least time between two starts"],
      ["--timeout DURATION", "end a job that takes longer: SIGTERM, and SIGKILL 5 s later"],
      ["--joblog FILE", "write a line for every job that is over and printed, in the format of GNU parallel"],
      ["--resume", "leave out the jobs that the log has; the items must be the same"],
      ["--resume-failed", "leave out those that the log says succeeded"],
      ["--group", "print what a job said when it is over (so it is when nothing is said)"],
      ["--line-buffer", "print every line when it is whole"],
      ["-u, --ungroup", "let jobs write wherever this program does"],
      ["--tag", "begin every line with the items and a tab"],
      ["--json", "print a JSON object for every job, one a line, with its outputs in it"],
      ["--progress", "on a terminal, show how far the jobs are"],
      ["--eta", "and how long it will take; all items are read first"],
      ["--dry-run", "print the commands, run none"],
      HELP,
    ],
    examples: [
      ["each gzip -k {} ::: *.log", "one gzip for each CPU"],
      [
        "each -j4 -k --tag --timeout 10s -- curl -sI {} < urls.txt",
        "answers in the order of the questions, each marked",
      ],
      ["each --joblog log --resume --retries 3 -- ./convert {} {.}.png < files", "go on where it was interrupted"],
      ["each -j1 echo {1}-{2} ::: a b ::: 1 2", "a-1, a-2, b-1, b-2"],
    ],
    load: () => import("./each.ts"),
  },
  {
    name: "demo",
    summary: "watch every mechanism at work between real processes",
    usage: "demo [--json] [MECHANISM...]",
    description: [
      "Starts real processes and shows who did what when: times are of the one clock that all processes of a machine share.",
      "Each result is checked. The exit code is 1 when a mechanism failed. Nothing is left behind.",
      "",
      "Mechanisms: pipe, fifo, signal, realtime-signal, socket, mapped-file, shared-memory, sysv-shared-memory, mutex, pipeline.",
    ],
    options: [["--json", "print one JSON object with every event instead of the timelines"], HELP],
    examples: [
      ["demo", "all of them"],
      ["demo mutex", "a lock whose owner is killed"],
    ],
    load: () => import("./demo.ts"),
  },
  {
    name: "doctor",
    summary: "what this machine, kernel and these permissions allow, and what would allow more",
    usage: "doctor [--json]",
    description: ["Works without any permission: what it cannot know then is marked, with the flag that would tell."],
    options: [["--json", "print one JSON object instead of the tables"], HELP],
    examples: [["doctor", "limits, features and permissions"]],
    load: () => import("./doctor.ts"),
  },
  ...PROCESS_TOOLS,
  ...OBJECT_TOOLS,
];
