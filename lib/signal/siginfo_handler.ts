/**
 * Our signal handler in its place: one executable page, one page of slots, two pipes (for records, and to wake the event loop), the
 * `sigaction` of each signal that somebody listens to, and the signal masks.
 *
 * Pages and pipes are made once and live as long as the process. They cannot go earlier: a handler may be running on another thread, or a
 * handler that was chained on top of ours may call it at any time, and the pipes' numbers are part of the code. Once closed, such a number
 * could be anybody's file, and 128 bytes would be written into it. No count of handlers that are running could help, because a handler
 * is on its way before its first instruction can count it.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { check } from "../sys/errno.ts";
import { Fd } from "../sys/fd.ts";
import { ownPid, threadId } from "../sys/identity.ts";
import { libc } from "../sys/libc.ts";
import { F, MAP, O, SIG } from "../sys/linux.ts";
import { executablePage, Mapping } from "../sys/memory.ts";
import { platform } from "../sys/platform.ts";
import { publish } from "../sys/probe.ts";
import { letDenoCatch } from "./deno_listener.ts";
import { assemble, body, REALTIME_MASK, SLOT, stub, STUB_BYTES } from "./machine_code.ts";
import { signalInfo, type StandardSignal } from "./names.ts";
import { CARRIER, changeOwnMask, setBlocked, ThreadMasks } from "./thread_masks.ts";

const STUB_SPACING = 32;
const BODY_OFFSET = (SIG.RTMAX + 1) * STUB_SPACING;
const MOST_PIPE_BYTES = 1024 * 1024;

/** Everything but the four faults, whose default action must not wait. With all blocked, handlers do not nest, and order is kept. */
const HANDLER_MASK = ~[4, 7, 8, 11].reduce((set, fault) => set | 1n << BigInt(fault - 1), 0n);

/** What Deno comes to catch by itself; its thread would play the default action beside us, or open the inspector. */
const CAUGHT_BY_DENO: ReadonlySet<StandardSignal> = new Set<StandardSignal>(["SIGHUP", "SIGINT", "SIGTERM", "SIGUSR1"]);

/** There is no signal 0: its slot is the bell's. */
const BELL = 0;
const RING = new Uint8Array(1);

/** What a signal's disposition was before ours. */
interface Installed {
  readonly before: DataView<ArrayBuffer>;
  readonly wasBlocked: boolean;
  /** How often it was asked for. */
  times: number;
}

/** A signal that scopes block. */
interface Scoped {
  readonly wasBlocked: boolean;
  times: number;
}

/** The handler of this process. One for each isolate; see {@linkcode siginfoHandler}. */
class SiginfoHandler {
  /** The end of the pipe that the records come out of, non-blocking. */
  readonly reader: Fd;
  /** Records that fit into the pipe. */
  readonly capacity: number;
  /** The end of the bell that can be waited for, non-blocking. See {@linkcode SiginfoHandler.arm}. */
  readonly bell: Fd;
  readonly #bellWriter: Fd;
  readonly #slots: Mapping;
  readonly #words: Int32Array<ArrayBuffer>;
  readonly #longs: BigUint64Array<ArrayBuffer>;
  readonly #code: bigint;
  readonly #otherThreads: ThreadMasks;
  readonly #installed = new Map<number, Installed>();
  readonly #scoped = new Map<number, Scoped>();
  #holdsCarrier = false;
  /** Signals for which somebody else's handler is on top of ours, and passes on to it. */
  readonly #buried = new Set<number>();

  constructor() {
    using unfinished = new DisposableStack();
    const records = openPipe("Signal pipe", unfinished);
    const bell = openPipe("Signal bell", unfinished);
    [this.reader, this.bell, this.#bellWriter] = [records.reader, bell.reader, bell.writer];
    this.capacity = Math.floor(growPipe(records.writer) / SIG.siginfoByteLength);
    this.#slots = Mapping.map({
      byteLength: (SIG.RTMAX + 1) * SLOT.byteLength,
      protection: MAP.PROT_READ | MAP.PROT_WRITE,
      flags: MAP.PRIVATE,
      target: "signal slots",
    });
    this.#words = new Int32Array(this.#slots.buffer);
    this.#longs = new BigUint64Array(this.#slots.buffer);
    const cookie = crypto.getRandomValues(new BigUint64Array(1))[0]!;
    const common = assemble(body({
      pipe: records.writer.raw,
      bell: bell.writer.raw,
      armed: this.#slots.address + BigInt(BELL * SLOT.byteLength),
      pid: ownPid(),
      homeThread: threadId(),
      cookie,
      calls: platform().SYS,
    }));
    this.#code = executablePage((page) => {
      page.set(common, BODY_OFFSET);
      for (let number = 1; number <= SIG.RTMAX; number++) {
        const at = number * STUB_SPACING;
        const slot = this.#slots.address + BigInt(number * SLOT.byteLength);
        page.set(stub(slot, BODY_OFFSET - at - STUB_BYTES), at);
      }
    });
    this.#otherThreads = new ThreadMasks(cookie, () => Atomics.load(this.#words, wordAt(CARRIER, SLOT.obeyed)));
    unfinished.move();
    this.arm();
    publish(() => ({ kind: "signal-pipe", capacity: this.capacity }));
  }

  /**
   * Directs a signal to the pipe. The handler that it had gets it too, where hearing of it does no harm: had we passed SIGTERM on, Deno's
   * thread might play the default action for it a moment after our listener was closed.
   */
  install(number: number): void {
    const installed = this.#installed.get(number);
    if (installed !== undefined) {
      installed.times++;
      return;
    }
    const { name, kind, action: byDefault } = signalInfo(number);
    const found = readAction(number);
    if (CAUGHT_BY_DENO.has(name as StandardSignal)) letDenoCatch(name as StandardSignal);
    const present = readAction(number);
    // Somebody who was told to ignore the signal (nohup) goes on ignoring it.
    const before = handlerOf(found) === SIG.IGN ? found : present;
    const passesOn = isFunction(present) && (kind === "realtime" || byDefault === "ignore" || byDefault === "continue");
    if (!isFunction(present)) this.#buried.delete(number);
    try {
      // What a scope blocks stays blocked until its end.
      const wasBlocked = this.#scoped.get(number)?.wasBlocked ?? setBlocked(number, false);
      this.#installed.set(number, { before, wasBlocked, times: 1 });
      this.#enable(number, true);
      // The handler on top passes on to ours. On top of it, ours would pass on to it, and so on in a circle.
      if (!passesOn || !this.#buried.has(number)) {
        Atomics.store(this.#longs, longAt(number, SLOT.next), passesOn ? handlerOf(present) : 0n);
        writeAction(number, action(this.#stubAddress(number)));
      }
      if (kind === "realtime") this.#tellThreads();
    } catch (error) {
      this.uninstall(number);
      throw error;
    }
  }

  /** Puts back what was there, unless somebody has put a handler on top: then ours stays underneath, and only passes on. */
  uninstall(number: number): void {
    const installed = this.#installed.get(number);
    if (installed === undefined || --installed.times > 0) return;
    this.#installed.delete(number);
    const now = readAction(number);
    if (handlerOf(now) === this.#stubAddress(number)) {
      writeAction(number, installed.before);
    } else if (isFunction(now)) {
      this.#buried.add(number);
    }
    this.#enable(number, false);
    if (installed.wasBlocked) setBlocked(number, true);
    if (number >= SIG.RTMIN && !this.#hasRealtime()) this.#tellThreads();
  }

  /**
   * Blocks signals in all threads, until as many calls of {@linkcode SiginfoHandler.unblock}. A listener hears of them afterwards.
   *
   * @throws {PosixError} ENOENT where /proc is not mounted; EMFILE.
   */
  block(numbers: readonly number[]): void {
    // This thread first: what it starts from now on inherits the mask.
    for (const number of numbers) {
      const scoped = this.#scoped.get(number);
      if (scoped !== undefined) {
        scoped.times++;
        continue;
      }
      const isBlocked = setBlocked(number, true);
      this.#scoped.set(number, { wasBlocked: this.#installed.get(number)?.wasBlocked ?? isBlocked, times: 1 });
    }
    let told = false;
    try {
      told = this.#tellThreads();
    } finally {
      if (!told) this.unblock(numbers);
    }
    if (told) return;
    throw new PosixError({ code: "ENOENT", syscall: "open", target: "/proc/self/task", hint: "mount /proc" });
  }

  /** Undoes one call of {@linkcode SiginfoHandler.block}. Signals that are pending are delivered to this thread, before it returns. */
  unblock(numbers: readonly number[]): void {
    let unblocked = 0n;
    for (const number of numbers) {
      const scoped = this.#scoped.get(number);
      if (scoped === undefined || --scoped.times > 0) continue;
      this.#scoped.delete(number);
      if (!scoped.wasBlocked || this.#installed.has(number)) unblocked |= 1n << BigInt(number - 1);
    }
    // In one call, so that the kernel delivers the lowest number first; and here before another thread may take one.
    changeOwnMask(SIG.UNBLOCK, unblocked);
    this.#tellThreads();
  }

  /** The signals that scopes block. */
  get scoped(): ReadonlySet<number> {
    return new Set(this.#scoped.keys());
  }

  /**
   * From now on the next signal rings the bell, and only the next. What comes before the bell is armed does not: so look at the pipe after
   * it, and before waiting for the bell.
   */
  arm(): void {
    Atomics.store(this.#words, wordAt(BELL, 0), 1);
  }

  /** Rings the bell. A full one rings already. */
  ring(): void {
    libc().write(this.#bellWriter.raw, RING, RING.byteLength);
  }

  /** Real-time signals keep their order only while every other thread blocks them: threads may have come. */
  refresh(): void {
    if (this.#otherThreads.isStale) this.#tellThreads();
  }

  /** How many times the pipe had no room for a signal since the process began. */
  dropped(number: number): number {
    return Number(Atomics.load(this.#longs, longAt(number, SLOT.dropped)));
  }

  #hasRealtime(): boolean {
    return this.#installed.keys().some((number) => number >= SIG.RTMIN);
  }

  /**
   * Has the other threads block what they are to block by now. Our handler stays in place for the carrier as long as that is anything: a
   * thread that is late then obeys before it takes another signal.
   *
   * @returns Whether they could be told.
   */
  #tellThreads(): boolean {
    let wanted = this.#hasRealtime() ? REALTIME_MASK : 0n;
    for (const number of this.#scoped.keys()) wanted |= 1n << BigInt(number - 1);
    if (!this.#holdsCarrier) this.install(CARRIER);
    this.#holdsCarrier = true;
    try {
      return this.#otherThreads.set(wanted);
    } finally {
      this.#holdsCarrier = wanted !== 0n;
      if (wanted === 0n) this.uninstall(CARRIER);
    }
  }

  #stubAddress(number: number): bigint {
    return this.#code + BigInt(number * STUB_SPACING);
  }

  #enable(number: number, enabled: boolean): void {
    Atomics.store(this.#words, wordAt(number, SLOT.enabled), enabled ? 1 : 0);
  }
}

export type { SiginfoHandler };

let handler: SiginfoHandler | undefined;

/** The handler of this isolate, made on first use. */
export function siginfoHandler(): SiginfoHandler {
  return handler ??= new SiginfoHandler();
}

function openPipe(what: string, stack: DisposableStack): { reader: Fd; writer: Fd } {
  const ends = new Int32Array(2);
  check(libc().pipe2(ends, O.CLOEXEC | O.NONBLOCK), "pipe2");
  return { reader: stack.use(Fd.own(ends[0]!, what)), writer: stack.use(Fd.own(ends[1]!, what)) };
}

/** As large as an unprivileged process may make it, or as large as the user's other pipes leave room for. */
function growPipe(pipe: Fd): number {
  for (let bytes = MOST_PIPE_BYTES; bytes >= 65536; bytes /= 2) {
    const got = libc().fcntl(pipe.raw, F.SETPIPE_SZ, bytes);
    if (got !== -1) return got;
  }
  return check(libc().fcntl(pipe.raw, F.GETPIPE_SZ, 0), "fcntl(F_GETPIPE_SZ)", pipe.what);
}

function readAction(number: number): DataView<ArrayBuffer> {
  const found = new DataView(new ArrayBuffer(SIG.sigaction.byteLength));
  check(libc().sigaction(number, null, found), "sigaction", signalInfo(number).name);
  return found;
}

function writeAction(number: number, wanted: DataView<ArrayBuffer>): void {
  check(libc().sigaction(number, wanted, null), "sigaction", signalInfo(number).name);
}

function handlerOf(found: DataView): bigint {
  return found.getBigUint64(SIG.sigaction.handler, true);
}

function isFunction(found: DataView): boolean {
  return handlerOf(found) !== SIG.DFL && handlerOf(found) !== SIG.IGN;
}

function action(handler: bigint): DataView<ArrayBuffer> {
  const made = new DataView(new ArrayBuffer(SIG.sigaction.byteLength));
  made.setBigUint64(SIG.sigaction.handler, handler, true);
  made.setBigInt64(SIG.sigaction.mask, HANDLER_MASK, true);
  made.setInt32(SIG.sigaction.flags, Number(SIG.SA_SIGINFO | SIG.SA_RESTART), true);
  return made;
}

function wordAt(number: number, offset: number): number {
  return (number * SLOT.byteLength + offset) / 4;
}

function longAt(number: number, offset: number): number {
  return (number * SLOT.byteLength + offset) / 8;
}
