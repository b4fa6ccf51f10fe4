/**
 * The scenes that `causeway trace MECHANISM` plays.
 *
 * @module
 */

import type { TraceScene } from "./stage.ts";

/** A scene by name, whose code is imported when it is played. */
export interface SceneEntry {
  /** Its name on the command line. */
  readonly name: string;
  /** Imports its code. */
  load(): Promise<TraceScene>;
}

/** Every scene. */
export const SCENES: readonly SceneEntry[] = [
  { name: "signal", load: async () => (await import("./signal_scenes.ts")).SIGNAL },
  { name: "realtime-signal", load: async () => (await import("./signal_scenes.ts")).REALTIME_SIGNAL },
  { name: "pipe", load: async () => (await import("./byte_scenes.ts")).PIPE },
  { name: "fifo", load: async () => (await import("./byte_scenes.ts")).FIFO },
  { name: "socket", load: async () => (await import("./byte_scenes.ts")).SOCKET },
  { name: "queue", load: async () => (await import("./queue_scene.ts")).QUEUE },
  { name: "shared-memory", load: async () => (await import("./memory_scenes.ts")).SHARED_MEMORY },
  { name: "mutex", load: async () => (await import("./memory_scenes.ts")).MUTEX },
  { name: "rw-lock", load: async () => (await import("./lock_scenes.ts")).RW_LOCK },
  { name: "semaphore", load: async () => (await import("./lock_scenes.ts")).SEMAPHORE },
  { name: "condition", load: async () => (await import("./lock_scenes.ts")).CONDITION },
  { name: "barrier", load: async () => (await import("./lock_scenes.ts")).BARRIER },
];
