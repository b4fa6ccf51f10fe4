import "./open_libc.ts";

/** Runs a test's work under a time limit: a hang becomes a failure that names itself. */
export async function watchdog<T>(limitMs: number, work: Promise<T> | (() => Promise<T>)): Promise<T> {
  const expired = Promise.withResolvers<never>();
  const timer = setTimeout(() => expired.reject(new Error(`Watchdog: not done after ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([typeof work === "function" ? work() : work, expired.promise]);
  } finally {
    clearTimeout(timer);
  }
}
