/**
 * POSIX message queues: those in the mqueue file system where it is mounted, and those that some process has open, wherever.
 *
 * @module
 */

import { messageQueueDirectory } from "../queue/posix_list.ts";
import { libc } from "../sys/libc.ts";
import { MQ, O } from "../sys/linux.ts";
import { cString } from "../sys/memory.ts";
import { requireRead } from "../sys/permission.ts";
import type { Listing } from "./listing.ts";
import type { MessageQueueObject } from "./object.ts";
import { type FileStatus, readNames, readStart, status } from "./proc.ts";

/** POSIX message queues of this IPC namespace; without a mounted mqueue file system, those that somebody has open. */
export function messageQueues(listing: Listing): MessageQueueObject[] {
  const directory = messageQueueDirectory();
  const found: MessageQueueObject[] = [];
  const listed = new Set<string>();
  if (directory === undefined) {
    listing.notes.push(
      "message queues that no process has open are not listed: no mqueue file system is mounted " +
        "(mkdir -p /dev/mqueue && mount -t mqueue none /dev/mqueue)",
    );
  } else {
    requireRead(directory);
    const names = readNames(directory);
    for (const name of typeof names === "number" ? [] : names) {
      const facts = status(`${directory}/${name}`, false);
      if (typeof facts === "number") continue;
      listed.add(facts.identity);
      found.push(queue(listing, `/${name}`, `${directory}/${name}`, facts));
    }
  }
  for (const [object, [first]] of listing.holders.open()) {
    if (first?.kind !== "message-queue" || listed.has(object)) continue;
    const path = `/proc/${first.pid}/fd/${first.number}`;
    const facts = status(path, true);
    // From the root of its own file system: what it shows is the name, wherever that is mounted.
    const name = `/${first.target.slice(first.target.lastIndexOf("/") + 1)}`;
    if (typeof facts !== "number") found.push(queue(listing, name, path, facts));
  }
  return found;
}

function queue(listing: Listing, name: string, path: string, facts: FileStatus): MessageQueueObject {
  const attributes = attributesOf(path);
  const bytes = attributes === undefined ? undefined : queuedBytes(path);
  return {
    kind: "message-queue",
    id: facts.identity,
    name,
    mode: facts.mode,
    uid: facts.uid,
    owner: listing.owner(facts.uid),
    byteLength: attributes && attributes.maxMessages * attributes.messageSize,
    createdAt: undefined,
    holders: listing.holders.of(facts.identity),
    ours: false,
    stale: undefined,
    messages: attributes?.messages,
    maxMessages: attributes?.maxMessages,
    messageSize: attributes?.messageSize,
    queued: bytes,
  };
}

/** Opening its file opens the queue, and takes nothing out of it. */
function attributesOf(path: string): { messages: number; maxMessages: number; messageSize: number } | undefined {
  const raw = libc().open(cString(path, "path"), O.RDONLY | O.NONBLOCK | O.CLOEXEC, 0);
  if (raw === -1) return undefined;
  const view = new DataView(new ArrayBuffer(MQ.attr.byteLength));
  const result = libc().mq_getattr(raw, view);
  libc().close(raw);
  if (result === -1) return undefined;
  const long = (offset: number) => Number(view.getBigInt64(offset, true));
  return {
    messages: long(MQ.attr.curmsgs),
    maxMessages: long(MQ.attr.maxmsg),
    messageSize: long(MQ.attr.msgsize),
  };
}

/** The file tells `QSIZE:129  NOTIFY:0 …`. */
function queuedBytes(path: string): number | undefined {
  const bytes = readStart(path, 32);
  if (typeof bytes === "number") return undefined;
  const text = /^QSIZE:(\d+)/.exec(new TextDecoder().decode(bytes))?.[1];
  return text === undefined ? undefined : Number(text);
}
