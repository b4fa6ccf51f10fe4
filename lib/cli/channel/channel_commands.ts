/**
 * The command table of what sends, receives and joins channels. A command's code is imported only when it is called.
 *
 * @module
 */

import type { CommandEntry } from "../command_line.ts";

const HELP = ["--help", "this page"] as const;
const ADDRESSES =
  "ADDRESS is unix:PATH, tcp:HOST:PORT, fifo:PATH, mq:/NAME, shm:NAME or fd:N. One end listens and makes the name, the other one connects.";
const NEEDS =
  "Needs --allow-ffi --allow-read --allow-write (unix:, fifo:, shm:), --allow-ffi (mq:, fd:) or --allow-net (tcp:).";
const CODECS = [
  ["--json", "messages are JSON (so it is when nothing is said, as in programs)"],
  ["--text", "messages are text"],
  ["--bytes", "messages are bytes"],
] as const;
const FRAMINGS = [
  ["--null", "messages end with a NUL byte, not a newline"],
  ["--length", "messages have their length before them, 4 bytes, the highest first"],
] as const;
const MAX_BYTES = ["--max-bytes N", "the longest message; 1048576 when left out"] as const;

/** These commands, in the order of the help page. */
export const CHANNEL_COMMANDS: readonly CommandEntry[] = [
  {
    name: "send",
    summary: "send messages over a channel",
    usage: "send [OPTION...] ADDRESS [MESSAGE...]",
    description: [
      ADDRESSES,
      NEEDS,
      "Without MESSAGE, every line of standard input is one. A road that is full is waited for. All messages of the command line are checked",
      "before any is sent. Both ends must have the same codec.",
      "",
      "Exit codes: 124 after the time limit; 1 when the receiver has gone before it had everything.",
    ],
    options: [
      ...CODECS,
      ...FRAMINGS,
      ["--listen", "make the name and wait for the receiver; otherwise it must be listening within 10 s"],
      ["--timeout MS", "wait no longer for the receiver, and for room for each message"],
      MAX_BYTES,
      HELP,
    ],
    examples: [
      [`send unix:/tmp/jobs '{"resize":"cat.png"}'`, "one message"],
      ["send --text fifo:/tmp/log < app.log", "every line is a message"],
      ["send --bytes tcp:127.0.0.1:7000 -- -n", "a message that looks like an option"],
    ],
    load: () => import("../send.ts"),
  },
  {
    name: "receive",
    summary: "print the messages that come over a channel",
    usage: "receive [OPTION...] ADDRESS",
    description: [
      ADDRESSES,
      NEEDS,
      "Prints a line for every message, until the sender closes. JSON is printed on one line whatever it looked like.",
      "",
      "Exit codes: 124 after the time limit; 1 when the sender died, after everything that it had sent was printed.",
    ],
    options: [
      ...CODECS,
      ...FRAMINGS,
      ["--connect", "go to a name that somebody else listens at"],
      ["--follow", "wait for the next sender when one has gone"],
      ["--count N", "end after so many messages"],
      ["--timeout MS", "wait no longer for the sender, and for each message"],
      MAX_BYTES,
      HELP,
    ],
    examples: [
      ["receive unix:/tmp/jobs | jq .resize", "messages are lines of JSON"],
      ["receive --follow --text fifo:/tmp/log", "one sender after another"],
    ],
    load: () => import("../receive.ts"),
  },
  {
    name: "bridge",
    summary: "join two channels of any roads",
    usage: "bridge [OPTION...] A B",
    description: [
      ADDRESSES,
      NEEDS,
      "Listens at A, then connects to B, and passes messages both ways, or the one way that the roads go. Messages are not looked at, and",
      "never dropped: a slow end slows the other one down. When one end closes, the other is told when it has everything, and what it still sends is",
      "passed on for a while. When one end dies, the exit code is 1.",
    ],
    options: [
      ["--connect-a", "connect to A, do not listen"],
      ["--listen-b", "listen at B, do not connect"],
      ...CODECS,
      ["--linger MS", "how long the other direction may be silent when one has ended; 500"],
      ["--timeout MS", "wait no longer for the two peers"],
      ["--verbose", "say what is open, and count messages on standard error"],
      MAX_BYTES,
      HELP,
    ],
    examples: [
      ["bridge tcp:0.0.0.0:7000 unix:/run/app.sock", "a local service for the network"],
      ["bridge --connect-a unix:/run/app.sock shm:app", "from a socket to shared memory"],
    ],
    load: () => import("../bridge.ts"),
  },
  {
    name: "record",
    summary: "write the messages of a channel to a file, with their times",
    usage: "record [OPTION...] ADDRESS FILE  |  record [OPTION...] A B FILE",
    description: [
      ADDRESSES,
      NEEDS,
      "With one address the messages that come are written; with two they are passed on as bridge does, and written. FILE is a line of JSON about",
      'the recording, then one for each message: { "offsetMs", "from": "a" or "b", "json" or "text" or "base64" }. Offsets are of the monotonic clock,',
      "from the moment that everybody was there. A line is written before its message is passed on. FILE - is standard output.",
    ],
    options: [
      ...CODECS,
      ["--connect", "with one address: connect, do not listen"],
      ["--connect-a", "with two: connect to A, do not listen"],
      ["--listen-b", "with two: listen at B, do not connect"],
      ["--force", "replace FILE if it exists"],
      ["--linger MS", "as for bridge"],
      ["--timeout MS", "wait no longer for the peers"],
      MAX_BYTES,
      HELP,
    ],
    examples: [
      ["record unix:/tmp/jobs jobs.jsonl", "what a client sends"],
      ["record unix:/tmp/tap unix:/run/app.sock talk.jsonl", "what two programs say to each other"],
    ],
    load: () => import("../record.ts"),
  },
  {
    name: "replay",
    summary: "send the messages of a recording again, when they came",
    usage: "replay [OPTION...] FILE ADDRESS",
    description: [
      ADDRESSES,
      NEEDS,
      "Sends what came from a, each message at its own time after the first moment; one that is late is sent at once, and the next ones are not",
      "put off by it. What the peer answers is read and dropped. FILE - is standard input.",
    ],
    options: [
      ["--from a|b|both", "whose messages; a"],
      ["--speed N", "N times as fast; 0.5 is half as fast"],
      ["--fast", "without any pause"],
      ["--listen", "make the name and wait for the receiver"],
      ["--timeout MS", "wait no longer for the receiver, and for room for each message"],
      MAX_BYTES,
      HELP,
    ],
    examples: [
      ["replay jobs.jsonl unix:/tmp/jobs", "with the original timing"],
      ["replay --speed 10 jobs.jsonl tcp:127.0.0.1:7000", "ten times as fast"],
    ],
    load: () => import("../replay.ts"),
  },
  {
    name: "call",
    summary: "call a method that another program serves",
    usage: "call [OPTION...] ADDRESS METHOD [ARGUMENT...]  |  call --list ADDRESS",
    description: [
      ADDRESSES,
      NEEDS,
      "For what serve() serves. Arguments are JSON; what the method returns is printed as JSON, and a stream one item a line, until it ends. Bytes are",
      "printed as base64, dates as text, big integers as text of digits, maps as lists of pairs, sets as lists; undefined is not printed.",
      "",
      "Exit codes: 1 when the method threw (its name and message are on standard error), or the program that serves it has gone; 124 after the time",
      "limit. Ctrl-C cancels the call there, too.",
    ],
    options: [
      ["--text", "arguments are text, and a result that is text is printed as it is"],
      ["--list", "what can be called: names, and how many parameters each has"],
      ["--json", "with --list: print one JSON list instead of a table"],
      ["--listen", "make the name and wait for the program that serves"],
      ["--timeout MS", "give up after so long, here and there"],
      MAX_BYTES,
      HELP,
    ],
    examples: [
      ["call unix:/run/adder add 1 2", "3"],
      ["call --text unix:/run/search find 'two words'", "an argument that is text"],
      ["call --list unix:/run/adder", "what there is"],
    ],
    load: () => import("../call.ts"),
  },
];
