/**
 * Where a traced process writes what it tells: a file of its own in the directory of whoever traces it, a JSON object a line.
 *
 * Each event is one `write(2)` with O_APPEND as soon as it has happened, so that SIGKILL loses none that was told. The file is opened by libc without asking
 * Deno for `--allow-write`: who traces a program has chosen the place, has started the program, and must give it `--allow-ffi`, which is full trust.
 *
 * @module
 */

import { check } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { ownPid } from "../sys/identity.ts";
import { libc } from "../sys/libc.ts";
import { O } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import type { TraceEvent } from "./event.ts";

/** How the files of a trace are named. */
export const TRACE_SUFFIX = ".trace";

const encoder = new TextEncoder();

/** An open trace file. */
export class TraceFile implements Disposable {
  readonly #fd: Fd;

  /**
   * Makes the file, for this process and isolate alone, with mode 0600.
   *
   * @param directory Whose it is who traces.
   * @throws {PosixError} ENOENT, EACCES, ENOSPC …
   */
  constructor(directory: string) {
    const path = `${directory}/${ownPid()}-${crypto.randomUUID()}${TRACE_SUFFIX}`;
    const flags = O.WRONLY | O.CREAT | O.EXCL | O.APPEND | O.CLOEXEC | platform().O_NOFOLLOW;
    this.#fd = Fd.own(check(libc().open(cString(path, "path"), flags, 0o600), "open", path), "Trace file");
  }

  /** Appends one event. What cannot be written (a full disk) is lost: a program must not fail because it is watched. */
  append(event: TraceEvent): void {
    const line = encoder.encode(`${JSON.stringify(event)}\n`);
    if (!this.#fd.closed) libc().write(this.#fd.raw, line, line.byteLength);
  }

  /** Closes the file. */
  [Symbol.dispose](): void {
    this.#fd.close();
  }
}
