/**
 * A lock whose owner is killed.
 *
 * @module
 */

import { createSharedMemory, i64, openSharedMemory, struct, unlinkSharedMemory } from "../../memory/mod.ts";
import { mutex } from "../../sync/mod.ts";
import { nextTurn } from "../../sys/clock.ts";
import type { Mechanism } from "./mechanism.ts";
import { PATIENCE_MS } from "./scene.ts";

const Account = struct({ lock: mutex, balance: i64 });

/** The child takes the lock and is killed with it; the parent gets it, and learns why. */
export const MUTEX: Mechanism = {
  model: "synchronous, in shared memory",
  about: "one at a time; no system call while nobody waits; the kernel gives it back when its owner dies",

  async play(scene) {
    const name = `/causeway-demo-${crypto.randomUUID()}`;
    const memory = scene.use(createSharedMemory(name, { size: Account.byteLength }));
    scene.defer(() => unlinkSharedMemory(name));
    const account = Account.create(memory);
    scene.did("creates shared memory with a lock in it");
    const child = scene.peer([name]);
    await child.said("holds");
    scene.did("asks for the lock, and waits");
    const coming = account.lock.lock({ timeoutMs: PATIENCE_MS });
    await nextTurn();
    scene.did("sends SIGKILL to the child");
    const killedAt = performance.now();
    child.kill("SIGKILL");
    const guard = await coming;
    const tookMs = performance.now() - killedAt;
    const { previousOwnerDied } = guard;
    scene.did(`has the lock ${tookMs.toFixed(2)} ms after the kill; previousOwnerDied: ${previousOwnerDied}`);
    account.balance = 100n;
    guard.markConsistent();
    guard.unlock();
    scene.did("repairs what the child left half done, and unlocks");
    {
      using again = account.lock.lockSync({ timeoutMs: PATIENCE_MS });
      scene.check("after the repair the lock is as good as new", !again.previousOwnerDied);
    }
    const status = await child.finished();
    scene.check("the owner was killed", status.kind === "signaled" && status.signal === "SIGKILL");
    scene.check("the next owner knows it", previousOwnerDied);
  },

  async peer(report, [name = ""]) {
    using memory = openSharedMemory(name);
    const account = Account.open(memory);
    using _guard = await account.lock.lock();
    account.balance = -1n;
    report.did("holds the lock, has half changed what it protects");
    report.send();
    await new Promise((resolve) => setTimeout(resolve, PATIENCE_MS));
  },
};
