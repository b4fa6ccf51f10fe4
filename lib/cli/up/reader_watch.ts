/**
 * Hearing that nobody reads standard output any more, also while there is nothing to write.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { check } from "../../sys/errno.ts";
import { waitFor } from "../../sys/event_loop.ts";
import { Fd } from "../../sys/fd.ts";
import { libc } from "../../sys/libc.ts";
import { F } from "../../sys/linux.ts";
import { hasFfi } from "../../sys/platform.ts";

const STDOUT = 1;

/** Waits until the reader has gone: that of a pipe, or whoever had the terminal. */
export class ReaderWatch implements AsyncDisposable {
  readonly #over = new AbortController();
  readonly #watching: Promise<void>;

  /** Begins to watch; without FFI, and for a file, nothing is ever told. */
  constructor(onGone: () => void) {
    this.#watching = hasFfi() ? this.#watch(onGone) : Promise.resolve();
  }

  /** Stops watching. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#watching;
  }

  async #watch(onGone: () => void): Promise<void> {
    const { signal } = this.#over;
    using fd = Fd.own(check(libc().fcntl(STDOUT, F.DUPFD_CLOEXEC, 3), "fcntl(F_DUPFD_CLOEXEC)"), "Standard output");
    try {
      // Errors and hang-ups are always told; nothing else is asked for.
      await waitFor(fd, 0, { signal });
      onGone();
    } catch (error) {
      if (signal.aborted || (error instanceof PosixError && error.code === "EPERM")) return;
      throw error;
    }
  }
}
