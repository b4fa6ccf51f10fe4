/**
 * Hearing that something happened to a FIFO.
 *
 * @module
 */

import { pause } from "../sys/back_off.ts";
import type { Deadline, WaitOptions } from "../sys/clock.ts";
import { check, ERRNO, errno } from "../sys/errno.ts";
import { waitFor } from "../sys/event_loop.ts";
import { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import { EPOLL, IN } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";

/** How often to look where inotify has nothing left to give (`fs.inotify.max_user_instances`, 128 by default). */
const POLL_MS = 50;

/** An inotify watch of a FIFO that is open: for who opens it, and for its deletion. */
export class FifoWatch implements Disposable {
  readonly #inotify: Fd | undefined;

  constructor(fifo: Fd) {
    const raw = libc().inotify_init1(IN.NONBLOCK | IN.CLOEXEC);
    const number = raw === -1 ? errno() : 0;
    if (number === ERRNO.EMFILE || number === ERRNO.ENFILE) return;
    const inotify = Fd.own(check(raw, "inotify_init1"), "Inotify");
    // By descriptor, so that it is this FIFO and not another that has its name by now.
    const path = cString(`/proc/self/fd/${fifo.raw}`, "path");
    const watch = libc().inotify_add_watch(inotify.raw, path, IN.OPEN | IN.ATTRIB | IN.DELETE_SELF);
    if (watch === -1) inotify.close();
    else this.#inotify = inotify;
  }

  /** Waits until something may have happened. */
  async changed(what: string, options: WaitOptions, deadline: Deadline): Promise<void> {
    const inotify = this.#inotify;
    if (inotify === undefined) return await pause(what, POLL_MS, options, deadline);
    await waitFor(inotify, EPOLL.IN, options, deadline);
    const events = new Uint8Array(4096);
    while (libc().read(inotify.raw, events, events.byteLength) > 0);
  }

  /** Ends the watch. */
  [Symbol.dispose](): void {
    this.#inotify?.close();
  }
}
