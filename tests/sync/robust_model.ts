/**
 * Robust words in models: the steps of `lib/sync/robust_word.ts` under their names, and what the kernel does at a death. One word of a model, `lock`, is
 * taken and released by these steps; others (the slots of participants) are owned from the start.
 *
 * @module
 */

import type { Step, StepContext } from "./model_checker.ts";

/** Bits of robust words; the rest is the owner: 1 for process 0, and so on. */
export const WAITERS = 64;
export const OWNER_DIED = 128;
const OWNER = 63;
export const ALL = Infinity;

/** The thread id of a process. */
export const tid = (me: number): number => me + 1;

/** Whose a word is; 0 when it is free. */
export const owner = (word: number | undefined): number => word! & OWNER;

/** What a process must know for these steps: `pending` and `linked` are what the kernel's robust list of it says. */
export const ROBUST_OWN = { pending: 0, linked: 0, slept: 0, expected: 0 } as const;

/** What comes next. */
type Next = (context: StepContext) => string;

/**
 * Taking, sleeping for, and releasing the word `lock`: begins at T1 and R1.
 *
 * @param taken The step after T5. `own.died` is 1 when an owner before died.
 * @param released The step after R4.
 */
export function lockSteps(taken: Next, released: Next): Record<string, Step> {
  return {
    T1: ({ own }) => (own["pending"] = 1, "T2"),
    T2: ({ words, own, me }) => {
      const seen = words["lock"]!;
      if (owner(seen) !== 0) return own["pending"] = 0, "S1";
      words["lock"] = tid(me) | (seen & WAITERS) | own["slept"]!;
      if ("died" in own) own["died"] = seen & OWNER_DIED ? 1 : 0;
      return "T4";
    },
    T4: ({ own }) => (own["linked"] = 1, own["slept"] = 0, "T5"),
    T5: (context) => (context.own["pending"] = 0, taken(context)),
    S1: ({ words, own }) => {
      if (owner(words["lock"]) === 0) return "T1";
      own["expected"] = words["lock"]! |= WAITERS;
      return "S2";
    },
    S2: ({ own }) => (own["pending"] = 1, "S3"),
    S3: ({ own, sleep }) => {
      sleep({ lock: own["expected"]! });
      own["expected"] = 0;
      own["slept"] = WAITERS;
      return "S1";
    },
    R1: ({ own }) => (own["pending"] = 1, own["linked"] = 0, "R3"),
    R3: ({ words, wake }) => {
      const seen = words["lock"]!;
      words["lock"] = 0;
      if (seen & WAITERS) wake("lock", ALL);
      return "R4";
    },
    R4: (context) => (context.own["pending"] = 0, released(context)),
  };
}

/** `handle_futex_death()` of the kernel, for the word `lock`: in the list, or pending. */
export function lockDies({ words, own, me, wake }: StepContext): void {
  if (own["linked"] === 0 && own["pending"] === 1 && owner(words["lock"]) === 0) wake("lock", 1);
  else if (own["linked"] === 1 || own["pending"] === 1) wordDies({ words, me, wake }, "lock");
}

/** The same, for a word that is in the list. */
export function wordDies({ words, me, wake }: Pick<StepContext, "words" | "me" | "wake">, word: string): void {
  const seen = words[word]!;
  if (owner(seen) !== tid(me)) return;
  words[word] = (seen & WAITERS) | OWNER_DIED;
  if (seen & WAITERS) wake(word, 1);
}
