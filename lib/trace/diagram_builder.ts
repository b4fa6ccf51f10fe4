/**
 * Going through the events of a trace in the order of time, and making rows of them.
 *
 * @module
 */

import type { Lane, LaneState, Row } from "./diagram.ts";
import { duration } from "./diagram.ts";
import { momentOf, numberFact, placeOf, textFact, type Trace, type TraceEvent, type TraceMessage } from "./event.ts";
import { Holdings } from "./holdings.ts";
import { heardLabel, killLabel, noteLabel, QUIET, waitedFor, waitLabel } from "./labels.ts";
import { withoutLooks } from "./looks.ts";
import { ObjectNames } from "./object_names.ts";

/** The lane of the kernel. */
const KERNEL = 1;

interface Wait {
  readonly lane: number;
  readonly startedNs: number;
  readonly what: string;
  /** Of a lock or its like, where it is. Sleeping in the kernel is a part of that wait. */
  readonly place: string | undefined;
}

/** One moment of an event: a signal is received twice, by the flow that it interrupts and by the program that asks for it. */
interface Moment {
  readonly atNs: number;
  readonly event: TraceEvent;
  readonly index: number;
  readonly part: "whole" | "interruption";
}

/** Makes the rows of one diagram. */
export class DiagramBuilder {
  readonly #trace: Trace;
  readonly #lanes: readonly Lane[];
  readonly #rows: Row[] = [];
  readonly #states: LaneState[];
  readonly #names: ObjectNames;
  readonly #received = new Map<number, TraceMessage[]>();
  readonly #sentBy = new Map<number, TraceMessage[]>();
  readonly #holdings = new Holdings();
  /** By lane and number of the wait. */
  readonly #waits = new Map<string, Wait>();
  /** Waits that are over, by lane, until the row that says what came of them. */
  readonly #over = new Map<number, { readonly ns: number; readonly what: string; readonly atNs: number }>();
  readonly #marks = new Set<string>();
  /** Messages that are in the kernel, by index of their sending. */
  readonly #inKernel = new Set<TraceMessage>();
  #startNs = 0;

  constructor(trace: Trace, lanes: readonly Lane[]) {
    this.#trace = trace;
    this.#lanes = lanes;
    this.#names = new ObjectNames(trace.events);
    this.#states = lanes.map(({ kind }) => kind === "kernel" ? "running" : "absent");
    for (const message of trace.messages) {
      this.#received.set(message.received, [...this.#received.get(message.received) ?? [], message]);
      this.#sentBy.set(message.sent, [...this.#sentBy.get(message.sent) ?? [], message]);
    }
  }

  build(): { rows: readonly Row[]; legend: readonly string[] } {
    const moments = this.#moments();
    this.#startNs = moments.find(({ event }) => !QUIET.has(event.kind))?.atNs ?? 0;
    for (const [index, { pid, tid }] of this.#lanes.entries()) {
      const traced = this.#trace.processes.find((process) => process.pid === pid)?.traced ?? false;
      const parent = this.#trace.processes.find((process) => process.pid === pid)?.parent;
      const isRoot = parent === undefined || this.#laneOf(parent) === undefined;
      // A Worker is not there before it tells something.
      if (pid !== undefined && tid === undefined && (isRoot || traced)) this.#states[index] = "running";
    }
    for (const moment of moments) this.#add(moment);
    for (const lane of this.#lanes.keys()) this.#flush(lane);
    return { rows: this.#rows, legend: this.#legend() };
  }

  #moments(): Moment[] {
    const changes = withoutLooks(this.#trace.events);
    const moments = this.#trace.events.flatMap((told, index): Moment[] => {
      const event = changes.has(index) ? changes.get(index) : told;
      if (event === undefined) return [];
      const whole: Moment = { atNs: this.#momentOf(event, index), event, index, part: "whole" };
      const handledNs = event.kind === "signal.receive" ? numberFact(event, "handledNs") : undefined;
      return handledNs === undefined ? [whole] : [{ ...whole, atNs: handledNs, part: "interruption" }, whole];
    });
    return moments.sort((left, right) => left.atNs - right.atNs || left.index - right.index);
  }

  /** Sending has its place where it began, receiving where it ended. Who told no beginning has sent before it was received, all the same. */
  #momentOf(event: TraceEvent, index: number): number {
    if (this.#received.has(index)) return event.atNs;
    const received = (this.#sentBy.get(index) ?? []).map((message) => {
      const recipient = this.#trace.events[message.received];
      return recipient === undefined ? Infinity : numberFact(recipient, "handledNs") ?? recipient.atNs;
    });
    return Math.min(momentOf(event), ...received);
  }

  #add({ event, index, part, atNs }: Moment): void {
    const lane = this.#laneOf(event.pid, event.tid);
    if (lane === undefined || QUIET.has(event.kind)) return;
    if (part === "whole") { for (const message of this.#sentBy.get(index) ?? []) this.#hold(message); }
    if (part === "interruption" || numberFact(event, "handledNs") === undefined) {
      for (const message of this.#received.get(index) ?? []) this.#let(message);
    }
    // Who does something does not only wait, whatever a task of it waits for.
    if (this.#states[lane] === "absent" || this.#states[lane] === "waiting") this.#settle(lane);
    switch (event.kind) {
      case "wait":
        return this.#wait(event, lane);
      case "wait.end":
        return this.#waited(event, lane);
      case "write":
      case "queue.send":
        return this.#sent(event, lane, atNs);
      case "read":
      case "queue.receive":
        return this.#got(event, lane, atNs);
      case "signal.send":
      case "process.signal":
        return this.#row({
          atNs,
          from: lane,
          to: KERNEL,
          label: killLabel(event),
          detail: "pending",
          style: "call",
        });
      case "signal.receive":
        return part === "interruption" ? this.#interrupted(event, lane, atNs) : this.#heard(event, lane, atNs);
      case "memory.load":
        return this.#loaded(event, index, lane, atNs);
      case "futex.wake":
        if (event.facts.woken === 0) return;
        return this.#row({ atNs, from: lane, to: KERNEL, label: `futex: wake ${event.facts.woken}`, style: "call" });
      case "process.spawn":
        return this.#spawned(event, lane, atNs);
      case "process.exit":
        return this.#exited(event, lane, atNs);
      case "syscall.end":
        this.#states[lane] = "ended";
        break;
      default:
        this.#granted(event, lane, atNs);
    }
    this.#note(lane, atNs, noteLabel(event, this.#names));
  }

  #hold(message: TraceMessage): void {
    if (message.copies === 2 || message.mechanism === "signal") this.#inKernel.add(message);
    this.#kernelState();
  }

  #let(message: TraceMessage): void {
    this.#inKernel.delete(message);
    this.#kernelState();
  }

  #kernelState(): void {
    this.#states[KERNEL] = this.#inKernel.size > 0 ? "holding" : "running";
  }

  #wait(event: TraceEvent, lane: number): void {
    const what = waitedFor(event);
    const place = placeOf(event);
    const over = this.#over.get(lane);
    // Whoever looks again at what he waited for has not stopped waiting.
    const isAgain = over !== undefined && over.what === what;
    if (isAgain) this.#over.delete(lane);
    else this.#flush(lane);
    const startedNs = isAgain ? over.atNs - over.ns : event.atNs;
    this.#waits.set(`${lane} ${event.facts.wait}`, { lane, startedNs, what, place });
    this.#states[lane] = "waiting";
    if (isAgain) return;
    if (place !== undefined) {
      const holders = this.#holdings.holders(place).filter((each) => each !== lane);
      const label = waitLabel(event, this.#names, holders.map((each) => this.#lanes[each]?.name ?? "?"));
      return this.#row({ atNs: event.atNs, from: lane, label, style: "call" });
    }
    if (event.facts.for === "futex") {
      return this.#row({ atNs: event.atNs, from: lane, to: KERNEL, label: "futex: sleep", style: "call" });
    }
    const isOfKernel = (textFact(event, "object") ?? "").startsWith("anon_inode:");
    const label = `waits ${what}${isOfKernel ? "" : this.#names.suffix(event)}`;
    this.#row({ atNs: event.atNs, from: lane, label, style: "call" });
  }

  #waited(event: TraceEvent, lane: number): void {
    const key = `${lane} ${event.facts.wait}`;
    const wait = this.#waits.get(key);
    if (wait === undefined) return;
    this.#waits.delete(key);
    const ns = event.atNs - wait.startedNs;
    this.#settle(lane);
    if (wait.place !== undefined) {
      return this.#row({ atNs: event.atNs, from: lane, label: `gives up, waited ${duration(ns)}`, style: "call" });
    }
    this.#over.set(lane, { ns, what: wait.what, atNs: event.atNs });
    if (event.facts.for === "futex") this.#flushOnto(event, lane);
  }

  /** Whoever gets what he has waited for waits no more, though that is told a little later. */
  #granted(event: TraceEvent, lane: number, atNs: number): void {
    const place = placeOf(event);
    const isGrant = /^(lock|semaphore\.take|event\.wait|condition\.wake|barrier\.pass)$/.test(event.kind);
    const open = place === undefined || !isGrant
      ? undefined
      : [...this.#waits].find(([, wait]) => wait.lane === lane && wait.place === place);
    if (open !== undefined) {
      const [key, { startedNs, what }] = open;
      this.#waits.delete(key);
      this.#over.set(lane, { ns: atNs - startedNs, what, atNs });
    }
    this.#holdings.follow(event, lane);
    this.#settle(lane);
  }

  /** What a lane does when nothing else is said of it. */
  #settle(lane: number): void {
    // For the end of a child a program waits beside all that it does.
    const waits = [...this.#waits.values()].some((wait) => wait.lane === lane && !wait.what.startsWith("for process"));
    this.#states[lane] = waits ? "waiting" : this.#holdings.hasAny(lane) ? "holding" : "running";
  }

  /** Whoever slept in the kernel is woken by it. */
  #flushOnto(event: TraceEvent, lane: number): void {
    const detail = this.#waitDetail(lane);
    const isPart = this.#states[lane] === "waiting";
    this.#row({
      atNs: event.atNs,
      from: KERNEL,
      to: lane,
      label: "wakes",
      style: "call",
      // How long all of it took is said when it has come to something.
      ...(isPart ? {} : detail),
    });
  }

  #sent(event: TraceEvent, lane: number, atNs: number): void {
    const call = event.kind === "write" ? textFact(event, "call") ?? "write" : "send";
    this.#mark("copies");
    const label = `${call} ${event.facts.bytes} B, copy 1`;
    this.#row({ atNs, from: lane, to: KERNEL, label, detail: this.#names.of(event), style: "call" });
  }

  #got(event: TraceEvent, lane: number, atNs: number): void {
    const bytes = numberFact(event, "bytes");
    const call = event.kind === "read" ? textFact(event, "call") ?? "read" : "receive";
    const label = bytes === undefined ? "end of file" : `${call} ${bytes} B, copy 2`;
    this.#row({ atNs, from: KERNEL, to: lane, label, style: "call", ...this.#waitDetail(lane) });
  }

  #interrupted(event: TraceEvent, lane: number, atNs: number): void {
    this.#row({
      atNs,
      from: KERNEL,
      to: lane,
      label: textFact(event, "signal") ?? "signal",
      detail: "interrupts",
      style: "interrupt",
    });
  }

  #heard(event: TraceEvent, lane: number, atNs: number): void {
    const label = heardLabel(event);
    if (numberFact(event, "handledNs") !== undefined) return this.#note(lane, atNs, label);
    this.#row({
      atNs,
      from: KERNEL,
      to: lane,
      label: textFact(event, "signal") ?? "signal",
      detail: label,
      style: "interrupt",
    });
  }

  #loaded(event: TraceEvent, index: number, lane: number, atNs: number): void {
    const [message] = this.#received.get(index) ?? [];
    const store = message === undefined ? undefined : this.#trace.events[message.sent];
    const sender = store === undefined ? undefined : this.#laneOf(store.pid, store.tid);
    const label = `${event.facts.bytes} B, no copy`;
    if (sender === undefined || sender === lane) return this.#note(lane, atNs, `loads ${label}`);
    this.#mark("memory");
    this.#row({ atNs, from: sender, to: lane, label, detail: "loads", style: "memory" });
  }

  #spawned(event: TraceEvent, lane: number, atNs: number): void {
    const child = this.#laneOf(numberFact(event, "pid") ?? -1);
    const words = Array.isArray(event.facts.words) ? event.facts.words.map(String) : [];
    const label = `starts ${words[0]?.replace(/^.*\//, "") ?? "a program"}`;
    if (child === undefined || child === lane) return this.#note(lane, atNs, `${label} ${event.facts.pid}`);
    this.#states[child] = "running";
    this.#row({ atNs, from: lane, to: child, label, style: "call" });
  }

  #exited(event: TraceEvent, lane: number, atNs: number): void {
    const child = this.#laneOf(numberFact(event, "pid") ?? -1);
    if (child !== undefined && child !== lane) this.#states[child] = "ended";
    this.#note(lane, atNs, noteLabel(event, this.#names));
  }

  /** Something that a lane does alone; what it had waited for stands beside it. */
  #note(lane: number, atNs: number, label: string): void {
    this.#row({ atNs, from: lane, label, style: "call", ...this.#waitDetail(lane) });
  }

  #waitDetail(lane: number): { detail?: string } {
    const over = this.#over.get(lane);
    this.#over.delete(lane);
    return over === undefined ? {} : { detail: `waited ${duration(over.ns)}` };
  }

  /** A wait that came to nothing that is told. */
  #flush(lane: number): void {
    const over = this.#over.get(lane);
    if (over === undefined) return;
    this.#over.delete(lane);
    this.#row({ atNs: over.atNs, from: lane, label: `waited ${duration(over.ns)}`, style: "call" });
  }

  #row(row: Omit<Row, "states">): void {
    this.#rows.push({ ...row, atNs: row.atNs - this.#startNs, states: [...this.#states] });
  }

  /** The lane of a Worker, where it has one; else its process's. */
  #laneOf(pid: number, tid?: number): number | undefined {
    const worker = tid === undefined ? -1 : this.#lanes.findIndex((lane) => lane.pid === pid && lane.tid === tid);
    const found = worker === -1 ? this.#lanes.findIndex((lane) => lane.pid === pid && lane.tid === undefined) : worker;
    return found === -1 ? undefined : found;
  }

  #mark(mark: string): void {
    this.#marks.add(mark);
  }

  #legend(): string[] {
    const { messages } = this.#trace;
    const copies = [
      "copy 1: from the sender's user space into the kernel",
      "copy 2: from the kernel into the recipient's user space",
    ];
    return [
      ...(this.#marks.has("copies") ? copies : []),
      ...(this.#marks.has("memory")
        ? ["no copy: both processes have the same memory; the kernel carries nothing"]
        : []),
      ...messages.map((message) =>
        summary(message, this.#names.short(message.object) ?? this.#names.placeNamed(message.object))
      ),
      ...this.#names.legend,
    ];
  }
}

/** What it goes through is a place in memory. */
const WITHOUT_KERNEL: ReadonlySet<string> = new Set(["memory", "event", "lock", "semaphore", "condition", "barrier"]);

function summary({ id, mechanism, object, bytes, copies, latencyNs }: TraceMessage, short: string | undefined): string {
  const size = bytes === undefined ? "" : ` of ${bytes} B`;
  const way = short ?? (WITHOUT_KERNEL.has(mechanism) ? undefined : object);
  const through = way === undefined ? "" : ` through ${way}`;
  const marks = bytes === undefined ? "" : `, ${copies} copies`;
  return `message ${id} (${mechanism})${size}${through}: ${duration(latencyNs)}${marks}`;
}
