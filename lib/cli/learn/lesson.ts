/**
 * What a lesson is, and the ten of them.
 *
 * @module
 */

import type { Model } from "../demo/mechanism.ts";
import type { PeerReport } from "../demo/peer_report.ts";
import type { Scene } from "../demo/scene.ts";
import type { Shown } from "../traced.ts";

/** Something that is really done by real processes. */
export interface Experiment {
  /** What is going to be done, in a line or two. */
  readonly about: string;
  /** How it is done, for the reader to type or to program. */
  readonly command: readonly string[];
  /** Does it, checks every claim of the text, and tells what came of it, figures included. */
  play(scene: Scene): Promise<readonly string[]>;
  /** One message of the same mechanism, traced afterwards. */
  readonly shown?: Shown;
}

/** One thing to choose. */
export interface Answer {
  /** The answer. */
  readonly text: string;
  /** Whether it is the one. */
  readonly right: boolean;
  /** Why it is, or is not. */
  readonly why: string;
}

/** What a reader should be able to say now. */
export interface Question {
  /** The question. */
  readonly ask: string;
  /** What there is to choose from; one is right. */
  readonly answers: readonly Answer[];
}

/** One lesson. */
export interface Lesson {
  /** The model of communication that it belongs to. */
  readonly model: Model | "none";
  /** A few sentences. */
  readonly text: readonly string[];
  /** To see it work. */
  readonly experiment: Experiment;
  /** To think about it. */
  readonly question: Question;
  /** To break it. */
  readonly broken: Experiment;
  /** The other processes, where these are Deno too, by what they do. */
  readonly peers?: Readonly<Record<string, (report: PeerReport, args: readonly string[]) => Promise<void>>>;
}

/** A permission of Deno that a lesson needs. */
export type Need = "ffi" | "run" | "read" | "write";

/** A lesson by name, whose code is imported when it is begun. */
export interface LessonEntry {
  /** Its name on the command line. */
  readonly name: string;
  /** What it is about. */
  readonly title: string;
  /** What it needs. */
  readonly needs: readonly Need[];
  /** Imports its code. */
  load(): Promise<Lesson>;
}

/** A peer is another Deno with all of them, and whoever starts it must have what it gives away. */
const ALL: readonly Need[] = ["ffi", "run", "read", "write"];

/** The lessons, in their order. */
export const LESSONS: readonly LessonEntry[] = [
  {
    name: "isolation",
    title: "Why processes are islands",
    needs: ALL,
    load: async () => (await import("./isolation.ts")).ISOLATION,
  },
  {
    name: "signals",
    title: "Signals interrupt",
    needs: ALL,
    load: async () => (await import("./signals.ts")).SIGNALS,
  },
  {
    name: "pipes",
    title: "Pipes: two copies, and someone must wait",
    needs: ALL,
    load: async () => (await import("./pipes.ts")).PIPES,
  },
  {
    name: "end-of-file",
    title: "End of file is when the last writer lets go",
    needs: ALL,
    load: async () => (await import("./end_of_file.ts")).END_OF_FILE,
  },
  {
    name: "fifos",
    title: "FIFOs: where strangers meet",
    needs: ALL,
    load: async () => (await import("./fifos.ts")).FIFOS,
  },
  {
    name: "sockets",
    title: "Sockets carry bytes both ways, and open files",
    needs: ALL,
    load: async () => (await import("./sockets.ts")).SOCKETS,
  },
  {
    name: "queues",
    title: "Message queues: whole messages, and the kernel keeps them",
    needs: ALL,
    load: async () => (await import("./queues.ts")).QUEUES,
  },
  {
    name: "memory",
    title: "Shared memory: no copies, and the race",
    needs: ALL,
    load: async () => (await import("./memory.ts")).MEMORY,
  },
  {
    name: "locks",
    title: "Locks: one at a time",
    needs: ALL,
    load: async () => (await import("./locks.ts")).LOCKS,
  },
  {
    name: "death",
    title: "Why locks must survive death",
    needs: ALL,
    load: async () => (await import("./death.ts")).DEATH,
  },
];
