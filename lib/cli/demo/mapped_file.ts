/**
 * A file that two processes have in memory.
 *
 * @module
 */

import { createMappedFile, openMappedFile } from "../../memory/mod.ts";
import type { Mechanism } from "./mechanism.ts";
import { answer, share, Words } from "./shared_words.ts";

/** Both map one file. */
export const MAPPED_FILE: Mechanism = {
  model: "synchronous, in shared memory",
  about: "a file is memory of both; a store is seen at once; no copies; the bytes outlive the processes",

  async play(scene) {
    const path = `${scene.directory}/shared`;
    const file = scene.use(createMappedFile(path, { size: Words.byteLength }));
    scene.did(`creates a file of ${Words.byteLength} bytes and maps it`);
    await share(scene, Words.create(file), scene.peer([path]));
  },

  async peer(report, [path = ""]) {
    using file = openMappedFile(path);
    await answer(report, file, "mapped the same file");
  },
};
