/**
 * What a demonstration is: the two sides of one mechanism, in one file.
 *
 * @module
 */

import type { PeerReport } from "./peer_report.ts";
import type { Scene } from "./scene.ts";

/** Who is told of a message, and how. */
export type Model = "asynchronous" | "synchronous, through the kernel" | "synchronous, in shared memory";

/** A demonstration of one mechanism. */
export interface Mechanism {
  /** The model of communication that it belongs to. */
  readonly model: Model;
  /** What it is, in one line: who blocks, how many copies. */
  readonly about: string;
  /** The parent's side: starts the others, does its part, checks the result. */
  play(scene: Scene): Promise<void>;
  /** The side of a child that is Deno too. */
  peer?(report: PeerReport, args: readonly string[]): Promise<void>;
}

/** A mechanism by name, whose code is imported when it is played. */
export interface MechanismEntry {
  /** Its name on the command line. */
  readonly name: string;
  /** Imports its code. */
  load(): Promise<Mechanism>;
}

/** Every mechanism, in the order in which they are played. */
export const MECHANISMS: readonly MechanismEntry[] = [
  { name: "pipe", load: async () => (await import("./pipe.ts")).PIPE },
  { name: "fifo", load: async () => (await import("./fifo.ts")).FIFO },
  { name: "signal", load: async () => (await import("./signal.ts")).SIGNAL },
  { name: "realtime-signal", load: async () => (await import("./realtime_signal.ts")).REALTIME_SIGNAL },
  { name: "socket", load: async () => (await import("./socket.ts")).SOCKET },
  { name: "mapped-file", load: async () => (await import("./mapped_file.ts")).MAPPED_FILE },
  { name: "shared-memory", load: async () => (await import("./shared_memory.ts")).SHARED_MEMORY },
  { name: "sysv-shared-memory", load: async () => (await import("./sysv_shared_memory.ts")).SYSV_SHARED_MEMORY },
  { name: "mutex", load: async () => (await import("./mutex.ts")).MUTEX },
  { name: "pipeline", load: async () => (await import("./pipeline.ts")).PIPELINE },
];
