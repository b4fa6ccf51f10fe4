/**
 * What `causeway top` shows, as lines.
 *
 * @module
 */

import type { Deadlock } from "../../inspect/deadlock.ts";
import type { Wait } from "../../inspect/deadlock_waits.ts";
import { visible } from "../../inspect/graph_label.ts";
import type { GraphEnd } from "../../inspect/graph_model.ts";
import type { ChannelRate, ProcessRate, Rate, Rates } from "../../inspect/rates.ts";
import type { Style } from "../style.ts";
import { type Cell, table } from "../table.ts";

/** A name longer than this would push everything else off the screen. */
const LONGEST_NAME = 40;

/** All of it: deadlocks, processes, channels, and what could not be seen. */
export function page(rates: Rates, style: Style): string {
  const { channels, deadlocks, hidden, processes } = rates;
  const names = new Map(processes.map(({ process }) => [process.pid, `${nameText(process.program)} ${process.pid}`]));
  const busiest = processes.toSorted((left, right) => weight(right) - weight(left));
  const fullest = channels.toSorted((left, right) => flow(right) - flow(left));
  return [
    ...deadlocks.map((deadlock) =>
      `${style("bad", deadlock.certainty === "certain" ? "DEADLOCK" : "DEADLOCK?")} ${deadlockText(deadlock)}\n`
    ),
    table(
      [titles(["PID", "CPU %", "READ/s", "WRITTEN/s", "PROGRAM", "WAITS FOR"], style), ...busiest.map(processRow)],
      {
        right: [0, 1, 2, 3],
      },
    ),
    "\n",
    table([
      titles(["WAITING", "OF", "BYTES/s", "MSGS/s", "DROPS/s", "KIND", "NAME", "WHO"], style),
      ...fullest.map((rate) => channelRow(rate, names)),
    ], { right: [0, 1, 2, 3, 4] }),
    ...(channels.length === 0 ? ["No channel\n"] : []),
    ...hidden.map((sentence) => `${style("faint", `Not seen: ${visible(sentence)}`)}\n`),
  ].join("");
}

/** A deadlock in one sentence: `a 1 waits for lock /x, which b 2 has; b 2 waits for …`. */
export function deadlockText({ circle, victims }: Pick<Deadlock, "circle" | "victims">): string {
  const told = circle.map((wait, index) => {
    const next = circle[(index + 1) % circle.length];
    const whom = next === undefined || circle.length === 1 ? "itself" : threadText(next);
    return `${threadText(wait)} waits for ${whom} (${waitText(wait)})`;
  });
  const behind = victims.length === 0 ? "" : `; behind them ${victims.map(threadText).join(", ")}`;
  return `${told.join("; ")}${behind}`;
}

/** What is waited for: `to read pipe 4711`. */
function waitText({ kind, what, asynchronous }: Wait): string {
  const name = nameText(what);
  const words = {
    read: `to read ${name}`,
    write: `to write ${name}`,
    lock: `lock ${name}`,
    mutex: `mutex in ${name}`,
    memory: `a wake in ${name}`,
    child: name,
    message: `queue ${name}`,
    semaphore: name,
  };
  return `${words[kind]}${asynchronous ? ", asynchronously" : ""}`;
}

function titles(words: readonly string[], style: Style): Cell[] {
  return words.map((text) => ({ text, style: (padded) => style("title", padded) }));
}

function processRow({ process, cpuPercent, io, waits }: ProcessRate): string[] {
  return [
    String(process.pid),
    cpuPercent.toFixed(1),
    io === undefined ? "-" : amount(io.readBytes),
    io === undefined ? "-" : amount(io.writtenBytes),
    `${nameText(process.program)}${process.outside ? " (not asked for)" : ""}`,
    waitsText(waits),
  ];
}

/** The first thread's wait, and how many other threads wait. */
function waitsText(waits: readonly Wait[]): string {
  // Threads that wait for their own process are its own affair.
  const foreign = waits.filter(({ pid, wakers }) => !wakers.every((waker) => waker.pid === pid) || wakers.length === 0);
  const [first, ...others] = foreign.toSorted((left, right) => left.tid - right.tid);
  if (first === undefined) return "";
  const wakers = [...new Set(first.wakers.filter(({ pid }) => pid !== first.pid).map(threadText))];
  const whom = wakers.length === 0 ? "" : `${wakers.slice(0, 2).join(", ")}${wakers.length > 2 ? ", …" : ""}: `;
  return `${whom}${waitText(first)}${others.length === 0 ? "" : `, and ${others.length} more`}`;
}

function channelRow({ channel, bytes, messages, drops }: ChannelRate, names: ReadonlyMap<number, string>): string[] {
  const { capacity, ends, kind, name, queued, unit } = channel;
  const level = (value: number | undefined) =>
    value === undefined ? "-" : unit === "bytes" || unit === "datagram" ? amount(value) : String(value);
  return [
    level(queued),
    level(capacity),
    rateText(bytes),
    rateText(messages),
    drops === undefined ? "-" : amount(drops),
    kind,
    nameText(name),
    whoText(ends, names),
  ];
}

/** `a 1 → b 2`: from who writes to who reads. */
function whoText(ends: readonly GraphEnd[], names: ReadonlyMap<number, string>): string {
  const named = (roles: readonly string[]) =>
    ends.filter(({ role }) => roles.includes(role)).map(({ pid }) => names.get(pid) ?? String(pid));
  const both = named(["both", "listens", "exchanged-last", "used-last"]);
  const from = named(["writes", "holds", "sent-last"]);
  const to = named(["reads", "waits", "received-last"]);
  if (from.length + to.length === 0) return short(both, " ↔ ");
  return `${short([...from, ...both])} → ${short([...to, ...both])}`;
}

function short(names: readonly string[], separator = ", "): string {
  return names.length <= 4 ? names.join(separator) : `${names.slice(0, 3).join(separator)}${separator}…`;
}

function rateText(rate: Rate | undefined): string {
  if (rate === undefined) return "-";
  const bound = rate.perSecond === 0 ? "" : { exact: "", "at most": "≤", "at least": "≥" }[rate.certainty];
  return `${bound}${amount(rate.perSecond)}`;
}

/** A number with at most four digits: `1234`, `56.7K`, `89M`. */
function amount(value: number): string {
  const units = ["", "K", "M", "G", "T"];
  let left = value;
  let unit = 0;
  while (left >= 9999.5 && unit < units.length - 1) {
    left /= 1024;
    unit++;
  }
  const digits = unit > 0 && left < 99.95 || left > 0 && left < 9.95 && !Number.isInteger(left) ? 1 : 0;
  return `${left.toFixed(digits)}${units[unit]}`;
}

function threadText({ pid, program }: { readonly pid: number; readonly program: string }): string {
  return `${nameText(program)} ${pid}`;
}

function nameText(name: string): string {
  const text = visible(name);
  return text.length <= LONGEST_NAME ? text : `…${text.slice(1 - LONGEST_NAME)}`;
}

function weight({ cpuPercent, io }: ProcessRate): number {
  return cpuPercent + ((io?.readBytes ?? 0) + (io?.writtenBytes ?? 0)) / 1e6;
}

function flow({ bytes, channel }: ChannelRate): number {
  return (bytes?.perSecond ?? 0) + (channel.queued ?? 0);
}
