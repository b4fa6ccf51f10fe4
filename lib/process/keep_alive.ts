/**
 * Keeps the process alive while something is awaited that Deno's event loop does not count: children are unref'ed in Deno's eyes (see
 * `deno_command.ts`), so we count them ourselves.
 *
 * @module
 */

let holders = 0;
let timer: ReturnType<typeof setInterval> | undefined;

/** Holds the process. Returns how to let go; letting go twice is once. */
export function keepAlive(): () => void {
  if (holders++ === 0) timer = setInterval(() => {}, 2 ** 31 - 1);
  let held = true;
  return () => {
    if (!held) return;
    held = false;
    if (--holders === 0) clearInterval(timer);
  };
}
