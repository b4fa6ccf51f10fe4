/**
 * The questions about channels, each with its target, against what people would use in their place.
 *
 * @module
 */

import { wakePlacements } from "./command_line.ts";
import type { BaselineSpec, Row } from "./harness.ts";

const wakes = wakePlacements();
const acrossCores = wakes.filter((placement) => placement.name === "two cores");

const hot = (name: string, how: string, codec: string) => ({
  name,
  program: { deno: "channel_round_trip.ts" },
  args: [how, "shm", codec],
  // The road through shared memory spins where there is a second CPU.
  pinnedWhenReady: true,
  times: 25,
});

const unixConn = (...args: string[]): BaselineSpec => ({
  name: "Deno.UnixConn, framed by hand",
  program: { deno: "channel_unix_conn.ts" },
  args,
});

const node = (name: string, ...args: string[]): BaselineSpec => ({
  name: `Node's child messages, ${name}`,
  program: { node: "channel_node.mjs" },
  args,
});

const python = (name: string, ...args: string[]): BaselineSpec => ({
  name: `multiprocessing.${name}`,
  program: { python: "channel_multiprocessing.py" },
  args,
});

const boost = (how: string): BaselineSpec => ({
  name: "Boost message_queue in C++",
  program: { cpp: "boost_queue_round_trip" },
  args: [how],
});

const zeromq = (how: string): BaselineSpec => ({
  name: "ZeroMQ in Node, ipc:",
  program: { node: "channel_zeromq.mjs" },
  args: [how],
});

/** The rows of channels, in the order in which they run. */
export const CHANNEL_ROWS: readonly Row[] = [
  {
    // The targets are of one way; there and back has the same ratio.
    name: "channel-hot",
    what: "64 bytes to a peer and back through a channel in shared memory, both sides spinning",
    subject: hot("sendSync/receiveSync", "sync", "bytes"),
    baselines: [
      { name: "the ring in C", program: { c: "ring_messages" }, times: 25 },
      { name: "a socket in C", program: { c: "socket_round_trip" }, args: ["stream"] },
      { name: "Deno.UnixConn", program: { deno: "socket_round_trip.ts" }, args: ["deno-async"], atMost: 1 / 30 },
      { ...node("JSON", "round", "json-bytes"), atMost: 1 / 30 },
      { ...node("advanced", "round", "advanced-bytes"), atMost: 1 / 30 },
      { ...python("Pipe", "round", "pipe"), atMost: 1 / 20 },
      python("Queue", "round", "queue"),
      boost("round"),
      zeromq("round"),
    ],
    placements: acrossCores,
    operations: { full: 2_000, quick: 50 },
    rounds: 21,
  },
  {
    name: "channel-hot-forms",
    what: "the same by the forms that a channel in shared memory has",
    subject: hot("bytes", "sync", "bytes"),
    baselines: [
      hot("a struct of 64 bytes", "sync", "struct"),
      hot("an object of 64 bytes of JSON", "sync", "json"),
      hot("bytes, by loan", "loan", "bytes"),
    ],
    placements: acrossCores,
    operations: { full: 2_000, quick: 50 },
    rounds: 21,
  },
  {
    name: "channel-unix-async",
    what: "64 bytes to a peer and back through a channel over a Unix socket, on the event loop",
    subject: { name: "await send/receive", program: { deno: "channel_round_trip.ts" }, args: ["async", "unix"] },
    baselines: [
      { ...unixConn("round", "bytes"), atMost: 1 },
      { name: "Deno.UnixConn, no frames", program: { deno: "socket_round_trip.ts" }, args: ["deno-async"] },
      { name: "await write/read", program: { deno: "socket_round_trip.ts" }, args: ["stream-async"] },
      node("advanced", "round", "advanced-bytes"),
    ],
    placements: wakes,
    operations: { full: 1_000, quick: 50 },
    rounds: 21,
  },
  {
    name: "channel-json-async",
    what: "the same with an object of 64 bytes of JSON",
    subject: {
      name: "await send/receive",
      program: { deno: "channel_round_trip.ts" },
      args: ["async", "unix", "json"],
    },
    baselines: [{ ...unixConn("round", "json"), atMost: 1 }, node("JSON", "round", "json")],
    placements: wakes,
    operations: { full: 1_000, quick: 50 },
    rounds: 21,
  },
  {
    name: "channel-unix-sync",
    what: "64 bytes to a peer and back through a channel over a Unix socket, blocking",
    subject: { name: "sendSync/receiveSync", program: { deno: "channel_round_trip.ts" }, args: ["sync", "unix"] },
    baselines: [
      { name: "C, bare socket", program: { c: "socket_round_trip" }, args: ["stream"] },
      python("Pipe", "round", "pipe"),
    ],
    placements: wakes,
    operations: { full: 10_000, quick: 200 },
    rounds: 21,
  },
  {
    name: "channel-pair",
    what: "an object to a child and back through a channelPair over a socket, on the event loop",
    subject: {
      name: "await send/receive",
      program: { deno: "channel_round_trip.ts" },
      args: ["async", "socket", "json"],
    },
    baselines: [
      node("JSON", "round", "json"),
      node("advanced", "round", "advanced"),
      python("Pipe, send(object)", "round", "objects"),
      {
        name: "the same over a ring",
        program: { deno: "channel_round_trip.ts" },
        args: ["async", "ring", "json"],
        pinnedWhenReady: true,
      },
    ],
    placements: wakes,
    operations: { full: 1_000, quick: 50 },
    rounds: 21,
  },
  {
    name: "channel-stream",
    what: "64 bytes one way, with messages in line and the last one answered",
    subject: {
      name: "sendMany/receiveMany, shm:",
      program: { deno: "channel_stream.ts" },
      args: ["shm"],
      pinnedWhenReady: true,
      times: 5,
    },
    baselines: [
      ...["unix", "tcp", "fifo", "mq"].map((road) => ({
        name: `the same, ${road}:`,
        program: { deno: "channel_stream.ts" },
        args: [road],
        times: 5,
      })),
      { ...unixConn("stream", "bytes"), name: "Deno.UnixConn, 64 frames a write", times: 5 },
      node("JSON", "stream", "json-bytes"),
      python("Pipe", "stream", "pipe"),
      python("Queue", "stream", "queue"),
      { ...boost("stream"), times: 5 },
      zeromq("stream"),
    ],
    placements: acrossCores,
    operations: { full: 10_000, quick: 200 },
    rounds: 21,
  },
];
