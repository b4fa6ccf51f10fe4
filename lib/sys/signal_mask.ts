/**
 * The signal mask of this thread, which whatever it starts inherits.
 *
 * @module
 */

import { fail } from "./errno.ts";
import { libc } from "./libc.ts";
import { SIG } from "./linux.ts";

/** `sigset_t` of glibc: 1024 bits, of which the kernel has 64. */
const EMPTY = new BigUint64Array(16);
const before = new BigUint64Array(16);

/** Calls a function, and sees to the signals that arrive during it because the mask is empty. */
export type EmptyMaskGuard = <T>(work: () => T) => T;

let guard: EmptyMaskGuard | undefined;

/** Puts a guard around the moments in which {@linkcode withEmptySignalMask} has to empty the mask, or takes it away. */
export function guardEmptySignalMask(newGuard: EmptyMaskGuard | undefined): void {
  guard = newGuard;
}

/** Calls a function with no signal blocked in this thread, so that a child that it starts has an empty mask. */
export function withEmptySignalMask<T>(work: () => T): T {
  // Almost always it is empty: then this is one system call.
  changeMask(SIG.BLOCK, EMPTY, before);
  if (before[0] === 0n) return work();
  const mask = before.slice();
  const unmasked = () => {
    changeMask(SIG.SETMASK, EMPTY, null);
    try {
      return work();
    } finally {
      changeMask(SIG.SETMASK, mask, null);
    }
  };
  return guard === undefined ? unmasked() : guard(unmasked);
}

function changeMask(how: number, set: BigUint64Array<ArrayBuffer>, old: BigUint64Array<ArrayBuffer> | null): void {
  const failure = libc().pthread_sigmask(how, set, old);
  if (failure !== 0) fail(failure, "pthread_sigmask");
}
