/**
 * How strangers meet: a Unix socket under a name, over which the listener passes memory. Nothing else has the name, so a process that is killed
 * leaves no segment behind, only a stale socket that the next listener replaces.
 *
 * ## The conversation
 *
 * | step | who | message |
 * |---|---|---|
 * | 1 | both | ask the kernel who the other is: another user is turned away |
 * | 2 | connector | hello: magic, version, kind, codec, fingerprint, longest message, wishes |
 * | 3 | listener | welcome: the same, facts, descriptors; or a refusal with its reason |
 * | 4 | connector | one byte: I have mapped it |
 *
 * The socket has boundaries (seqpacket), so there are no half messages, and a message of another length is no message of ours. After step 4
 * both close it: from then on the memory itself says who lives, by words that the kernel releases at the death of a thread.
 * Each step has to come within {@linkcode PATIENCE_MS}.
 *
 * @module
 */

import { ClosedError, PosixError, ProtocolError } from "../errors.ts";
import type { MessageSocket } from "../socket/message_socket.ts";
import type { PeerCredentials } from "../socket/peer.ts";
import { connectUnix, listenUnix } from "../socket/unix.ts";
import type { UnixListener } from "../socket/listener.ts";
import { backOff } from "../sys/back_off.ts";
import { Deadline, type WaitOptions } from "../sys/clock.ts";
import type { Fd } from "../sys/fd.ts";
import { libc } from "../sys/libc.ts";
import {
  decodeHello,
  decodeWelcome,
  encodeHello,
  encodeRefusal,
  encodeWelcome,
  HELLO_BYTES,
} from "./rendezvous_terms.ts";
import { disagreement, type Facts, MAX_ANSWER_BYTES, type Terms } from "./rendezvous_terms.ts";
import { meetingPath } from "./rendezvous_path.ts";

/** How long one step of the conversation may take. A peer that is slower is no peer. */
export const PATIENCE_MS = 5000;

/** Most descriptors of a welcome. */
const MAX_DESCRIPTORS = 4;

const ACKNOWLEDGED = new Uint8Array([1]);

/** Whose processes are welcome. */
export interface Welcoming {
  /**
   * Whose processes are accepted, by the kernel's word: a user id, or `"any"`. When left out: this user's and root's.
   */
  owner?: number | "any" | undefined;
}

/** The two sides speak the protocol, and do not agree. */
export class TermsError extends ProtocolError {}

/** The listener did not wait for step 4. */
export class ListenerGoneError extends ProtocolError {}

/** What was agreed, from the connector's side. Disposing closes the descriptors that were not taken out, and the socket. */
export interface Welcome extends Disposable {
  /** The listener's terms. */
  readonly terms: Terms;
  /** What the listener says about the memory. */
  readonly facts: Facts;
  /** What was passed. */
  readonly descriptors: Fd[];
  /** Who listens. */
  readonly peer: PeerCredentials;
  /**
   * Step 4: everything is mapped.
   *
   * @throws {ListenerGoneError} When nobody hears it.
   */
  acknowledge(options?: WaitOptions): Promise<void>;
}

/** Somebody who has come, and has not been heard. */
export interface Visitor {
  /**
   * Hears what he says.
   *
   * @throws {ProtocolError} When his terms are not ours. He has been told.
   */
  hear(): Promise<Guest>;
  /** Ends his visit, how far ever he has come; what waits for him here rejects with `ClosedError`. */
  turnAway(reason: string): void;
}

/** Somebody who has come, and whose terms are ours. */
export interface Guest extends Disposable {
  /** His terms. */
  readonly terms: Terms;
  /** His wishes. */
  readonly facts: Facts;
  /** Who he is. */
  readonly peer: PeerCredentials;
  /**
   * Steps 3 and 4: passes descriptors, which stay open here, and waits until they are mapped there.
   *
   * @throws {ProtocolError} When the guest has gone, or says something else.
   */
  welcome(facts: Facts, descriptors: readonly Fd[]): Promise<void>;
  /** Turns him away. */
  refuse(reason: string): void;
}

/** Listens under a name for those who come. */
export class Rendezvous implements Disposable {
  /** The name. */
  readonly name: string;
  readonly #listener: UnixListener<MessageSocket>;
  readonly #terms: Terms;
  readonly #owner: Welcoming["owner"];
  /** Ends the conversations that are under way. */
  readonly #closing = new AbortController();

  private constructor(name: string, listener: UnixListener<MessageSocket>, terms: Terms, owner: Welcoming["owner"]) {
    this.name = name;
    this.#listener = listener;
    this.#terms = terms;
    this.#owner = owner;
  }

  /**
   * Takes a name. A stale one is replaced, a live one never.
   *
   * @throws {PosixError} EADDRINUSE when somebody listens there.
   * @throws {TypeError} For a name that cannot be.
   */
  static async listen(name: string, terms: Terms, options: Welcoming & WaitOptions = {}): Promise<Rendezvous> {
    const { signal, timeoutMs, owner } = options;
    const path = meetingPath(name);
    const waiting = { type: "seqpacket", descriptors: true, signal, timeoutMs } as const;
    const listener = await listenUnix(path, waiting).catch((error: unknown) => {
      throw isTaken(error) ? taken(name, terms.kind, error) : error;
    });
    return new Rendezvous(name, listener, terms, owner);
  }

  /** Whether it was closed. */
  get closed(): boolean {
    return this.#listener.closed;
  }

  /** Steps 1 and 2, as two parts: the next who connects, and what he says. So one who says nothing does not keep the others waiting. */
  async next(options: WaitOptions = {}): Promise<Visitor> {
    const socket = await this.#listener.accept(options);
    return {
      hear: () => this.#hear(socket),
      turnAway: (reason) => {
        if (socket.closed) return;
        refuse(socket, reason);
        socket.close();
      },
    };
  }

  /**
   * Hears what somebody who has connected says.
   *
   * @throws {ProtocolError} When his terms are not ours. He has been told.
   */
  async #hear(socket: MessageSocket): Promise<Guest> {
    try {
      const peer = requireUser(socket, this.#owner, this.name);
      const { signal } = this.#closing;
      const hello = decodeHello(await receive(socket, HELLO_BYTES, signal));
      const reason = disagreement(this.#terms, hello.terms);
      if (reason !== undefined) throw new TermsError(`${this.name}: ${reason}`);
      return guest(socket, { ...hello, peer }, this.#terms, signal);
    } catch (error) {
      if (error instanceof ProtocolError) refuse(socket, error.message);
      socket.close();
      throw error;
    }
  }

  /** Gives the name up, and whoever has not been welcomed. */
  close(): void {
    this.#closing.abort(new ClosedError(`Rendezvous ${this.name}`));
    this.#listener[Symbol.dispose]();
  }

  /** Same as `close()`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Goes to a name, and waits until somebody listens there. The kernel announces no listener, so this tries again, with pauses of at most 20 ms. The
 * deadline holds for the conversation, too.
 *
 * @param facts Wishes, for the listener.
 * @throws {ProtocolError} When the two sides do not agree; the message says about what.
 * @throws {DOMException} `TimeoutError` when nobody has answered until the deadline.
 */
export function goTo(
  name: string,
  terms: Terms,
  facts: Facts,
  options: Welcoming & WaitOptions = {},
): Promise<Welcome> {
  const { signal, owner } = options;
  const what = `Waiting for a listener at shm:${name}`;
  const deadline = new Deadline(what, options.timeoutMs);
  const path = meetingPath(name);
  return backOff<Welcome>(what, { signal }, deadline, async () => {
    // Its queue may be full.
    const socket = await inTime(tryConnect(path, { signal, timeoutMs: deadline.remainingMs }), deadline);
    // Who listens may go before it answers: perhaps another comes.
    return socket && await introduce(socket, name, terms, facts, { owner, signal, deadline });
  });
}

async function tryConnect(path: string, options: WaitOptions): Promise<MessageSocket | undefined> {
  try {
    return await connectUnix(path, { type: "seqpacket", descriptors: true, ...options });
  } catch (error) {
    if (error instanceof PosixError && (error.code === "ENOENT" || error.code === "ECONNREFUSED")) return undefined;
    throw error;
  }
}

async function introduce(
  socket: MessageSocket,
  name: string,
  terms: Terms,
  facts: Facts,
  { owner, signal, deadline }: Welcoming & Pick<WaitOptions, "signal"> & { deadline: Deadline },
): Promise<Welcome | undefined> {
  const descriptors: Fd[] = [];
  const close = () => {
    for (const descriptor of descriptors) descriptor.close();
    socket.close();
  };
  try {
    const peer = requireUser(socket, owner, name);
    const step = () => ({ timeoutMs: Math.min(PATIENCE_MS, deadline.remainingMs), signal });
    // Whoever is turned away for what he is, is so before he has spoken. The reason waits behind the error, which the kernel tells once.
    await inTime(socket.send(encodeHello(terms, facts), step()), deadline).catch(unlessGone);
    const answer = () =>
      inTime(
        socket.receiveDescriptors({ maxBytes: MAX_ANSWER_BYTES, maxDescriptors: MAX_DESCRIPTORS, ...step() }),
        deadline,
      );
    const message = await answer().catch(unlessGone) ?? await answer();
    if (message === null) {
      close();
      return undefined;
    }
    descriptors.push(...message.descriptors);
    const agreed = decodeWelcome(message.bytes);
    const reason = disagreement(terms, agreed.terms);
    if (reason !== undefined) throw new TermsError(`${name}: ${reason}`);
    return {
      ...agreed,
      descriptors,
      peer,
      acknowledge: async (options = {}) => {
        try {
          await socket.send(ACKNOWLEDGED, options);
        } catch (error) {
          throw gone(error) ? new ListenerGoneError(`${name}: the listener has gone`, { cause: error }) : error;
        }
      },
      [Symbol.dispose]: close,
    };
  } catch (error) {
    close();
    if (gone(error)) return undefined;
    throw error;
  }
}

function guest(
  socket: MessageSocket,
  hello: Pick<Guest, "terms" | "facts" | "peer">,
  terms: Terms,
  signal: AbortSignal,
): Guest {
  return {
    ...hello,
    async welcome(facts, descriptors) {
      try {
        // At once, because whoever was let in must hear of it even if we close now; there is room for a first message.
        const message = encodeWelcome(terms, facts);
        if (!socket.trySendDescriptors(message, descriptors)) {
          await inTime(socket.sendDescriptors(message, descriptors, { timeoutMs: PATIENCE_MS, signal }));
        }
        await receive(socket, ACKNOWLEDGED.byteLength, signal);
      } catch (error) {
        throw gone(error) ? new ProtocolError("The peer has gone during the welcome", { cause: error }) : error;
      } finally {
        socket.close();
      }
    },
    refuse(reason) {
      refuse(socket, reason);
      socket.close();
    },
    [Symbol.dispose]: () => socket.close(),
  };
}

/** One message of exactly so many bytes, without descriptors: what a stranger attaches is closed by the kernel. */
async function receive(socket: MessageSocket, byteLength: number, signal: AbortSignal): Promise<Uint8Array> {
  const message = await inTime(socket.receive({ maxBytes: byteLength, timeoutMs: PATIENCE_MS, signal }));
  if (message === null) throw new ProtocolError("The peer has gone before it said anything");
  if (message.byteLength !== byteLength) {
    throw new ProtocolError(`The peer said ${message.byteLength} bytes instead of ${byteLength}`);
  }
  return message.bytes;
}

/** Silence is a mistake of the peer's, unless the caller has set a time limit that comes first. */
async function inTime<T>(wait: Promise<T>, deadline?: Deadline): Promise<T> {
  try {
    return await wait;
  } catch (error) {
    const silent = error instanceof DOMException && error.name === "TimeoutError";
    if (silent && deadline?.remainingMs === 0) throw deadline.timeoutError();
    throw silent ? new ProtocolError(`The peer said nothing for ${PATIENCE_MS} ms`, { cause: error }) : error;
  }
}

/** Nobody waits for a refusal to arrive. */
function refuse(socket: MessageSocket, reason: string): void {
  try {
    socket.trySend(encodeRefusal(reason));
  } catch (error) {
    if (!gone(error)) throw error;
  }
}

/** Who has a name of a kind. */
const HOLDERS = { channel: "listener", latest: "writer", topic: "publisher" } as const;

function isTaken(error: unknown): error is PosixError {
  return error instanceof PosixError && error.code === "EADDRINUSE";
}

function taken(name: string, kind: Terms["kind"], cause: PosixError): PosixError {
  const { code, syscall, target } = cause;
  // All kinds share their names.
  const hint = `shm:${name} has a ${HOLDERS[kind]} already, or is in use for something else`;
  return new PosixError({ code, syscall, target, hint, cause });
}

function gone(error: unknown): boolean {
  return error instanceof PosixError && (error.code === "EPIPE" || error.code === "ECONNRESET");
}

function unlessGone(error: unknown): undefined {
  if (!gone(error)) throw error;
}

/** By the kernel's word, never by the peer's. */
function requireUser(socket: MessageSocket, owner: Welcoming["owner"], name: string): PeerCredentials {
  const { peer } = socket;
  const { uid, pid } = peer;
  if (owner === "any" || (owner === undefined ? uid === libc().geteuid() || uid === 0 : uid === owner)) return peer;
  throw new ProtocolError(`${name}: process ${pid} is user ${uid}'s, and is not accepted`);
}
