/**
 * Waiting on the event loop for descriptors that Deno's own loop cannot take (pidfd, eventfd, sockets with boundaries, queues, the
 * writing end of a full pipe): one epoll instance, and one pool thread blocked in `epoll_wait` for all waiters together.
 *
 * The thread is taken only while somebody waits. The last waiter to leave rings an eventfd that is part of the epoll set, `epoll_wait`
 * returns, and the process may end. A waiter that joins while the thread is blocked needs no ring: `epoll_ctl` takes effect at once.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { cancellable, Deadline, type WaitOptions } from "./clock.ts";
import { check, ERRNO, errno } from "./errno.ts";
import { Fd } from "./fd.ts";
import { libc } from "./libc.ts";
import { EFD, EPOLL } from "./linux.ts";
import { platform } from "./platform.ts";
import { isProbed, publishWait } from "./probe.ts";
import { objectOf } from "./probe_object.ts";

const MAX_EVENTS = 64;

interface Waiter {
  fd: Fd;
  events: number;
  resolve: (events: number) => void;
  reject: (reason: unknown) => void;
}

class EpollLoop {
  readonly #epoll: Fd;
  readonly #bell: Fd;
  /** By generation of the descriptor; each list waits for the same descriptor. */
  readonly #waiters = new Map<number, Waiter[]>();
  readonly #layout = platform().epollEvent;
  readonly #events = new DataView(new ArrayBuffer(this.#layout.byteLength * MAX_EVENTS));
  readonly #event = new DataView(new ArrayBuffer(this.#layout.byteLength));
  #running: Promise<void> | undefined;
  /** Resolves when the thread has come back, or somebody waits again and it has no reason to. */
  #quiet: PromiseWithResolvers<void> | undefined;

  constructor() {
    using undo = new DisposableStack();
    this.#epoll = undo.use(Fd.own(check(libc().epoll_create1(EPOLL.CLOEXEC), "epoll_create1"), "Epoll instance"));
    this.#bell = undo.use(Fd.own(check(libc().eventfd(0, EFD.CLOEXEC | EFD.NONBLOCK), "eventfd"), "Epoll bell"));
    this.#control(EPOLL.CTL_ADD, this.#bell, EPOLL.IN);
    undo.move();
  }

  add(waiter: Waiter): void {
    const key = waiter.fd.generation;
    const same = this.#waiters.get(key);
    if (same === undefined) {
      this.#control(EPOLL.CTL_ADD, waiter.fd, waiter.events | EPOLL.ONESHOT);
      this.#waiters.set(key, [waiter]);
    } else {
      same.push(waiter);
      this.#rearm(same);
    }
    this.#running ??= this.#run();
    this.#settle();
  }

  /** Takes a waiter out. */
  remove(waiter: Waiter): void {
    const key = waiter.fd.generation;
    const rest = this.#waiters.get(key)?.filter((other) => other !== waiter);
    if (rest === undefined) return;
    if (rest.length > 0) {
      this.#waiters.set(key, rest);
      if (!waiter.fd.closed) this.#rearm(rest);
      return;
    }
    this.#waiters.delete(key);
    this.#forget(waiter.fd);
  }

  /** Rejects whoever waits for a descriptor that is about to be closed, and forgets it. */
  drop(fd: Fd): void {
    const waiters = this.#waiters.get(fd.generation);
    if (waiters === undefined) return;
    this.#waiters.delete(fd.generation);
    this.#forget(fd);
    for (const waiter of waiters) waiter.reject(new ClosedError(fd.what, "was closed during the wait"));
  }

  /**
   * When nobody waits any more: rings, and resolves when the thread has come back, so that nothing is pending when the last wait is over.
   * A wait that begins meanwhile keeps the thread; nobody waits for the end of that one.
   */
  settled(): Promise<void> | undefined {
    if (this.#waiters.size > 0 || this.#running === undefined) return undefined;
    if (this.#quiet === undefined) {
      this.#quiet = Promise.withResolvers();
      // EAGAIN means that the bell rings already.
      libc().write(this.#bell.raw, new BigUint64Array([1n]), 8);
    }
    return this.#quiet.promise;
  }

  #settle(): void {
    this.#quiet?.resolve();
    this.#quiet = undefined;
  }

  async #run(): Promise<void> {
    try {
      while (this.#waiters.size > 0) {
        const result = await libc().epoll_wait_blocking(this.#epoll.raw, this.#events, MAX_EVENTS, -1);
        const ready = result === -1 ? this.#askAgain() : result;
        for (let index = 0; index < ready; index++) this.#deliver(index * this.#layout.byteLength);
      }
    } catch (error) {
      const waiters = [...this.#waiters.values()].flat();
      this.#waiters.clear();
      for (const waiter of waiters) waiter.reject(error);
    } finally {
      this.#running = undefined;
      this.#settle();
    }
  }

  #deliver(at: number): void {
    const events = this.#events.getUint32(at, true);
    const key = this.#events.getUint32(at + this.#layout.dataOffset, true);
    if (key === this.#bell.generation) {
      libc().read(this.#bell.raw, new BigUint64Array(1), 8);
      return;
    }
    const waiters = this.#waiters.get(key);
    if (waiters === undefined) return;
    const failed = (events & (EPOLL.ERR | EPOLL.HUP)) !== 0;
    const woken = waiters.filter((waiter) => failed || (waiter.events & events) !== 0);
    const rest = waiters.filter((waiter) => !woken.includes(waiter));
    const fd = waiters[0]!.fd;
    if (rest.length === 0) {
      this.#waiters.delete(key);
      this.#forget(fd);
    } else {
      this.#waiters.set(key, rest);
      this.#rearm(rest);
    }
    for (const waiter of woken) waiter.resolve(events);
  }

  /**
   * A nonblocking call's errno is lost, so the same call is made again on this thread, without waiting. EINTR is no failure: a process that
   * was stopped and goes on gets it. What the call finds is told only once, so it counts like any other result.
   *
   * @returns How many events there are.
   */
  #askAgain(): number {
    const result = libc().epoll_wait(this.#epoll.raw, this.#events, MAX_EVENTS, 0);
    if (result !== -1 || errno() === ERRNO.EINTR) return Math.max(result, 0);
    return check(result, "epoll_wait");
  }

  /** Takes a descriptor out. One that was closed behind its owner's back is out already (EBADF, ENOENT). */
  #forget(fd: Fd): void {
    if (!fd.closed) libc().epoll_ctl(this.#epoll.raw, EPOLL.CTL_DEL, fd.raw, this.#event);
  }

  #rearm(waiters: readonly Waiter[]): void {
    const events = waiters.reduce((all, waiter) => all | waiter.events, 0);
    this.#control(EPOLL.CTL_MOD, waiters[0]!.fd, events | EPOLL.ONESHOT);
  }

  #control(operation: number, fd: Fd, events: number): void {
    this.#event.setUint32(0, events >>> 0, true);
    this.#event.setUint32(this.#layout.dataOffset, fd.generation, true);
    this.#event.setUint32(this.#layout.dataOffset + 4, 0, true);
    check(libc().epoll_ctl(this.#epoll.raw, operation, fd.raw, this.#event), "epoll_ctl", fd.what);
  }
}

let loop: EpollLoop | undefined;

/**
 * Waits on the event loop until a descriptor is ready. The process stays alive while somebody waits, and not longer.
 *
 * @param events `EPOLL.IN`, `EPOLL.OUT` or both. Errors and hang-ups always end the wait.
 * @param deadline The deadline of the whole, where this wait is one step of it; `options.timeoutMs` is then not looked at.
 * @returns The events that are there.
 * @throws {DOMException} `TimeoutError` after `timeoutMs`; an abort rejects with `signal.reason`.
 * @throws {ClosedError} When the descriptor is closed meanwhile through {@linkcode closeWaited}.
 * @throws {PosixError} EPERM for a descriptor that cannot be waited for (a regular file).
 */
export async function waitFor(
  fd: Fd,
  events: number,
  options: WaitOptions = {},
  deadline: Deadline = new Deadline(`Waiting for ${fd.what}`, options.timeoutMs),
): Promise<number> {
  if (!isProbed()) return await waitInLoop(fd, events, options, deadline);
  const ended = publishWait({
    for: (events & EPOLL.OUT) === 0 ? "read" : "write",
    what: fd.what,
    object: objectOf(fd),
  });
  try {
    return await waitInLoop(fd, events, options, deadline);
  } finally {
    ended();
  }
}

async function waitInLoop(fd: Fd, events: number, options: WaitOptions, deadline: Deadline): Promise<number> {
  const epoll = loop ??= new EpollLoop();
  let waiter: Waiter | undefined;
  try {
    return await cancellable<number>(fd.what, options, (resolve, reject) => {
      waiter = { fd, events, resolve, reject };
      epoll.add(waiter);
      return () => {};
    }, deadline);
  } catch (error) {
    if (waiter !== undefined) epoll.remove(waiter);
    throw error;
  } finally {
    await epoll.settled();
  }
}

/** Closes a descriptor for which somebody may be waiting: the waits reject with `ClosedError`. */
export function closeWaited(fd: Fd): void {
  if (fd.closed) return;
  loop?.drop(fd);
  fd.close();
}
