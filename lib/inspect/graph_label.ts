/**
 * Words of a picture. What a process calls itself is up to it: each format escapes what it would take for its own syntax.
 *
 * @module
 */

import type { ChannelKind, GraphChannel, GraphProcess } from "./graph_model.ts";

/** Longest name in a picture, in characters: a path of 4096 bytes would be the picture. */
const LONGEST = 60;

const KIND_WORDS: Readonly<Record<ChannelKind, string>> = {
  "pipe": "pipe",
  "fifo": "FIFO",
  "unix-socket": "Unix socket",
  "shared-memory": "shared memory",
  "memfd": "memfd",
  "sysv-memory": "System V memory",
  "mapped-file": "mapped file",
  "message-queue": "message queue",
  "sysv-queue": "System V queue",
  "sysv-semaphores": "System V semaphores",
  "lock": "lock",
  "eventfd": "eventfd",
};

/** What a kind of channel is called. */
export function kindWords(kind: ChannelKind): string {
  return KIND_WORDS[kind];
}

/** A channel in a few words: `FIFO /tmp/jobs`. */
export function channelLabel({ kind, name }: Pick<GraphChannel, "kind" | "name">): string {
  return `${KIND_WORDS[kind]} ${visible(short(name))}`.trimEnd();
}

/** A process in two words: `cat 4711`. */
export function processLabel({ program, pid }: GraphProcess): string {
  return `${visible(short(program)) || "?"} ${pid}`;
}

/**
 * Text in which everything can be seen: control characters, line ends, and the characters that turn the direction of writing around or are
 * nothing to see, stand as `\u{…}`.
 */
export function visible(text: string): string {
  return text.replace(
    /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

/** Text for XML and HTML, attributes included. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** The end of a path tells more than its beginning. */
function short(text: string): string {
  const characters = Array.from(text);
  return characters.length <= LONGEST ? text : `…${characters.slice(1 - LONGEST).join("")}`;
}
