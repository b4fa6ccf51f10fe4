/**
 * The commands that show who talks to whom.
 *
 * @module
 */

import type { CommandEntry } from "../command_line.ts";

const HELP = ["--help", "this page"] as const;

/** `graph` and `top`. */
export const GRAPH_COMMANDS: readonly CommandEntry[] = [
  {
    name: "graph",
    summary: "draw which processes talk to which, and by what",
    usage: "graph [OPTION...] [PID...]",
    description: [
      "The processes PID with all that they have started, and every channel by which one of them can reach another process; without PID all",
      "processes of this user that have such a channel. Who is at the other end but was not asked for is marked. This program itself is left out.",
      "",
      "Channels: pipes, FIFOs, Unix sockets in pairs, shared memory (POSIX, System V, memfd, mapped files), POSIX message queues, eventfds, and",
      "file locks that somebody waits for. System V queues and semaphores nobody has open: shown is who was the last to send, receive or operate, dashed",
      'and marked "last", and who sleeps in such a call now. Not seen: network sockets; signals; plain files.',
      "",
      "The text shows the tree of processes, each with its channels: ──▶ it writes to, ◀── it reads from, ◀─▶ both, ──■ it holds a lock, ··■ it",
      "waits for one, ──○ it listens; ╌╌▶, ◀╌╌ and ╌╌■ what it was the last to do. In pictures an arrow goes the way of the bytes, or from the holder of a lock to who waits for it; a dotted",
      "line joins parent and child. Names are escaped in every format: a process may call itself anything.",
      "",
      "Needs --allow-ffi and --allow-read. --svg, and the picture in --html, are laid out by Graphviz as WebAssembly, which Deno fetches from npm once.",
    ],
    options: [
      ["--dot", "print it for Graphviz"],
      ["--mermaid", "print it as a Mermaid flowchart, which Markdown viewers draw"],
      ["--svg", "print a picture"],
      ["--html", "print one page with the picture, tables, and a search box; it loads nothing"],
      ["--json", "print one JSON object: processes, channels with their ends, and what could not be seen"],
      ["--all", "also channels that one process alone has, and those that lead nowhere"],
      ["-o, --output FILE", "write to a file instead"],
      HELP,
    ],
    examples: [
      ["graph", "everything of this user"],
      ["graph $$", "this shell and what it has started"],
      ["graph --html -o talk.html 4711", "a page for the browser"],
      ["graph --dot | dot -Tpdf > talk.pdf", "with a Graphviz of one's own"],
    ],
    load: () => import("../graph.ts"),
  },
  {
    name: "top",
    summary: "watch processes and channels: how much flows, what waits, and who is deadlocked",
    usage: "top [OPTION...] [PID...]  |  top [OPTION...] ADDRESS",
    description: [
      "Processes: CPU in percent of one processor, bytes read and written per second, and whom each waits for now. Channels: what waits in them and",
      "how much fits, bytes and messages per second, drops per second, who is at them. With PID only these processes and what they have started;",
      "with ADDRESS (fifo:/path, unix:/path, mq:/name, shm:name, and as ls has them pipe:INODE, sysv-queue:ID) one channel alone. Deadlocks, of all",
      "processes, are named above everything.",
      "",
      "The kernel counts for each process, not for each pipe: a rate with ≤ is the most that it can be, from what all its writers have written and",
      "all its readers have read in all, one call taken for one message; splice, and recv and send on sockets, are not counted. Of message queues and",
      "sockets it tells only what waits: a rate with ≥ is the least that it can be, from how that has changed. What this library has in shared memory",
      "(channels, topics, latest values) counts messages and drops itself, and channels and topics bytes. A rate that nothing tells is a dash.",
      "",
      "Looking disturbs nobody: fill levels are read through borrowed descriptors (pidfd_getfd), never by opening a pipe or FIFO, which would make a",
      "reader or writer that was not there. Where the kernel does not allow that (it needs the rights of a debugger), the level is a dash.",
      "",
      "A deadlock is a circle of waits for file locks, mutexes in shared memory, bytes of a pipe or socket or room in it, or the end of a child,",
      "that two looks have seen. A time limit on one of the waits cannot be seen. DEADLOCK? is one that another thread might yet resolve.",
      "",
      "On a terminal q leaves, Ctrl-C too. Elsewhere a table is printed every time. DURATION is a number of seconds, or with s, m, h or d.",
      "With --once the exit code is 1 when nobody has ADDRESS open. Needs --allow-ffi and --allow-read.",
    ],
    options: [
      ["--interval DURATION", "time between two looks; 2"],
      ["--once", "print one table, of one interval, and end"],
      ["--json", "print one JSON object a line for every interval"],
      HELP,
    ],
    examples: [
      ["top", "everything of this user"],
      ["top --once --interval 0.5 4711", "one look at a process and its children"],
      ["top fifo:/run/jobs", "who is at a FIFO, and how full it is"],
    ],
    load: () => import("../top.ts"),
  },
];
