/**
 * Two sides of a protocol in one thread, step by step: one side runs, and between two of its atomic operations the other does something. Deterministic,
 * where two processes would meet at such an instant once in a million times.
 */
import "../helpers/open_libc.ts";

const OPERATIONS = ["load", "store", "add", "sub", "and", "compareExchange"] as const;

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

/** Calls back once, after so many atomic operations from now. Returns how to stop that. */
export function after(operations: number, callback: () => void): () => void {
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

/**
 * Calls back before each atomic operation of a function, with its number; what the callback itself does is not counted.
 *
 * @returns How many operations it has.
 */
export function eachOperation(run: () => void, callback: (operation: number) => void): number {
  let operation = 0;
  let restore = () => {};
  const next = () => {
    restore = after(0, () => {
      callback(operation++);
      next();
    });
  };
  next();
  try {
    run();
  } finally {
    restore();
  }
  return operation;
}
