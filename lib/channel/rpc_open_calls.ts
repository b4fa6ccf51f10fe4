/**
 * The calls that are open on one channel, in both directions: how many, and what their arguments weigh, has a bound that both sides know.
 *
 * @module
 */

import { ProtocolError } from "../errors.ts";
import { ServedCall } from "./rpc_call.ts";
import { MOST_CALLS, type RpcMessage } from "./rpc_message.ts";
import type { OutgoingCall } from "./rpc_outgoing.ts";
import { DEFAULT_WAITING_BYTES, weigh } from "./rpc_weight.ts";

/** Calls that this side has made and that are not answered. */
export class MadeCalls {
  readonly #calls = new Map<number, OutgoingCall>();
  readonly #waiting: { readonly call: OutgoingCall; readonly start: () => void }[] = [];
  #bytes = 0;
  /** With arguments that weigh so much no other call begins. */
  mostBytes = DEFAULT_WAITING_BYTES;

  /** How many there are. */
  get size(): number {
    return this.#calls.size;
  }

  get(id: number): OutgoingCall | undefined {
    return this.#calls.get(id);
  }

  /** Starts a call when so few are open that the peer takes it. */
  begin(call: OutgoingCall, start: () => void): void {
    if (this.#mayStart) start();
    else this.#waiting.push({ call, start });
  }

  /** It is about to be sent. */
  add(id: number, call: OutgoingCall): void {
    this.#calls.set(id, call);
    this.#bytes += call.bytes;
  }

  /** It is answered, or could not be sent. */
  over(id: number): void {
    this.#bytes -= this.#calls.get(id)?.bytes ?? 0;
    this.#calls.delete(id);
    while (this.#waiting.length > 0 && this.#mayStart) this.#waiting.shift()?.start();
  }

  /** There will be no answers. */
  end(error: Error): void {
    for (const call of [...this.#calls.values(), ...this.#waiting.map((each) => each.call)]) call.throw(error);
    this.#calls.clear();
    this.#waiting.length = 0;
  }

  get #mayStart(): boolean {
    return this.#calls.size < MOST_CALLS && this.#bytes < this.mostBytes;
  }
}

/** Calls that the peer has made and that are not answered. */
export class ServedCalls {
  readonly #calls = new Map<number, ServedCall>();
  /** What the arguments weigh: of open calls, and of those that returned a stream. */
  #bytes = 0;
  #streamedBytes = 0;
  /** With arguments that weigh so much no other call is taken. */
  mostBytes = DEFAULT_WAITING_BYTES;

  /** How many there are. */
  get size(): number {
    return this.#calls.size;
  }

  get(id: number): ServedCall | undefined {
    return this.#calls.get(id);
  }

  /** Whether the arguments of what is open leave no room for more. */
  get full(): boolean {
    return this.#bytes >= this.mostBytes;
  }

  /** The same of what returned a stream. */
  get streamsFull(): boolean {
    return this.#streamedBytes >= this.mostBytes;
  }

  /** A call came. @throws {ProtocolError} It has the number of another, or there are more than was agreed on. */
  add(message: Extract<RpcMessage, { kind: "call" | "describe" }>): ServedCall {
    const { id } = message;
    if (this.#calls.has(id)) throw new ProtocolError(`Calls: there are two calls ${id}`);
    if (this.#calls.size >= MOST_CALLS) throw new ProtocolError(`Calls: more than ${MOST_CALLS} are open`);
    const isCall = message.kind === "call";
    const call = new ServedCall(isCall ? message.timeoutMs : undefined, isCall ? weigh(message.args) : 0);
    this.#calls.set(id, call);
    this.#bytes += call.bytes;
    return call;
  }

  /** It is about to be answered. */
  over(id: number): void {
    this.#bytes -= this.#calls.get(id)?.bytes ?? 0;
    this.#calls.delete(id);
  }

  /** It is answered by a stream, and lasts, for its signal, as long as that. */
  streams(id: number, call: ServedCall): void {
    this.over(id);
    this.#streamedBytes += call.bytes;
    call.onFinish = () => this.#streamedBytes -= call.bytes;
  }

  /** Nobody waits for answers any more. */
  end(error: Error): void {
    for (const call of this.#calls.values()) {
      call.cancel(error);
      call.finish();
    }
    this.#calls.clear();
  }
}
