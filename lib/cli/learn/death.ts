/**
 * Lesson 10: a lock whose owner is killed.
 *
 * @module
 */

import { createBoard, withBoard } from "./counters.ts";
import type { Lesson } from "./lesson.ts";
import { A_WHILE_MS, BUSY_MS, since, untilKilled } from "./waiting.ts";

/** A robust lock, and one that is not. */
export const DEATH: Lesson = {
  model: "synchronous, in shared memory",
  text: [
    "Any process may be killed at any instruction: by a user, by the kernel when memory runs out, by a bug. Memory that it shared stays as it was, half",
    "changed, and so does the lock in it. SIGKILL runs no handler and no finally. So the kernel must give the lock back: a robust lock is on a list that",
    "the kernel walks when the owner dies. And the next owner must be told, because what the lock guards may be half done.",
  ],
  experiment: {
    about: "A child takes the lock, half changes what it guards, and gets SIGKILL. This process waits for the lock.",
    command: [
      "using guard = await board.lock.lock(); if (guard.previousOwnerDied) { repair(); guard.markConsistent(); }",
    ],
    async play(scene) {
      const { board, name } = createBoard(scene);
      const child = scene.peer(["holder", name]);
      await child.said("holds");
      const coming = board.lock.lock({ timeoutMs: BUSY_MS });
      scene.did("asks for the lock, and waits");
      // A task that never asked could not be the one that waits.
      scene.check("the lock is taken", board.lock.tryLock() === undefined);
      scene.did("sends SIGKILL to the child");
      const killedAt = performance.now();
      child.kill("SIGKILL");
      const guard = await coming;
      const took = since(killedAt);
      const { previousOwnerDied } = guard;
      const found = board.text;
      scene.did(`has the lock; previousOwnerDied: ${previousOwnerDied}; finds ${JSON.stringify(found)}`);
      board.text = "whole again";
      guard.markConsistent();
      guard.unlock();
      scene.did("repairs, and unlocks");
      await child.finished();
      using again = board.lock.lockSync();
      scene.check("the next owner was told that its predecessor died", previousOwnerDied);
      scene.check("what it guards was half changed", found === "half cha");
      scene.check("after the repair the lock is as good as new", !again.previousOwnerDied);
      return [
        `${took} after the kill the lock had a new owner, who knew why, and found ${
          JSON.stringify(found)
        }: the child had not come further.`,
        "Telling is as important as giving back: a lock that comes back silently guards broken data.",
      ];
    },
  },
  question: {
    ask:
      "A lock file holds the pid of its owner. Its owner was killed. May the next one take it because no process has that pid?",
    answers: [
      {
        text: "yes, that is what the pid is for",
        right: false,
        why: "the same number may be another process by now; then it is never freed, or a stranger is asked.",
      },
      {
        text: "no: pids are used again, and between looking and taking others look too",
        right: true,
        why:
          "a pid is not an identity. The kernel must hold the lock (flock, a robust futex), or pid and start time must agree.",
      },
      {
        text: "yes, after some time",
        right: false,
        why: "an owner that is stopped or slow is not dead; two owners at once are worse than none.",
      },
    ],
  },
  broken: {
    about:
      "A lock made by hand: the owner writes its pid into a word that was 0. It looks right, until the owner is killed.",
    command: ["while (word.exchange(pid) !== 0) …   and then   kill -KILL pid"],
    async play(scene) {
      const { board, name } = createBoard(scene);
      const child = scene.peer(["naive", name]);
      await child.said("holds");
      scene.did("sends SIGKILL to the child");
      child.kill("SIGKILL");
      await child.finished();
      const startedAt = performance.now();
      let tries = 0;
      while (performance.now() - startedAt < A_WHILE_MS) {
        tries++;
        if (board.owner.load() === 0) break;
      }
      const owner = board.owner.load();
      scene.did(`has looked ${tries} times in ${A_WHILE_MS} ms: the lock belongs to ${owner}`);
      scene.check("the lock still belongs to the dead", owner === child.pid);
      return [
        `The word says ${owner}, and ${owner} is dead. Everybody else waits for ever; restarting one of them does not help, because memory remembers.`,
        "Death is normal. A lock is only as good as what happens to it then.",
      ];
    },
  },
  peers: {
    async holder(report, [name]) {
      await withBoard(name, async (board) => {
        using _guard = board.lock.lockSync();
        board.text = "half cha";
        report.did('holds the lock, has written "half cha" of "half changed"');
        report.send();
        await untilKilled();
      });
    },
    async naive(report, [name]) {
      await withBoard(name, async (board) => {
        if (board.owner.exchange(Deno.pid) !== 0) throw new Error("The lock was not free");
        report.did(`holds a lock made by hand: the word is ${Deno.pid}`);
        report.send();
        await untilKilled();
      });
    },
  },
};
