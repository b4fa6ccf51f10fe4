// Needs: strace, root
/** SIGKILL at system calls of create, attach and destroy: a slice of what tests/stress/memory_test.ts does at every one. */
import { assertGreater } from "@std/assert";
import { killAtEach, LIVES } from "./killed_creator.ts";

const directory = Deno.makeTempDirSync();
globalThis.addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));

/** Every so many calls; each kind of memory begins with another. */
const STEP = 17;

LIVES.forEach((life, index) => {
  Deno.test(`${life}: a process that is killed on the way leaves a name that works, and nothing`, async () => {
    assertGreater(await killAtEach(life, { first: 5 * index, step: STEP, directory }), 0);
  });
});

for (const life of ["openShared", "file"] as const) {
  Deno.test(`${life} without O_TMPFILE: a process that is killed on the way leaves a name that works, and nothing`, async () => {
    assertGreater(await killAtEach(life, { first: 20, step: STEP, draft: true, directory }), 0);
  });
}
