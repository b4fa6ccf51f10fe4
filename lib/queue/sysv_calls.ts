/**
 * `msgsnd(2)` and `msgrcv(2)`: one buffer with the type in front of the text, and what the two calls say.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { ERRNO, errno, fail } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { MSG } from "../sys/linux.ts";
import { publish } from "../sys/probe.ts";
import { LONGEST_MESSAGE } from "./arguments.ts";
import { sysvSendHints } from "./limits.ts";
import { capacity } from "./sysv_control.ts";

/** A message as it was received. */
export interface SysvMessage {
  /** The type that it was sent with. One beyond 2^53, which only a foreign program sends, is rounded. */
  readonly type: number;
  /** The bytes, a copy of the receiver's own. */
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether it was longer, and the rest is lost. */
  readonly truncated: boolean;
}

/** Which message a receiver wants, and how much of it. */
export interface Selection {
  readonly type: bigint;
  /** `MSG.EXCEPT` or `MSG.COPY`. */
  readonly flags: number;
  readonly maxBytes: number | undefined;
  readonly truncate: boolean;
}

/** What fits at first; it grows with the messages. */
const FIRST_ROOM = 8192;
const WORD = 2 ** 32;

/** The calls on one queue. */
export class SysvCalls {
  readonly #id: number;
  readonly #target: string;
  #room = 0;
  #buffer = new Uint8Array(0);
  #view = new DataView(this.#buffer.buffer);

  constructor(id: number, target: string) {
    this.#id = id;
    this.#target = target;
  }

  /**
   * @param flags `IPC.NOWAIT`, or 0 to wait in the kernel.
   * @param waited Whether the queue was there before: then EINVAL means that it was removed, which is EIDRM for who waits in the kernel.
   * @returns Whether there was room.
   */
  send(bytes: Uint8Array, type: number, flags: number, waited: boolean): boolean {
    const { byteLength } = bytes;
    this.#reserve(byteLength);
    this.#view.setUint32(0, type % WORD, true);
    this.#view.setUint32(4, Math.floor(type / WORD), true);
    this.#buffer.set(bytes, MSG.typeByteLength);
    while (true) {
      const result = libc().msgsnd(this.#id, this.#buffer, byteLength, flags);
      const number = errno();
      if (result === 0) {
        publish(() => ({ kind: "queue.send", queue: "sysv", name: this.#target, bytes: byteLength, type }));
        return true;
      }
      if (number === ERRNO.EAGAIN) {
        this.#requireFit(byteLength);
        return false;
      }
      if (number === ERRNO.EINVAL && waited) this.#failRemoved("msgsnd");
      if (number !== ERRNO.EINTR) fail(number, "msgsnd", this.#target, sysvSendHints());
    }
  }

  /**
   * @param flags `IPC.NOWAIT`, or 0 to wait in the kernel.
   * @param waited As for `send`.
   * @returns The message; `undefined` when there is none.
   */
  receive(selection: Selection, flags: number, waited: boolean): SysvMessage | undefined {
    const { type, maxBytes, truncate } = selection;
    const cut = maxBytes !== undefined && truncate;
    // The kernel does not say that it has cut something: one byte more tells.
    const limit = maxBytes === undefined ? LONGEST_MESSAGE : maxBytes + (cut ? 1 : 0);
    while (true) {
      this.#reserve(0);
      const room = Math.min(this.#room, limit);
      const every = flags | selection.flags | (cut && room === limit ? MSG.NOERROR : 0);
      const count = libc().msgrcv(this.#id, this.#buffer, room, type, every);
      const number = errno();
      if (count >= 0) return this.#message(count, cut ? maxBytes : count);
      if (number === ERRNO.ENOMSG) return undefined;
      if (number === ERRNO.E2BIG && room < limit) {
        this.#reserve(Math.min(2 * room, limit));
        continue;
      }
      if (number === ERRNO.EINVAL && waited) this.#failRemoved("msgrcv");
      if (number !== ERRNO.EINTR) {
        fail(number, "msgrcv", this.#target, {
          E2BIG: `it is longer than maxBytes, ${maxBytes}, and still in the queue; truncate: true cuts it`,
          EINVAL: "the queue is gone",
        });
      }
    }
  }

  #message(count: number, wanted: number): SysvMessage {
    const type = this.#view.getUint32(4, true) * WORD + this.#view.getUint32(0, true);
    const bytes = this.#buffer.slice(MSG.typeByteLength, MSG.typeByteLength + Math.min(count, wanted));
    publish(() => ({ kind: "queue.receive", queue: "sysv", name: this.#target, bytes: bytes.byteLength, type }));
    return { type, bytes, truncated: count > wanted };
  }

  /** Makes the buffer large enough for a text of so many bytes. */
  #reserve(byteLength: number): void {
    if (this.#room >= Math.max(byteLength, FIRST_ROOM)) return;
    this.#room = Math.max(byteLength, FIRST_ROOM);
    this.#buffer = new Uint8Array(MSG.typeByteLength + this.#room);
    this.#view = new DataView(this.#buffer.buffer);
  }

  /** A message larger than the whole queue would wait for ever. */
  #requireFit(byteLength: number): void {
    const most = capacity(this.#id);
    if (most === undefined || byteLength <= most) return;
    const hint = `the queue holds ${most} bytes at most, the message has ${byteLength}`;
    throw new PosixError({ code: "EMSGSIZE", syscall: "msgsnd", target: this.#target, hint });
  }

  #failRemoved(syscall: string): never {
    fail(ERRNO.EIDRM, syscall, this.#target, { EIDRM: "the queue was removed during the wait" });
  }
}
