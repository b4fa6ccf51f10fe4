/**
 * The questions, each with its target. Every subject is called as a user would call it: through `mod.ts`.
 *
 * @module
 */

import { wakePlacements } from "./command_line.ts";
import type { Row } from "./harness.ts";

const wakes = wakePlacements();
const acrossCores = wakes.filter((placement) => placement.name === "two cores");
const oneCore = wakes.filter((placement) => placement.name === "one core");

/** Fetched from the npm registry when these rows run; nothing else of the repository knows them. */
const LIBRARIES = ["Deno.Command", "execa", "zx", "dax", "tinyexec"] as const;

/** All rows, in the order in which they run. */
export const ROWS: readonly Row[] = [
  {
    name: "pipe-sync",
    what: "64 bytes to a peer and back through two pipes, blocking",
    subject: { name: "writeSync/readSync", program: { deno: "pipe_round_trip.ts" }, args: ["sync"] },
    baselines: [{ name: "C", program: { c: "pipe_round_trip" }, atMost: 1.6 }],
    placements: wakes,
    operations: { full: 10_000, quick: 200 },
    rounds: 21,
  },
  {
    name: "pipe-async",
    what: "64 bytes to a peer and back through two pipes, on the event loop",
    subject: { name: "await write/read", program: { deno: "pipe_round_trip.ts" }, args: ["async"] },
    baselines: [{ name: "C, blocking", program: { c: "pipe_round_trip" } }],
    placements: wakes,
    operations: { full: 2_000, quick: 100 },
    rounds: 21,
  },
  {
    name: "stream-sync",
    what: "64 bytes to a peer and back through a Unix stream socket, blocking",
    subject: { name: "writeSync/readSync", program: { deno: "socket_round_trip.ts" }, args: ["stream-sync"] },
    baselines: [{ name: "C", program: { c: "socket_round_trip" }, args: ["stream"], atMost: 1.6 }],
    placements: wakes,
    operations: { full: 10_000, quick: 200 },
    rounds: 21,
  },
  {
    name: "seqpacket-sync",
    what: "64 bytes to a peer and back through a Unix seqpacket socket, blocking",
    subject: { name: "sendSync/receiveSync", program: { deno: "socket_round_trip.ts" }, args: ["seqpacket-sync"] },
    baselines: [{ name: "C", program: { c: "socket_round_trip" }, args: ["seqpacket"], atMost: 1.6 }],
    placements: wakes,
    operations: { full: 10_000, quick: 200 },
    rounds: 21,
  },
  {
    // No slower; the rest of the limit is noise between two programs that do the same.
    name: "stream-async",
    what: "64 bytes to a peer and back through a Unix stream socket, on the event loop",
    subject: { name: "await write/read", program: { deno: "socket_round_trip.ts" }, args: ["stream-async"] },
    baselines: [
      { name: "Deno.UnixConn", program: { deno: "socket_round_trip.ts" }, args: ["deno-async"], atMost: 1.05 },
      { name: "C, blocking", program: { c: "socket_round_trip" }, args: ["stream"] },
    ],
    placements: wakes,
    operations: { full: 2_000, quick: 100 },
    rounds: 21,
  },
  {
    name: "mq-round-trip",
    what: "64 bytes to a peer and back through two POSIX message queues, blocking",
    subject: { name: "sendSync/receiveSync", program: { deno: "mq_round_trip.ts" }, args: ["sync"] },
    baselines: [{ name: "C", program: { c: "mq_round_trip" }, atMost: 1.6 }],
    placements: wakes,
    operations: { full: 10_000, quick: 200 },
    rounds: 21,
  },
  {
    name: "mq-async-round-trip",
    what: "64 bytes to a peer and back through two POSIX message queues, on the event loop",
    subject: { name: "await send/receive", program: { deno: "mq_round_trip.ts" }, args: ["async"] },
    baselines: [{ name: "C, blocking", program: { c: "mq_round_trip" } }],
    placements: wakes,
    operations: { full: 1_000, quick: 50 },
    rounds: 21,
  },
  {
    name: "sysv-queue-round-trip",
    what: "64 bytes to a peer and back through a System V message queue, blocking",
    subject: { name: "sendSync/receiveSync", program: { deno: "sysv_queue_round_trip.ts" } },
    baselines: [{ name: "C", program: { c: "sysv_queue_round_trip" }, atMost: 1.6 }],
    placements: wakes,
    operations: { full: 10_000, quick: 200 },
    rounds: 21,
  },
  {
    name: "spin",
    what: "64 bytes to a peer and back through shared memory, both sides spinning",
    subject: { name: "Atomics on .bytes", program: { deno: "spin_round_trip.ts" } },
    baselines: [{ name: "C", program: { c: "spin_round_trip" }, atMost: 2 }],
    // On one core each message would cost a time slice.
    placements: acrossCores,
    operations: { full: 300_000, quick: 1_000 },
    rounds: 21,
  },
  {
    name: "pipeline",
    what: "head -c 1G /dev/zero | cat | wc -c",
    subject: { name: "pipeline(…)", program: { deno: "gigabyte_pipeline.ts" }, args: ["causeway"] },
    baselines: [{ name: "bash -c", program: { deno: "gigabyte_pipeline.ts" }, args: ["bash"], atMost: 1.2 }],
    placements: [{ name: "free" }],
    // One operation is a MiB; the figures are for the 1024 of them.
    operations: { full: 1024, quick: 8 },
    operationsPerFigure: 1024,
    rounds: 11,
    cpuMsAtMost: 100,
  },
  {
    name: "pipeline-libraries",
    what: "head -c 256M /dev/zero | cat | wc -c, by the libraries that people use for it",
    subject: { name: "pipeline(…)", program: { deno: "gigabyte_pipeline.ts" }, args: ["causeway"] },
    baselines: LIBRARIES.map((library) => ({
      name: library,
      program: { deno: "library_pipeline.ts" },
      args: [library],
      atMost: 0.5,
    })),
    placements: [{ name: "free" }],
    operations: { full: 256, quick: 4 },
    operationsPerFigure: 256,
    rounds: 7,
  },
  {
    name: "spawn-libraries",
    what: "start /bin/true and wait for its status, by the libraries that people use for it",
    subject: { name: "command().status()", program: { deno: "spawn_true.ts" }, args: ["causeway"] },
    baselines: LIBRARIES.map((library) => ({
      name: library,
      program: { deno: "library_pipeline.ts" },
      args: [library, "spawn"],
      atMost: library === "Deno.Command" ? 1.15 : 1,
    })),
    placements: [{ name: "free" }],
    operations: { full: 50, quick: 5 },
    rounds: 11,
  },
  {
    name: "spawn",
    what: "start /bin/true and wait for its status",
    subject: { name: "command().status()", program: { deno: "spawn_true.ts" }, args: ["causeway"] },
    baselines: [
      { name: "Deno.Command", program: { deno: "spawn_true.ts" }, args: ["deno"], atMost: 1.15 },
      { name: "posix_spawn in C", program: { c: "spawn_true" } },
    ],
    placements: [{ name: "free" }],
    operations: { full: 100, quick: 5 },
    rounds: 21,
  },
  {
    // Deno collects the bytes in Rust, without streams, drain grace or limits: the ratio is only reported.
    name: "output",
    what: "start /bin/true and capture what it prints",
    subject: { name: "command().output()", program: { deno: "spawn_true.ts" }, args: ["causeway-output"] },
    baselines: [{
      name: "Deno.Command.output()",
      program: { deno: "spawn_true.ts" },
      args: ["deno-output"],
    }],
    placements: [{ name: "free" }],
    operations: { full: 100, quick: 5 },
    rounds: 21,
  },
  {
    name: "mutex",
    what: "lock and unlock a mutex in shared memory that nobody else wants",
    subject: { name: "lockSync().unlock()", program: { deno: "mutex_uncontended.ts" }, args: ["call"] },
    baselines: [{ name: "robust pthread mutex in C", program: { c: "mutex_robust" }, atMost: 1.3 }],
    placements: oneCore,
    operations: { full: 500_000, quick: 1_000 },
    rounds: 21,
  },
  {
    name: "mutex-using",
    what: "the same, unlocked by the end of a using scope",
    subject: { name: "using … lockSync()", program: { deno: "mutex_uncontended.ts" }, args: ["using"] },
    baselines: [{ name: "lockSync().unlock()", program: { deno: "mutex_uncontended.ts" }, args: ["call"] }],
    placements: oneCore,
    operations: { full: 500_000, quick: 1_000 },
    rounds: 21,
  },
  {
    name: "signal-sync",
    what: "a queued real-time signal with a value to a peer and one back, blocking",
    subject: { name: "queueSignal/receiveSync", program: { deno: "signal_round_trip.ts" }, args: ["sync"] },
    baselines: [{ name: "sigqueue/sigwaitinfo in C", program: { c: "signal_round_trip" } }],
    placements: wakes,
    operations: { full: 3_000, quick: 100 },
    rounds: 21,
  },
  {
    name: "signal-async",
    what: "a queued real-time signal with a value to a peer and one back, on the event loop",
    subject: { name: "queueSignal/await receive", program: { deno: "signal_round_trip.ts" }, args: ["async"] },
    baselines: [{ name: "sigqueue/sigwaitinfo in C", program: { c: "signal_round_trip" } }],
    placements: wakes,
    operations: { full: 1_000, quick: 100 },
    rounds: 21,
  },
];
