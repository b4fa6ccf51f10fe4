/**
 * Going through the events of a trace in the order of time, and making rows of them.
 *
 * @module
 */

import type { Lane, LaneState, Row } from "./diagram.ts";
import { duration } from "./diagram.ts";
import { momentOf, numberFact, textFact, type Trace, type TraceEvent, type TraceMessage } from "./event.ts";
import { heardLabel, killLabel, noteLabel, QUIET, waitedFor } from "./labels.ts";
import { ObjectNames } from "./object_names.ts";

/** The lane of the kernel. */
const KERNEL = 1;

interface Wait {
  readonly startedNs: number;
  readonly what: string;
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
  /** By process and number of the wait. */
  readonly #waits = new Map<string, Wait>();
  /** Waits that are over, by process, until the row that says what came of them. */
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
    for (const [index, { pid }] of this.#lanes.entries()) {
      const traced = this.#trace.processes.find((process) => process.pid === pid)?.traced ?? false;
      const parent = this.#trace.processes.find((process) => process.pid === pid)?.parent;
      const isRoot = parent === undefined || this.#laneOf(parent) === undefined;
      if (pid !== undefined && (isRoot || traced)) this.#states[index] = "running";
    }
    for (const moment of moments) this.#add(moment);
    for (const { pid } of this.#lanes) if (pid !== undefined) this.#flush(pid);
    return { rows: this.#rows, legend: this.#legend() };
  }

  #moments(): Moment[] {
    const moments = this.#trace.events.flatMap((event, index): Moment[] => {
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
    const lane = this.#laneOf(event.pid);
    if (lane === undefined || QUIET.has(event.kind)) return;
    if (part === "whole") { for (const message of this.#sentBy.get(index) ?? []) this.#hold(message); }
    if (part === "interruption" || numberFact(event, "handledNs") === undefined) {
      for (const message of this.#received.get(index) ?? []) this.#let(message);
    }
    if (this.#states[lane] === "absent") this.#states[lane] = "running";
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
      case "lock":
        this.#states[lane] = "holding";
        break;
      case "unlock":
        this.#states[lane] = "running";
        break;
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
    const over = this.#over.get(event.pid);
    // Whoever looks again at what he waited for has not stopped waiting.
    const isAgain = over !== undefined && over.what === what;
    if (isAgain) this.#over.delete(event.pid);
    else this.#flush(event.pid);
    this.#states[lane] = "waiting";
    const startedNs = isAgain ? over.atNs - over.ns : event.atNs;
    this.#waits.set(`${event.pid} ${event.facts.wait}`, { startedNs, what });
    if (isAgain) return;
    if (event.facts.for === "futex") {
      return this.#row({ atNs: event.atNs, from: lane, to: KERNEL, label: "futex: sleep", style: "call" });
    }
    const isOfKernel = (textFact(event, "object") ?? "").startsWith("anon_inode:");
    const label = `waits ${what}${isOfKernel ? "" : this.#names.suffix(event)}`;
    this.#row({ atNs: event.atNs, from: lane, label, style: "call" });
  }

  #waited(event: TraceEvent, lane: number): void {
    const key = `${event.pid} ${event.facts.wait}`;
    const wait = this.#waits.get(key);
    if (wait === undefined) return;
    this.#waits.delete(key);
    this.#over.set(event.pid, { ns: event.atNs - wait.startedNs, what: wait.what, atNs: event.atNs });
    if (event.facts.for === "futex") this.#flushOnto(event, lane);
    if (this.#states[lane] === "waiting") this.#states[lane] = "running";
  }

  /** Whoever slept in the kernel is woken by it. */
  #flushOnto(event: TraceEvent, lane: number): void {
    this.#states[lane] = "running";
    this.#row({
      atNs: event.atNs,
      from: KERNEL,
      to: lane,
      label: "wakes",
      style: "call",
      ...this.#waitDetail(event.pid),
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
    this.#row({ atNs, from: KERNEL, to: lane, label, style: "call", ...this.#waitDetail(event.pid) });
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
    const sender = message === undefined ? undefined : this.#laneOf(this.#trace.events[message.sent]?.pid ?? -1);
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
    this.#note(lane, atNs, `learns that ${event.facts.pid} has ended`);
  }

  /** Something that a lane does alone; what it had waited for stands beside it. */
  #note(lane: number, atNs: number, label: string): void {
    const pid = this.#lanes[lane]?.pid;
    this.#row({ atNs, from: lane, label, style: "call", ...(pid === undefined ? {} : this.#waitDetail(pid)) });
  }

  #waitDetail(pid: number): { detail?: string } {
    const over = this.#over.get(pid);
    this.#over.delete(pid);
    return over === undefined ? {} : { detail: `waited ${duration(over.ns)}` };
  }

  /** A wait that came to nothing that is told. */
  #flush(pid: number): void {
    const over = this.#over.get(pid);
    const lane = this.#laneOf(pid);
    if (over === undefined || lane === undefined) return;
    this.#over.delete(pid);
    this.#row({ atNs: over.atNs, from: lane, label: `waited ${duration(over.ns)}`, style: "call" });
  }

  #row(row: Omit<Row, "states">): void {
    this.#rows.push({ ...row, atNs: row.atNs - this.#startNs, states: [...this.#states] });
  }

  #laneOf(pid: number): number | undefined {
    const found = this.#lanes.findIndex((lane) => lane.pid === pid);
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
      ...messages.map((message) => summary(message, this.#names.short(message.object))),
      ...this.#names.legend,
    ];
  }
}

function summary({ id, mechanism, object, bytes, copies, latencyNs }: TraceMessage, short: string | undefined): string {
  const size = bytes === undefined ? "" : ` of ${bytes} B`;
  const through = mechanism === "memory" || mechanism === "event" || mechanism === "lock"
    ? ""
    : ` through ${short ?? object}`;
  const marks = bytes === undefined ? "" : `, ${copies} copies`;
  return `message ${id} (${mechanism})${size}${through}: ${duration(latencyNs)}${marks}`;
}
