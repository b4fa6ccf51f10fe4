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
