/**
 * Memory that several processes count in, for the lessons about memory and locks.
 *
 * @module
 */

import {
  atomic,
  createSharedMemory,
  type Infer,
  openSharedMemory,
  struct,
  u32,
  unlinkSharedMemory,
  utf8,
} from "../../memory/mod.ts";
import { mutex } from "../../sync/mod.ts";
import { nextTurn } from "../../sys/clock.ts";
import type { PeerReport } from "../demo/peer_report.ts";
import type { Peer } from "../demo/peer_process.ts";
import type { Scene } from "../demo/scene.ts";
import { BUSY_MS } from "./waiting.ts";

/** What lies in the memory. Each in its own right: nothing keeps order but what the reader uses. */
export const Board = struct({
  lock: mutex,
  second: mutex,
  go: atomic(u32),
  ready: atomic(u32),
  owner: atomic(u32),
  atomicCount: atomic(u32),
  plainCount: u32,
  text: utf8(64),
});

/** A view of it. */
export type BoardView = Infer<typeof Board>;

/** How two processes may count. */
export type Way = "plain" | "atomic" | "locked";

/** Makes the memory; its name goes with the scene. */
export function createBoard(scene: Scene): { board: BoardView; name: string } {
  const name = `/causeway-learn-${crypto.randomUUID()}`;
  const memory = scene.use(createSharedMemory(name, { size: Board.byteLength }));
  scene.defer(() => unlinkSharedMemory(name));
  scene.did(`creates ${Board.byteLength} bytes of shared memory`);
  return { board: Board.create(memory), name };
}

/** Opens it in another process, does something with it, and closes it. */
export async function withBoard(
  name: string | undefined,
  work: (board: BoardView) => void | Promise<void>,
): Promise<void> {
  using memory = openSharedMemory(name ?? "");
  await work(Board.open(memory));
}

/** Longest look at a word before other events get a turn. With one CPU the kernel lets the other side run meanwhile. */
const LOOK_MS = 20;

/** Looks at a word now and then until it is so, and leaves the CPU to those that get ready. */
export async function watch(isSo: () => boolean, what: string): Promise<void> {
  const givesUpAt = performance.now() + BUSY_MS;
  while (!isSo()) {
    if (performance.now() > givesUpAt) throw new Error(`Waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Looks at a word without pause until it is so: nobody could learn it sooner. */
export async function stare(isSo: () => boolean, what: string): Promise<void> {
  const givesUpAt = performance.now() + BUSY_MS;
  for (let lookedSince = performance.now(); !isSo();) {
    if (performance.now() - lookedSince < LOOK_MS) continue;
    if (performance.now() > givesUpAt) throw new Error(`Waited too long for ${what}`);
    await nextTurn();
    lookedSince = performance.now();
  }
}

/** Starts two processes that count, lets them go at once, and waits for both. */
export async function countTogether(scene: Scene, way: Way, times: number): Promise<number> {
  const { board, name } = createBoard(scene);
  const counters: Peer[] = [1, 2].map(() => scene.peer(["counter", name, way, String(times)]));
  await watch(() => board.ready.load() === counters.length, "the counters");
  scene.did(`lets both go: each adds 1 ${times} times, ${WORDS[way]}`);
  board.go.store(1);
  for (const counter of counters) await scene.over(counter);
  const total = way === "atomic" ? board.atomicCount.load() : board.plainCount;
  scene.did(`reads the counter: ${total}`);
  return total;
}

const WORDS: Readonly<Record<Way, string>> = {
  plain: "with no order between them",
  atomic: "by an atomic instruction",
  locked: "under the lock",
};

/** What such a process does. */
export async function counter(report: PeerReport, [name, way, times]: readonly string[]): Promise<void> {
  await withBoard(name, async (board) => {
    board.ready.add(1);
    await watch(() => board.go.load() === 1, "the start");
    report.did("begins to count");
    count(board, way, Number(times));
    report.did(`has added 1 ${times} times`);
  });
}

function count(board: BoardView, way: string | undefined, times: number): void {
  if (way === "atomic") { for (let i = 0; i < times; i++) board.atomicCount.add(1); }
  else if (way === "plain") { for (let i = 0; i < times; i++) board.plainCount += 1; }
  else {
    for (let i = 0; i < times; i++) {
      using _guard = board.lock.lockSync();
      board.plainCount += 1;
    }
  }
}
