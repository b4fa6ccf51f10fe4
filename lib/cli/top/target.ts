/**
 * What `causeway top` is to look at: everything, some processes, or one channel by its address.
 *
 * @module
 */

import type { ChannelRate, Rates } from "../../inspect/rates.ts";
import { UsageError } from "../command_line.ts";

/** Addresses of channels, and what `ls` calls those that have none. */
const ROADS = ["fifo", "unix", "mq", "shm", "pipe", "sysv-queue"] as const;

/** The one channel that is of interest. */
export interface Address {
  /** As it was typed. */
  readonly text: string;
  /** The first word. */
  readonly road: typeof ROADS[number];
  /** What follows it. */
  readonly name: string;
}

/** What to look at. */
export interface Target {
  /** Processes; all when there are none. */
  readonly pids: readonly number[];
  /** The channel; all when there is none. */
  readonly address: Address | undefined;
}

/** Reads the words of the command line. */
export function readTarget(words: readonly string[]): Target {
  const [first = ""] = words;
  if (words.every((word) => /^[1-9]\d{0,9}$/.test(word))) return { pids: words.map(Number), address: undefined };
  const [, road, name = ""] = /^([a-z-]+):(.+)$/s.exec(first) ?? [];
  if (words.length !== 1 || !isRoad(road)) {
    const wrong = words.find((word) => !/^\d+$/.test(word)) ?? first;
    throw new UsageError(
      `top: takes pids, or one address as fifo:/path, unix:/path, mq:/name, shm:name, pipe:INODE or sysv-queue:ID; got ${
        JSON.stringify(wrong)
      }`,
    );
  }
  return { pids: [], address: { text: first, road, name } };
}

/** Characters of its address that a channel gives to its memory. */
const LONGEST_OWN = 80;

function isRoad(text: string | undefined): text is Address["road"] {
  return ROADS.some((road) => road === text);
}

/** Leaves the channel and the processes at it. */
export function onlyAddress(rates: Rates, address: Address): Rates {
  const channels = rates.channels.filter(({ channel }) => matches(channel, address));
  const pids = new Set(channels.flatMap(({ channel }) => channel.ends.map(({ pid }) => pid)));
  return { ...rates, channels, processes: rates.processes.filter(({ process }) => pids.has(process.pid)) };
}

function matches({ id, kind, name }: ChannelRate["channel"], address: Address): boolean {
  switch (address.road) {
    case "pipe":
    case "sysv-queue":
      return id === address.text;
    case "fifo":
      return kind === "fifo" && name === address.name;
    case "unix":
      return kind === "unix-socket" && name === address.name;
    case "mq":
      return kind === "message-queue" && name === address.name;
    case "shm": {
      // A named segment, or the memory that a channel, a topic or a latest value of this library passes under that name.
      const bare = address.name.replace(/^\//, "");
      if (kind === "shared-memory") return name === `/${bare}`;
      const own = [`shm:${address.name}`.replaceAll("/", "_").slice(0, LONGEST_OWN), `latest:${address.name}`];
      return (kind === "memfd" || kind === "ring" || kind === "latest") && (own.includes(name) || name === `/${bare}`);
    }
  }
}
