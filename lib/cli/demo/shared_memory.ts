/**
 * POSIX shared memory.
 *
 * @module
 */

import { createSharedMemory, openSharedMemory, unlinkSharedMemory } from "../../memory/mod.ts";
import type { Mechanism } from "./mechanism.ts";
import { answer, share, Words } from "./shared_words.ts";

/** Both open one name. */
export const SHARED_MEMORY: Mechanism = {
  model: "synchronous, in shared memory",
  about: "memory with a name, without a file; no copies; it lives until it is unlinked and the last process lets go",

  async play(scene) {
    const name = `/causeway-demo-${crypto.randomUUID()}`;
    const memory = scene.use(createSharedMemory(name, { size: Words.byteLength }));
    scene.defer(() => unlinkSharedMemory(name));
    scene.did(`creates ${Words.byteLength} bytes of shared memory`);
    await share(scene, Words.create(memory), scene.peer([name]));
  },

  async peer(report, [name = ""]) {
    using memory = openSharedMemory(name);
    await answer(report, memory, "opened the same name");
  },
};
