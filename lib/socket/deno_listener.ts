/**
 * Listening and connecting without FFI, through Deno's own stream sockets.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { dirname } from "../std/path.ts";
import { cancellable, Deadline, nextTurn, turnIsDue, type WaitOptions } from "../sys/clock.ts";
import { fromDenoError } from "../sys/errno.ts";
import type { Fd } from "../sys/fd.ts";
import { moveDescriptor } from "../sys/inheritable.ts";
import { unixAddress } from "./address.ts";
import { backOff } from "../sys/back_off.ts";
import { DenoStreamSocket } from "./deno_stream_socket.ts";
import { acceptUntilClosed, addressInUse, type ListenRequest, type UnixListener } from "./listener.ts";
import { needsFfi } from "../sys/needs_ffi.ts";
import type { StreamSocket } from "./stream_socket.ts";

const WHAT = "Unix listener";

interface Waiter {
  resolve: (connection: Deno.UnixConn) => void;
  reject: (reason: unknown) => void;
}

/** A listening socket of Deno's. */
export class DenoListener implements UnixListener<StreamSocket> {
  readonly type = "stream";
  readonly path: string;
  readonly #listener: Deno.UnixListener;
  /** Device and inode of the name, until it is unlinked. */
  #identity: string | undefined;
  readonly #waiters: Waiter[] = [];
  /** Deno cannot withdraw an accept: what arrives after its waiter has left is for the next one. */
  readonly #accepted: Deno.UnixConn[] = [];
  #accepting = false;
  #closed = false;

  constructor(listener: Deno.UnixListener, path: string, identity: string) {
    this.#listener = listener;
    this.path = path;
    this.#identity = identity;
  }

  get closed(): boolean {
    return this.#closed;
  }

  async accept(options: WaitOptions = {}): Promise<StreamSocket> {
    options.signal?.throwIfAborted();
    this.#mustBeOpen();
    const what = `Accepting from ${WHAT} at ${JSON.stringify(this.path)}`;
    const deadline = new Deadline(what, options.timeoutMs);
    if (turnIsDue()) await nextTurn();
    const connection = await cancellable<Deno.UnixConn>(what, options, (resolve, reject) => {
      const waiter = { resolve, reject };
      this.#waiters.push(waiter);
      this.#serve();
      return () => void this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
    }, deadline);
    return new DenoStreamSocket(connection);
  }

  unlink(): void {
    this.#mustBeOpen();
    if (this.#identity === undefined) return;
    if (lookAt(this.path)?.identity === this.#identity) attempt("unlink", this.path, () => Deno.removeSync(this.path));
    this.#identity = undefined;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#listener.close();
    for (const connection of this.#accepted) connection.close();
    this.#fail(new ClosedError(WHAT, "was closed during the wait"));
  }

  [Symbol.dispose](): void {
    if (this.#closed) return;
    try {
      this.unlink();
    } finally {
      this.close();
    }
  }

  [Symbol.asyncIterator](): AsyncIterableIterator<StreamSocket> {
    return acceptUntilClosed(this);
  }

  acceptSync(): never {
    throw needsFfi("UnixListener.acceptSync()");
  }

  tryAccept(): never {
    throw needsFfi("UnixListener.tryAccept()");
  }

  duplicate(): never {
    throw needsFfi("UnixListener.duplicate()");
  }

  [moveDescriptor](): Fd {
    throw needsFfi("Giving a UnixListener to another process");
  }

  #serve(): void {
    const ready = this.#waiters.length > 0 ? this.#accepted.shift() : undefined;
    if (ready !== undefined) this.#waiters.shift()?.resolve(ready);
    if (this.#waiters.length > 0 && !this.#accepting) void this.#acceptOne();
  }

  async #acceptOne(): Promise<void> {
    this.#accepting = true;
    try {
      this.#accepted.push(await this.#listener.accept());
    } catch (error) {
      this.#fail(fromDenoError(error, "accept", this.path));
      return;
    } finally {
      this.#accepting = false;
    }
    if (this.#closed) this.#accepted.pop()?.close();
    else this.#serve();
  }

  #fail(reason: unknown): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(reason);
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new ClosedError(WHAT);
  }
}

/**
 * Listens without FFI.
 *
 * **The mode**: Deno binds with 0777 less the umask, so it does so in a directory that only this user can enter; the finished socket is
 * linked from there to its path, which `link(2)` refuses when the name exists. **Stale names**: as with FFI, a lock on the directory keeps
 * other Causeway processes out while the stale name is replaced by `rename(2)`. What cannot be held without FFI: a program without the lock
 * that binds a socket between our question and the rename loses its name, and one that is between `bind` and `listen` looks stale.
 */
export async function denoListen(path: string, request: ListenRequest): Promise<UnixListener<StreamSocket>> {
  const directory = makePrivateDirectory(path);
  try {
    const temporary = `${directory}/s`;
    unixAddress(temporary);
    const listener = attempt("bind", path, () => Deno.listen({ transport: "unix", path: temporary }));
    try {
      attempt("chmod", path, () => Deno.chmodSync(temporary, request.mode));
      const identity = lookAt(temporary)?.identity ?? "";
      await place(temporary, path, request);
      return new DenoListener(listener, path, identity);
    } catch (error) {
      listener.close();
      throw error;
    }
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/**
 * Connects without FFI.
 *
 * @throws {PosixError} ECONNREFUSED, ENOENT, EACCES.
 */
export async function denoConnect(path: string, options: WaitOptions): Promise<StreamSocket> {
  const what = `Connecting to ${JSON.stringify(path)}`;
  const deadline = new Deadline(what, options.timeoutMs);
  const connection = await backOff(what, options, deadline, async () => {
    try {
      return await Deno.connect({ transport: "unix", path });
    } catch (error) {
      // The queue of the listener is full.
      if (error instanceof Deno.errors.WouldBlock) return undefined;
      throw fromDenoError(error, "connect", path);
    }
  });
  return new DenoStreamSocket(connection);
}

/** Gives the finished socket its path. */
async function place(temporary: string, path: string, request: ListenRequest): Promise<void> {
  if (tryLink(temporary, path)) return;
  if (!request.replaceStale) throw addressInUse(path, "unlink it if nobody listens there");
  await requireStale(path);
  const { what, options, deadline } = request.waiting;
  using directory = attempt("open", path, () => Deno.openSync(dirname(path)));
  await backOff(what, options, deadline, () => directory.tryLockSync(true) || undefined);
  await requireStale(path);
  attempt("rename", path, () => Deno.renameSync(temporary, path));
}

/** @throws {PosixError} EADDRINUSE unless the path is the name of a socket that refuses connections, or no name any more. */
async function requireStale(path: string): Promise<void> {
  const file = lookAt(path);
  if (file === undefined) return;
  if (!file.isSocket) throw addressInUse(path, "something other than a socket has this name");
  if (await answers(path)) throw addressInUse(path, "somebody has this socket open");
}

function tryLink(temporary: string, path: string): boolean {
  try {
    Deno.linkSync(temporary, path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.AlreadyExists) return false;
    throw fromDenoError(error, "link", path);
  }
}

/** Whether a socket is alive: only a refused connection, or a name that is gone, means that it is not. */
async function answers(path: string): Promise<boolean> {
  try {
    (await Deno.connect({ transport: "unix", path })).close();
    return true;
  } catch (error) {
    return !(error instanceof Deno.errors.ConnectionRefused || error instanceof Deno.errors.NotFound);
  }
}

/** A directory of mode 0700 beside a path. Its name is short: with `/s` it must fit into a socket address. */
function makePrivateDirectory(path: string): string {
  while (true) {
    const letters = Math.random().toString(36).slice(2, 6).padEnd(4, "0");
    const directory = `${dirname(path)}/.${letters}`;
    try {
      Deno.mkdirSync(directory, { mode: 0o700 });
      return directory;
    } catch (error) {
      if (!(error instanceof Deno.errors.AlreadyExists)) throw fromDenoError(error, "bind", path);
    }
  }
}

function lookAt(path: string): { identity: string; isSocket: boolean } | undefined {
  try {
    const { dev, ino, isSocket } = Deno.lstatSync(path);
    return { identity: `${dev}:${ino}`, isSocket: isSocket === true };
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw fromDenoError(error, "lstat", path);
  }
}

function attempt<T>(call: string, path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    throw fromDenoError(error, call, path);
  }
}
