/**
 * An open System V message queue: sending and receiving in three ways each.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { requireMode } from "../memory/arguments.ts";
import { backOff, backOffSync } from "../sys/back_off.ts";
import { Deadline, type SyncWaitOptions, type WaitOptions } from "../sys/clock.ts";
import { check } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { Line } from "../sys/line.ts";
import { IPC, MSG } from "../sys/linux.ts";
import { publish } from "../sys/probe.ts";
import { LONGEST_MESSAGE, requireInteger, requireMessage } from "./arguments.ts";
import { type Selection, SysvCalls, type SysvMessage } from "./sysv_calls.ts";
import { changeQueue, queueFacts, type SysvQueueAttributes, type SysvQueueChanges } from "./sysv_control.ts";
import { giveTurn, isForEver } from "./waiting.ts";

/** What kind of message is sent. */
export interface SysvSendOptions {
  /**
   * What the receiver selects by, 1 or more.
   * @default {1}
   */
  type?: number | undefined;
}

/** Which message is received, and how much of it. */
export interface SysvReceiveOptions {
  /**
   * 0: the first message. N above 0: the first one of type N. N below 0: the first one of the lowest type that is at most -N.
   * @default {0}
   */
  type?: number | undefined;
  /** The first message of any type but this (MSG_EXCEPT). Instead of `type`. */
  except?: number | undefined;
  /** Most bytes to receive. A longer message is an error (E2BIG) and stays in the queue. When left out: whatever it has. */
  maxBytes?: number | undefined;
  /**
   * Cut a longer message to `maxBytes` instead (MSG_NOERROR); the rest of it is lost.
   * @default {false}
   */
  truncate?: boolean | undefined;
}

const FIRST: Selection = { type: 0n, flags: 0, maxBytes: undefined, truncate: false };

/**
 * An open System V message queue, made by `createSysvQueue()` or `openSysvQueue()`.
 *
 * Model: synchronous, through the kernel; two copies a message. A receiver waits for a message that it wants, a sender for room. Order:
 * first in, first out among the messages that a receiver selects. A message is whole or not there. Messages stay in the queue when it is
 * closed, and when their sender dies.
 *
 * **The kernel cannot tell an event loop about these queues, so `send()` and `receive()` poll**: they try at once, then in the next turns of
 * the event loop, then after pauses of 1.6 ms, 3.2 and so on to 20 ms. The `Sync` forms with a time limit poll likewise, from 0.05 ms on. Without
 * one they block in the kernel, which wakes them at once.
 *
 * When the queue is removed, whoever waits gets EIDRM; who comes later gets EINVAL (or EIDRM).
 *
 * @see {@link https://man7.org/linux/man-pages/man2/msgop.2.html msgop(2)}
 */
export class SysvQueue implements Disposable {
  /** The key; `"private"` for a queue that only its id leads to. */
  readonly key: number | "private";
  /** The kernel's id, for `openSysvQueue({ id })` and `ipcs`. */
  readonly id: number;
  readonly #target: string;
  readonly #calls: SysvCalls;
  #closed = false;
  /** Two sends at once would overtake each other as soon as one of them has to wait. */
  readonly #senders = new Line();

  /** Made by `createSysvQueue()` and `openSysvQueue()`. */
  constructor(key: number | "private", id: number, target: string) {
    this.key = key;
    this.id = id;
    this.#target = target;
    this.#calls = new SysvCalls(id, target);
  }

  /**
   * `msgctl(IPC_STAT)`: owner, limits, fill, and who used the queue last.
   *
   * @throws {PosixError} EACCES without read permission; EINVAL, EIDRM when the queue is gone.
   * @throws {ClosedError} After `close()`.
   */
  get attributes(): SysvQueueAttributes {
    this.#mustBeOpen();
    return queueFacts(this.id, this.#target);
  }

  /** Whether `close()` was called. */
  get closed(): boolean {
    return this.#closed;
  }

  /**
   * Sends a message, polling while the queue is full. A wait that ends early has sent nothing. Several `send()` of one object are served in
   * the order of their calls. The bytes must not change until the promise settles.
   *
   * @throws {PosixError} EMSGSIZE for a message that could never fit into the queue; EINVAL above kernel.msgmax, whose value the message tells, and
   * when the queue is gone; EIDRM when it is removed during the wait; EACCES, ENOMEM.
   * @throws {RangeError} For a type below 1. @throws {TypeError} For what is no `Uint8Array`.
   * @throws {ClosedError} After `close()`, and when it is closed during the wait.
   */
  async send(bytes: Uint8Array, options: SysvSendOptions & WaitOptions = {}): Promise<void> {
    const type = sendArguments(bytes, options);
    options.signal?.throwIfAborted();
    const what = `Sending to ${this.#target}`;
    const deadline = new Deadline(what, options.timeoutMs);
    if (this.#senders.taken || !this.#send(bytes, type, IPC.NOWAIT)) {
      await this.#senders.enter(what, options, deadline);
      try {
        const attempt = () => this.#send(bytes, type, IPC.NOWAIT, true) || undefined;
        await backOff(what, options, deadline, attempt);
      } finally {
        this.#senders.leave();
      }
    }
    await giveTurn();
  }

  /** Sends a message, blocking this thread while the queue is full. Throws as `send()` does. */
  sendSync(bytes: Uint8Array, options: SysvSendOptions & SyncWaitOptions = {}): void {
    const type = sendArguments(bytes, options);
    const what = `Sending to ${this.#target}`;
    const deadline = isForEver(options) ? undefined : new Deadline(what, options.timeoutMs);
    // One that could never fit must not wait for ever: trying finds out.
    if (this.#send(bytes, type, IPC.NOWAIT)) return;
    if (deadline === undefined) this.#send(bytes, type, 0, true);
    else backOffSync(deadline, () => this.#send(bytes, type, IPC.NOWAIT, true) || undefined);
  }

  /** Sends a message if there is room: `false`, and nothing sent, when there is none. Throws as `send()` does. */
  trySend(bytes: Uint8Array, options: SysvSendOptions = {}): boolean {
    return this.#send(bytes, sendArguments(bytes, options), IPC.NOWAIT);
  }

  /**
   * Receives the message that the options select, polling while there is none. A wait that ends early has taken no message.
   *
   * @throws {PosixError} E2BIG when it is longer than `maxBytes`: it stays in the queue. EINVAL when the queue is gone, EIDRM when it is removed
   * during the wait; EACCES.
   * @throws {RangeError} For numbers that cannot be. @throws {TypeError} For `type` and `except` together.
   * @throws {ClosedError} After `close()`, and when it is closed during the wait.
   */
  async receive(options: SysvReceiveOptions & WaitOptions = {}): Promise<SysvMessage> {
    const selection = select(options);
    options.signal?.throwIfAborted();
    const what = `Receiving from ${this.#target}`;
    const deadline = new Deadline(what, options.timeoutMs);
    const attempt = () => this.#receive(selection, IPC.NOWAIT, true);
    const message = this.#receive(selection, IPC.NOWAIT) ??
      await backOff(what, options, deadline, attempt);
    await giveTurn();
    return message;
  }

  /** Receives the message that the options select, blocking this thread while there is none. Throws as `receive()` does. */
  receiveSync(options: SysvReceiveOptions & SyncWaitOptions = {}): SysvMessage {
    const selection = select(options);
    if (isForEver(options)) {
      while (true) {
        const message = this.#receive(selection, 0);
        if (message !== undefined) return message;
      }
    }
    const deadline = new Deadline(`Receiving from ${this.#target}`, options.timeoutMs);
    return this.#receive(selection, IPC.NOWAIT) ??
      backOffSync(deadline, () => this.#receive(selection, IPC.NOWAIT, true));
  }

  /** Receives the message that the options select if there is one. Throws as `receive()` does. */
  tryReceive(options: SysvReceiveOptions = {}): SysvMessage | undefined {
    return this.#receive(select(options), IPC.NOWAIT);
  }

  /**
   * `msgrcv(MSG_COPY)`: a copy of the message at a position, 0 being the first; `undefined` when there are not so many. The message stays.
   *
   * @throws {PosixError} ENOSYS, EINVAL where the kernel was built without it; EINVAL, EIDRM when the queue is gone; EACCES.
   * @throws {RangeError} For a position that cannot be.
   * @throws {ClosedError} After `close()`.
   */
  tryPeek(position = 0): SysvMessage | undefined {
    requireInteger("position", position, 0, LONGEST_MESSAGE);
    return this.#receive({ ...FIRST, type: BigInt(position), flags: MSG.COPY }, IPC.NOWAIT);
  }

  /**
   * `msgctl(IPC_SET)`: changes owner, mode or `maxBytes`.
   *
   * @throws {PosixError} EPERM for who is neither owner nor creator, and for more than kernel.msgmnb bytes, whose value the message tells; EACCES;
   * EINVAL, EIDRM when the queue is gone.
   * @throws {RangeError} For numbers that cannot be. @throws {ClosedError} After `close()`.
   */
  change(changes: SysvQueueChanges): void {
    this.#mustBeOpen();
    const { uid, gid, mode, maxBytes } = changes;
    for (const [what, value] of Object.entries({ uid, gid })) {
      if (value !== undefined) requireInteger(what, value, 0, 0xffff_fffe);
    }
    if (mode !== undefined) requireMode(mode);
    if (maxBytes !== undefined) requireInteger("maxBytes", maxBytes, 1, LONGEST_MESSAGE);
    changeQueue(this.id, changes, this.#target);
  }

  /**
   * `msgctl(IPC_RMID)`: removes the queue and its messages at once, for everybody. Whoever waits gets EIDRM.
   *
   * @throws {PosixError} EINVAL, EIDRM when it is removed already; EPERM.
   * @throws {ClosedError} After `close()`.
   */
  remove(): void {
    this.#mustBeOpen();
    check(libc().msgctl(this.id, IPC.RMID, null), "msgctl(IPC_RMID)", this.#target);
    publish(() => ({ kind: "queue.remove", queue: "sysv", name: this.#target, id: this.id }));
  }

  /** Gives up this handle; the queue stays. Pending waits reject with `ClosedError` at their next try, 20 ms later at most. May be called twice. */
  close(): void {
    this.#closed = true;
  }

  /** Same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #mustBeOpen(): void {
    if (this.#closed) throw new ClosedError(this.#target);
  }

  #send(bytes: Uint8Array, type: number, flags: number, waited = false): boolean {
    this.#mustBeOpen();
    return this.#calls.send(bytes, type, flags, waited);
  }

  #receive(selection: Selection, flags: number, waited = false): SysvMessage | undefined {
    this.#mustBeOpen();
    return this.#calls.receive(selection, flags, waited);
  }
}

function sendArguments(bytes: Uint8Array, { type = 1 }: SysvSendOptions): number {
  requireMessage(bytes);
  requireInteger("type", type, 1, Number.MAX_SAFE_INTEGER);
  return type;
}

function select({ type = 0, except, maxBytes, truncate = false }: SysvReceiveOptions): Selection {
  if (type === 0 && except === undefined && maxBytes === undefined) return FIRST;
  requireInteger("type", type, -Number.MAX_SAFE_INTEGER, Number.MAX_SAFE_INTEGER);
  if (maxBytes !== undefined) requireInteger("maxBytes", maxBytes, 0, LONGEST_MESSAGE - 1);
  if (except === undefined) return { type: BigInt(type), flags: 0, maxBytes, truncate };
  if (type !== 0) throw new TypeError("type and except cannot be given together");
  requireInteger("except", except, 1, Number.MAX_SAFE_INTEGER);
  return { type: BigInt(except), flags: MSG.EXCEPT, maxBytes, truncate };
}
