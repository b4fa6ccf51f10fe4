/**
 * Two sides of a protocol in one thread, step by step: one side runs, and between two of its atomic operations the other does something. Deterministic,
 * where two processes would meet at such an instant once in a million times.
 */
import "../helpers/open_libc.ts";

const OPERATIONS = ["load", "store", "add", "sub", "compareExchange"] as const;

/**
 * Runs `one` again and again, each time with `other` in full after one more of the atomic operations of `one`, until there is no more.
 *
 * @param start Makes a new state for each run.
 * @param check Given the state and what the two returned.
 * @returns How many atomic operations `one` has.
 */
export async function interleave<State, One, Other>(
  start: () => State,
  one: (state: State) => One,
  other: (state: State) => Other,
  check: (state: State, one: One, other: Other, step: number) => void | Promise<void>,
): Promise<number> {
  for (let step = 0;; step++) {
    const state = start();
    const came: { other?: Other } = {};
    const restore = after(step, () => came.other = other(state));
    let result: One;
    try {
      result = one(state);
    } finally {
      restore();
    }
    const over = !("other" in came);
    // The last time it comes right after.
    const otherResult = over ? other(state) : came.other as Other;
    await check(state, result, otherResult, step);
    if (over) return step;
  }
}

/** Calls back once, after so many atomic operations. */
function after(operations: number, callback: () => void): () => void {
  let left = operations;
  const originals = OPERATIONS.map((name) => [name, Atomics[name]] as const);
  const restore = () => {
    for (const [name, value] of originals) {
      Object.defineProperty(Atomics, name, { value, configurable: true, writable: true });
    }
  };
  for (const [name, original] of originals) {
    const counting = (...args: unknown[]) => {
      if (left-- === 0) {
        restore();
        callback();
      }
      return Reflect.apply(original, Atomics, args);
    };
    Object.defineProperty(Atomics, name, { value: counting, configurable: true, writable: true });
  }
  return restore;
}
