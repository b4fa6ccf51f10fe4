/**
 * What two processes do with memory that both have, whatever kind of memory it is.
 *
 * @module
 */

import { atomic, type Infer, struct, u32, utf8 } from "../../memory/mod.ts";
import type { Memory } from "../../memory/mod.ts";
import { nextTurn } from "../../sys/clock.ts";
import type { Peer } from "./peer_process.ts";
import type { PeerReport } from "./peer_report.ts";
import { PATIENCE_MS, type Scene } from "./scene.ts";

/** What lies in the memory. */
export const Words = struct({ turn: atomic(u32), count: atomic(u32), greeting: utf8(32) });

type WordsView = Infer<typeof Words>;

/** Each side adds one this many times. */
const ADDITIONS = 100_000;

/** Longest look at a word before other events get a turn. With one CPU the kernel lets the other side run meanwhile. */
const LOOK_MS = 20;

/** The parent's part: gives the turn away, reads what the child wrote, counts together with it. */
export async function share(scene: Scene, words: WordsView, child: Peer): Promise<void> {
  await child.said("has");
  scene.did("stores 1 in the word that both watch");
  words.turn.store(1);
  await watch(words, 2);
  const { greeting } = words;
  scene.did(`sees 2 in it, reads ${JSON.stringify(greeting)}: no copy, no system call`);
  count(words);
  scene.did(`has added 1 to the counter ${ADDITIONS} times`);
  await scene.over(child);
  scene.did(`reads the counter: ${words.count.load()}`);
  scene.check("the child's bytes are here", greeting === greetingOf(child.pid));
  scene.check(`the counter is exactly ${2 * ADDITIONS}`, words.count.load() === 2 * ADDITIONS);
}

/** The child's part. */
export async function answer(report: PeerReport, memory: Memory, what: string): Promise<void> {
  const words = Words.open(memory);
  report.did(`has ${what}`);
  report.send();
  await watch(words, 1);
  report.did("sees 1 in the word, stores a greeting, and 2 in the word");
  words.greeting = greetingOf(Deno.pid);
  words.turn.store(2);
  count(words);
  report.did(`has added 1 to the counter ${ADDITIONS} times`);
}

function greetingOf(pid: number): string {
  return `hello from ${pid}`;
}

function count({ count }: WordsView): void {
  for (let i = 0; i < ADDITIONS; i++) count.add(1);
}

/** Looks at the word until the value is there. */
async function watch({ turn }: WordsView, value: number): Promise<void> {
  const givesUpAt = performance.now() + PATIENCE_MS;
  for (let lookedSince = performance.now(); turn.load() !== value;) {
    if (performance.now() - lookedSince < LOOK_MS) continue;
    if (performance.now() > givesUpAt) {
      throw new Error(`The other side did not store ${value} within ${PATIENCE_MS} ms`);
    }
    await nextTurn();
    lookedSince = performance.now();
  }
}
