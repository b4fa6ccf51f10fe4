/**
 * Ending as a child has ended.
 *
 * @module
 */

import { signalName } from "../signal/names.ts";
import { libc } from "../sys/libc.ts";
import { RLIMIT } from "../sys/linux.ts";
import { isGranted } from "../sys/permission.ts";
import { hasFfi } from "../sys/platform.ts";
import { restoreSignal } from "../sys/session.ts";
import { withEmptySignalMask } from "../sys/signal_mask.ts";
import { shellCode, type Status } from "./status.ts";

/** These can be neither handled nor ignored. */
const ALWAYS_DEFAULT = [9, 19];

/** How long a signal to oneself may take: Deno lets another thread play the default action. */
const DEATH_MS = 500;

/**
 * `exit(3)` or `kill(getpid())`: ends this process as another one ended, so that whoever started this one sees what really happened. An exit code
 * becomes this process's; a death by signal becomes a death by the same signal, without a core dump, whatever listens to it here.
 *
 * To die by a signal it needs `--allow-ffi`, or `--allow-run` without a list. Where it has neither, it exits with 128 plus the signal's number,
 * as a shell does. What was not written yet is lost.
 *
 * @param status How to end, for example a child's.
 *
 * @example A wrapper that is not seen
 * ```ts ignore
 * import { command, exitLike } from "@causeway/causeway";
 *
 * exitLike(await command("make", Deno.args, { stdin: "inherit" }).status());
 * ```
 *
 * @see {@link https://www.gnu.org/software/libc/manual/html_node/Termination-in-Handler.html Termination in Handler}
 */
export function exitLike(status: Status): never {
  if (status.kind === "signaled") dieOf(status.number);
  Deno.exit(shellCode(status));
}

/** Returns where the signal could not be sent, or did nothing. */
function dieOf(number: number): void {
  const ffi = hasFfi();
  if (!ffi && (number > 31 || !isGranted({ name: "run" }))) return;
  if (ffi) {
    if (!ALWAYS_DEFAULT.includes(number)) restoreSignal(number);
    libc().prlimit(0, RLIMIT.CORE, new BigUint64Array([0n, 0n]), null);
  }
  // Twice: Rust handles SIGSEGV and SIGBUS, and only puts back the default action when the first one comes from outside.
  for (let time = 0; time < 2; time++) {
    if (ffi) withEmptySignalMask(() => libc().kill(Deno.pid, number));
    else Deno.kill(Deno.pid, signalName(number) as Deno.Signal);
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, DEATH_MS);
  }
}
