/** Patience with a loaded machine: for what no event tells, and for what has to fit into a time. */
import "./open_libc.ts";

/** Milliseconds after which what has not come does not come. */
const PATIENCE_MS = 60_000;

/** Longest time that is given to what has to fit into one. */
const LONGEST_MS = 30_000;

/** Waits until something holds that no event tells of. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS; !await holds(); await pause()) {
    if (Date.now() > deadline) throw new Error(`It does not hold after ${PATIENCE_MS} ms: ${holds}`);
  }
}

/** Waits until an assertion holds: what is only late is no failure. Fails as the assertion does when it never holds. */
export async function eventually(assertion: () => void | Promise<void>): Promise<void> {
  for (const deadline = Date.now() + PATIENCE_MS;; await pause()) {
    try {
      return await assertion();
    } catch (error) {
      if (Date.now() > deadline) throw error;
    }
  }
}

/**
 * Tries what another program has to do within a time limit that is under test: an idle machine needs little, a loaded one is given ten
 * times as much after each failure. So a limit that is too short for the machine is no failure, and one that does not work is.
 */
export async function withEnoughTime(firstMs: number, attempt: (ms: number) => Promise<void> | void): Promise<void> {
  for (let ms = firstMs;; ms *= 10) {
    try {
      return await attempt(ms);
    } catch (error) {
      if (ms * 10 > LONGEST_MS) throw error;
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}
