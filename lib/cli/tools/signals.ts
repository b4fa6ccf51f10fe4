/**
 * `causeway signals`: prints every signal that arrives, with its sender and value.
 *
 * @module
 */

import type { SignalEvent } from "../../signal/event.ts";
import { type Signal, signalInfo, signalName, SIGNALS } from "../../signal/names.ts";
import { signals } from "../../signal/receive.ts";
import { hasFfi } from "../../sys/platform.ts";
import { UsageError } from "../command_line.ts";
import { dieOfSignal } from "../die_of_signal.ts";
import { parseOptions } from "../options.ts";
import { print, printError, printJson } from "../output.ts";
import { table } from "../table.ts";
import { signalOfWord } from "./signal_words.ts";

/** The signals that end a program that listens to all: they are printed, and then it dies of them. */
const STOP: readonly Signal[] = ["SIGINT", "SIGTERM"];

/** What nobody can listen to, and SIGPIPE, which this program's own output may cause. */
const LEFT_OUT: readonly Signal[] = ["SIGILL", "SIGBUS", "SIGFPE", "SIGSEGV", "SIGPIPE"];

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const { flags, values, words } = await parseOptions("signals", args, {
    flags: ["json", "table"],
    values: ["count"],
  });
  if (flags.table) {
    if (words.length > 0) throw new UsageError("signals: --table takes no signal");
    if (flags.json) printJson(SIGNALS);
    else print(signalTable());
    return 0;
  }
  const named = words.map(listenable);
  const stopping = named.length === 0 ? STOP : [];
  return await listen(named.length === 0 ? everySignal() : named, stopping, {
    json: flags.json,
    count: wholeNumber(values.count),
  });
}

function listenable(word: string): Signal {
  const number = signalOfWord(word);
  if (number === undefined || number === 0) {
    throw new UsageError(`signals: unknown signal ${JSON.stringify(word)}: causeway signals --table lists them`);
  }
  const { name, catchable } = signalInfo(number);
  if (!catchable || (LEFT_OUT.includes(name) && name !== "SIGPIPE")) {
    throw new UsageError(`signals: ${name} cannot be listened to`);
  }
  return name;
}

function everySignal(): Signal[] {
  const kinds = hasFfi() ? ["standard", "realtime"] : ["standard"];
  return SIGNALS.filter(({ name, catchable, kind }) => catchable && kinds.includes(kind) && !LEFT_OUT.includes(name))
    .map(({ name }) => name);
}

function wholeNumber(text: string | undefined): number {
  if (text === undefined) return Infinity;
  if (!/^[1-9]\d*$/.test(text)) {
    throw new UsageError(`signals: --count takes a whole number of at least 1, got ${JSON.stringify(text)}`);
  }
  return Number(text);
}

async function listen(
  names: readonly Signal[],
  stopping: readonly Signal[],
  { json, count }: { json: boolean; count: number },
): Promise<number> {
  using listener = signals(names);
  // On standard error, and only now: whoever reads it may send.
  printError(`causeway: signals: process ${Deno.pid} listens to ${describeNames(names)}\n`);
  let seen = 0;
  for await (const event of listener) {
    print(json ? `${JSON.stringify(event)}\n` : `${describe(event)}\n`);
    if (stopping.includes(event.signal)) {
      listener.close();
      return await dieOfSignal(event.number);
    }
    if (++seen >= count) return 0;
  }
  return 0;
}

function describeNames(names: readonly Signal[]): string {
  return names.length > 4 ? `${names.length} signals` : names.join(", ");
}

/** For example `SIGRTMIN+1 (35) from process 4711 of user 0 by sigqueue, value 42`. */
function describe(event: SignalEvent): string {
  return `${event.signal} (${event.number}) ${origin(event)}`;
}

function origin(event: SignalEvent): string {
  switch (event.cause) {
    case "user":
      return `from process ${event.pid} of user ${event.uid} by kill`;
    case "thread":
      return `from process ${event.pid} of user ${event.uid} by tgkill`;
    case "queue":
      return `from process ${event.pid} of user ${event.uid} by sigqueue, value ${event.value}`;
    case "message-queue":
      return `from process ${event.pid} of user ${event.uid} by a message queue, value ${event.value}`;
    case "async-io":
      return `from process ${event.pid} of user ${event.uid} by asynchronous I/O, value ${event.value}`;
    case "timer":
      return `from timer ${event.timerId}, value ${event.value}, ${event.overrun} overruns`;
    case "child":
      return `from the kernel: child ${event.pid} of user ${event.uid} ${childChange(event.change, event.status)}`;
    case "descriptor":
      return `from the kernel: descriptor ${event.fd} is ready`;
    case "kernel":
      return "from the kernel";
    case "unknown":
      return "from somebody";
  }
}

function childChange(change: string, status: number): string {
  if (change === "exited") return `exited with code ${status}`;
  return change === "continued" ? "was continued" : `was ${change} by ${signalName(status)}`;
}

function signalTable(): string {
  const rows = SIGNALS.map(({ number, name, action, kind, catchable, meaning }) => [
    String(number),
    name,
    action,
    kind,
    catchable ? "yes" : "no",
    meaning,
  ]);
  return table([["number", "name", "default", "kind", "catchable", "meaning"], ...rows], { right: [0] });
}
