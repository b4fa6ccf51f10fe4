/** Random rounds that can be played again: what the gate and the stress runs of the primitives share. */
import { assert } from "@std/assert";

/** A waiter looks again a second after it fell asleep, whatever happens; who needs that has lost a wake-up. Some of that second may be over. */
const PROMPT_MS = 500;
const TRIES = 10;

/** Numbers in 0..1 that follow from a seed. */
export class Random {
  readonly seed: number;
  #state: number;

  /** @param seed By default the environment's CAUSEWAY_SEED, else a new one. */
  constructor(seed: number = Number(Deno.env.get("CAUSEWAY_SEED") ?? crypto.getRandomValues(new Uint32Array(1))[0])) {
    this.seed = this.#state = seed >>> 0;
    console.log(`CAUSEWAY_SEED=${this.seed}`);
  }

  /** A number in 0..1, without 1. */
  next(): number {
    this.#state = (this.#state + 0x9e37_79b9) >>> 0;
    let mixed = this.#state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x21f0_aaad);
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a_2d97);
    return ((mixed ^ (mixed >>> 15)) >>> 0) / 2 ** 32;
  }

  /** One of some. */
  pick<T>(choices: readonly T[]): T {
    const chosen = choices[Math.floor(this.next() * choices.length)];
    assert(chosen !== undefined);
    return chosen;
  }
}

/**
 * Runs something that must not need a waiter's second look. A machine that is busy elsewhere can take a second, too, but hardly each time.
 *
 * @param run Returns how many milliseconds the waiting took.
 */
export async function promptly(run: () => Promise<number>): Promise<void> {
  const times: number[] = [];
  for (let attempt = 0; attempt < TRIES; attempt++) {
    times.push(await run());
    if (times.at(-1)! < PROMPT_MS) return;
  }
  throw new Error(`A wake-up was lost: it took ${times.map((ms) => `${Math.round(ms)} ms`).join(", ")}`);
}

/** Resolves when a thread of a process sleeps in `futex_waitv`, where who waits for several words sleeps. */
export async function sleepsOnSeveralWords(pid: number): Promise<void> {
  while (!threadCalls(pid).some((call) => call.startsWith("449 "))) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

/** Whether a thread of a process sleeps for a word, or for several. Nothing else in Deno waits without the PRIVATE flag. */
export function sleepsOnWord(pid: number): boolean {
  return threadCalls(pid).some((call) => /^(449 |(202|98) 0x[0-9a-f]+ 0x0 )/.test(call));
}

/** The system calls, by number, in which the threads of a process are. Threads that have ended are in none. */
function threadCalls(pid: number): string[] {
  return Array.from(unlessEnded(() => [...Deno.readDirSync(`/proc/${pid}/task`)]) ?? [], ({ name }) => {
    return unlessEnded(() => Deno.readTextFileSync(`/proc/${pid}/task/${name}/syscall`)) ?? "";
  });
}

function unlessEnded<Result>(read: () => Result): Result | undefined {
  try {
    return read();
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    // ESRCH, which has no class, nor always a code.
    if (error instanceof Error && error.message.includes("(os error 3)")) return undefined;
    throw error;
  }
}

/** Whether so many of these times need no second look that the others can be the machine's. */
export function mostlyPrompt(times: readonly number[]): boolean {
  // A few rounds say little about rare losses; on a loaded machine half of them can be late.
  const allowed = times.length < 100 ? times.length / 2 : Math.ceil(times.length / 100);
  return times.filter((ms) => ms >= PROMPT_MS).length <= allowed;
}
