/** What the tests share in which several processes want one thing at the same time, or nobody else does. */
import { assert, assertEquals, assertGreaterOrEqual, assertLess, fail } from "@std/assert";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer } from "./peer.ts";

const LIMIT_MS = 120_000;

/** A machine that is busy elsewhere can take the processor from one contender for a whole run; a lock that starves does so in every run. */
const TRIES = 3;

/** Fails when one of the contenders had less than its share of the turns in every run. `contend` returns how many each had. */
export async function assertFair(share: number, contend: () => Promise<number[]>): Promise<void> {
  const seen: number[][] = [];
  for (let attempt = 0; attempt < TRIES; attempt++) {
    const turns = await contend();
    seen.push(turns);
    if (Math.min(...turns) >= turns.reduce((sum, own) => sum + own, 0) * share) return;
  }
  fail(`turns in ${TRIES} runs: ${seen.map((turns) => turns.join(" and ")).join("; ")}`);
}

/** Starts all contenders together, and returns what each says in the end: how many turns it had. `started` runs when they do. */
export async function turnsOf(contenders: () => Peer[], started?: () => Promise<void>): Promise<number[]> {
  await using peers = new AsyncDisposableStack();
  const all = contenders().map((peer) => peers.use(peer));
  for (const peer of all) assertEquals(await peer.says(), "ready");
  for (const peer of all) await peer.tell("go");
  await started?.();
  const turns: number[] = [];
  for (const peer of all) turns.push(Number(await watchdog(LIMIT_MS, peer.says())));
  return turns;
}

/** Fails when a fixture makes system calls for its rounds, whose number is its last argument. */
export async function assertNoSystemCalls(fixture: string, ...args: string[]): Promise<void> {
  const calls = async (rounds: number): Promise<number> => {
    const log = await Deno.makeTempFile();
    // Without -f only the main thread is traced, which runs the JavaScript.
    await using peer = Peer.deno(fixture, {
      args: [...args, `${rounds}`],
      under: ["strace", "-c", "-S", "calls", "-o", log],
    });
    assert((await watchdog(LIMIT_MS, peer.status)).success);
    const text = await Deno.readTextFile(log);
    await Deno.remove(log);
    return Number(/^\s*100\.00\s+\S+\s+\S+\s+(\d+)/m.exec(text)?.[1]);
  };
  const ROUNDS = 20_000;
  const idle = await calls(1);
  const busy = await calls(ROUNDS);
  assertGreaterOrEqual(idle, 1);
  // Each round locks several times; what is left is the garbage collector's.
  assertLess(busy - idle, ROUNDS / 10, `${idle} and ${busy} system calls`);
}
