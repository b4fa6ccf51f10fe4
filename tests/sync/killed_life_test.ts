// Needs: strace, root
/** SIGKILL at system calls of locking and unlocking: a slice of what tests/stress/killed_life_test.ts does at every one. */
import { assertGreaterOrEqual } from "@std/assert";
import { killWhileLocking, KINDS } from "./killed_life.ts";
import { Random } from "./rounds.ts";

/** So many of the calls, each time others, by which a thread sleeps, wakes others, and tells the kernel of its locks. */
const KILLS = 1;

const random = new Random();
let killed = 0;

for (const kind of KINDS) {
  Deno.test(`${kind}: who is killed at a system call leaves it to the other, and nothing behind`, async () => {
    killed += await killWhileLocking(kind, (calls) => {
      const ours = calls.filter(({ text = "" }) => /^(futex|set_robust_list)/.test(text) && !text.includes("_PRIVATE"));
      return Array.from({ length: KILLS }, () => random.pick(ours));
    });
  });
}

Deno.test("Most lives were cut short: a call that the runtime makes now and then may shift the count of another", () => {
  assertGreaterOrEqual(killed, KINDS.length / 2);
});
