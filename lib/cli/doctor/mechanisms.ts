/**
 * Every mechanism tried for real: an object of each kind is made and removed at once. It is how one learns what a container or a kernel
 * without System V refuses.
 *
 * @module
 */

import { createAnonymousMemory, createSharedMemory, createSysvMemory, unlinkSharedMemory } from "../../memory/mod.ts";
import { pipe } from "../../pipe/mod.ts";
import { createMessageQueue, createSysvQueue, unlinkMessageQueue } from "../../queue/mod.ts";
import { openPidFd } from "../../signal/mod.ts";
import { socketPair } from "../../socket/mod.ts";
import { createSysvSemaphores } from "../../sync/mod.ts";

/** A mechanism. */
export interface Tried {
  /** What it is called. */
  readonly name: string;
  /** What it is good for. */
  readonly gives: string;
  /** What Deno must allow for that, besides FFI. */
  readonly needs: readonly ("read" | "write" | "run")[];
  /** Makes one and removes it. */
  try(): void;
}

/** The mechanisms. */
export const MECHANISMS_TRIED: readonly Tried[] = [
  {
    name: "pipes",
    gives: "bytes through the kernel, pipelines",
    needs: [],
    try() {
      const { reader, writer } = pipe();
      reader.close();
      writer.close();
    },
  },
  {
    name: "Unix sockets",
    gives: "both directions, and open files that travel",
    needs: [],
    try() {
      for (const socket of socketPair("stream")) socket.close();
    },
  },
  {
    name: "pidfd signals",
    gives: "waiting for any process, and signalling it safely",
    needs: ["run"],
    // In a container this may be process 1, which only its name means.
    try: () => openPidFd(Deno.pid === 1 ? "init" : Deno.pid).close(),
  },
  {
    name: "POSIX shared memory",
    gives: "memory with a name",
    needs: ["read", "write"],
    try() {
      const name = uniqueName();
      createSharedMemory(name, { size: 1 }).close();
      unlinkSharedMemory(name);
    },
  },
  {
    name: "sealed memory",
    gives: "memory that no peer can truncate",
    needs: [],
    try: () => createAnonymousMemory({ size: 1, seal: "size" }).close(),
  },
  {
    name: "POSIX message queues",
    gives: "whole messages with priorities",
    needs: ["read", "write"],
    try() {
      const name = uniqueName();
      const queue = createMessageQueue(name, { maxMessages: 1, messageSize: 1 });
      unlinkMessageQueue(name);
      queue.close();
    },
  },
  {
    name: "System V shared memory",
    gives: "memory with a key, shared with older programs",
    needs: ["read", "write"],
    try() {
      using memory = createSysvMemory("private", { size: 1 });
      memory.remove();
    },
  },
  {
    name: "System V queues",
    gives: "messages by type",
    needs: ["read", "write"],
    try() {
      using queue = createSysvQueue("private");
      queue.remove();
    },
  },
  {
    name: "System V semaphores",
    gives: "several semaphores changed as one, given back at death",
    needs: ["read", "write"],
    try() {
      using set = createSysvSemaphores("private", { values: [0] });
      set.remove();
    },
  },
];

function uniqueName(): string {
  return `/causeway-doctor-${crypto.randomUUID()}`;
}
