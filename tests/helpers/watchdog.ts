import "./open_libc.ts";

/** A limit is there to name a hang, and no test is about it: a loaded machine can take very long for what an idle one does at once. */
const LEAST_MS = 120_000;

/** Runs a test's work under a time limit: a hang becomes a failure that names itself. No limit is shorter than two minutes. */
export async function watchdog<T>(wantedMs: number, work: Promise<T> | (() => Promise<T>)): Promise<T> {
  const limitMs = Math.max(wantedMs, LEAST_MS);
  const expired = Promise.withResolvers<never>();
  const timer = setTimeout(() => expired.reject(new Error(`Watchdog: not done after ${limitMs} ms`)), limitMs);
  try {
    return await Promise.race([typeof work === "function" ? work() : work, expired.promise]);
  } finally {
    clearTimeout(timer);
  }
}
