/**
 * System V shared memory.
 *
 * @module
 */

import { createSysvMemory, openSysvMemory } from "../../memory/mod.ts";
import type { Mechanism } from "./mechanism.ts";
import { answer, share, Words } from "./shared_words.ts";

/** Both attach one segment. */
export const SYSV_SHARED_MEMORY: Mechanism = {
  model: "synchronous, in shared memory",
  about: "the older way: a number leads to it; no copies; it lives until it is removed and the last process detaches",

  async play(scene) {
    const segment = scene.use(createSysvMemory("private", { size: Words.byteLength }));
    // Removed after the child has gone, and while this process is still attached: disposal runs backwards.
    scene.defer(() => segment.remove());
    scene.did(`creates segment ${segment.id} of ${Words.byteLength} bytes and attaches it`);
    await share(scene, Words.create(segment), scene.peer([String(segment.id)]));
  },

  async peer(report, [id]) {
    using segment = openSysvMemory({ id: Number(id) });
    await answer(report, segment, "attached the same segment");
  },
};
