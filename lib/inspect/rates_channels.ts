/**
 * How busy a channel was, from what is known of it at two moments: what it counts itself, or a bound.
 *
 * @module
 */

import type { ChannelRate, IoRate, Rate } from "./rates.ts";
import type { ChannelLevel } from "./rates_levels.ts";

/** What went through a channel between two looks. */
export function channelRate(
  channel: ChannelLevel,
  then: ChannelLevel | undefined,
  ioOf: ReadonlyMap<number, IoRate | undefined>,
  seconds: number,
): ChannelRate {
  const isPipe = channel.kind === "pipe" || channel.kind === "fifo";
  return {
    channel,
    bytes: exact(bytesCounted(channel, then), seconds) ??
      (isPipe ? mostMoved(channel, ioOf, "writtenBytes", "readBytes") : leastChanged(channel, then, "bytes", seconds)),
    messages: exact(messagesCounted(channel, then), seconds) ??
      (isPipe ? mostMoved(channel, ioOf, "writeCalls", "readCalls") : leastChanged(channel, then, "messages", seconds)),
    drops: exact(difference(channel.dropped, then?.dropped), seconds)?.perSecond,
  };
}

/** Counters are words: they begin again at 0 after 2^32. */
function difference(now: number | undefined, before: number | undefined): number | undefined {
  return now === undefined || before === undefined ? undefined : (now - before) >>> 0;
}

function bytesCounted(now: ChannelLevel, then: ChannelLevel | undefined): number | undefined {
  return difference(now.passed, then?.passed);
}

/** A ring through which bytes went, and no message, has a producer that does not count them. */
function messagesCounted(now: ChannelLevel, then: ChannelLevel | undefined): number | undefined {
  const messages = difference(now.sent, then?.sent);
  return messages === 0 && (bytesCounted(now, then) ?? 0) > 0 ? undefined : messages;
}

function exact(count: number | undefined, seconds: number): Rate | undefined {
  return count === undefined ? undefined : { perSecond: count / seconds, certainty: "exact" };
}

/** What all writers have written together, or all readers have read. */
function mostMoved(
  { ends }: ChannelLevel,
  ioOf: ReadonlyMap<number, IoRate | undefined>,
  written: keyof IoRate,
  read: keyof IoRate,
): Rate | undefined {
  const sum = (role: "writes" | "reads", key: keyof IoRate) => {
    const rates = ends.filter((end) => end.role === role || end.role === "both").map(({ pid }) => ioOf.get(pid)?.[key]);
    return rates.every((rate) => rate !== undefined) ? rates.reduce((all, rate) => all + rate, 0) : undefined;
  };
  const bounds = [sum("writes", written), sum("reads", read)].filter((bound) => bound !== undefined);
  return bounds.length === 0 ? undefined : { perSecond: Math.min(...bounds), certainty: "at most" };
}

/**
 * By how much what waits has changed, and of a System V queue whether it was used at all. Of sends and receptions, the more numerous are what went
 * through; their difference is the change.
 */
function leastChanged(
  now: ChannelLevel,
  then: ChannelLevel | undefined,
  unit: ChannelLevel["unit"],
  seconds: number,
): Rate | undefined {
  if (now.unit !== unit || now.queued === undefined || then?.queued === undefined) return undefined;
  const change = now.queued - then.queued;
  const wasSent = now.lastUse?.sentAt !== then.lastUse?.sentAt ? 1 : 0;
  const wasReceived = now.lastUse?.receivedAt !== then.lastUse?.receivedAt ? 1 : 0;
  const sent = Math.max(wasSent, wasReceived + change);
  const received = Math.max(wasReceived, wasSent - change);
  const least = Math.max(sent, received);
  return least === 0 ? undefined : { perSecond: least / seconds, certainty: "at least" };
}
