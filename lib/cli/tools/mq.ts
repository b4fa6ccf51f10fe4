/**
 * `causeway mq`: POSIX message queues from the command line. There is no classic tool for them.
 *
 * @see {@link https://man7.org/linux/man-pages/man7/mq_overview.7.html mq_overview(7)}
 * @module
 */

import { PosixError } from "../../errors.ts";
import type { MessageQueue, QueueMessage } from "../../queue/message_queue.ts";
import { createMessageQueue, openMessageQueue, unlinkMessageQueue } from "../../queue/posix.ts";
import { CommandError, UsageError } from "../command_line.ts";
import { type Options, parseOptions } from "../options.ts";
import { print, printBytes, printJson } from "../output.ts";
import { table } from "../table.ts";
import { withSlash } from "./object_name.ts";
import { timeLimit, untilTimeout, wholeNumber } from "./time_limit.ts";
import { verb } from "./verbs.ts";

/** What `mq receive --json` prints. */
export interface MessageReport {
  /** The priority that the message was sent with. */
  readonly priority: number;
  /** The message as text; `null` when it is no UTF-8. */
  readonly text: string | null;
  /** The message, byte for byte. */
  readonly base64: string;
}

/** What `mq ls --json` prints, for each queue. */
export interface QueueReport {
  /** Its name. */
  readonly name: string;
  /** Messages in it, and most that it holds; `null` when this user may not open it. */
  readonly messages: number | null;
  readonly maxMessages: number | null;
  /** Bytes in it, and most bytes of one message. */
  readonly bytes: number | null;
  readonly messageSize: number | null;
}

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  return await verb("mq", args, { create, send, receive, ls, rm, watch });
}

async function create(args: readonly string[]): Promise<number> {
  const values = ["max-messages", "message-size", "mode"] as const;
  const options = await parseOptions("mq create", args, { flags: [], values });
  const name = onlyName("mq create", options);
  createMessageQueue(name, {
    maxMessages: wholeNumber("mq create", options, "max-messages"),
    messageSize: wholeNumber("mq create", options, "message-size"),
    mode: wholeNumber("mq create", options, "mode", 8),
  }).close();
  return 0;
}

async function send(args: readonly string[]): Promise<number> {
  const options = await parseOptions("mq send", args, { flags: [], values: ["priority", "timeout"] });
  const [name, message = "-", extra] = options.words;
  if (name === undefined || extra !== undefined) throw new UsageError("mq send: NAME [MESSAGE], got " + count(options));
  const priority = wholeNumber("mq send", options, "priority");
  const timeoutMs = timeLimit("mq send", options);
  using queue = openMessageQueue(withSlash(name), { access: "send", owner: "any" });
  const bytes = message === "-" ? await standardInput() : new TextEncoder().encode(message);
  return await untilTimeout("mq send", () => queue.send(bytes, { priority, timeoutMs }));
}

async function receive(args: readonly string[]): Promise<number> {
  const flags = ["json", "raw"] as const;
  const options = await parseOptions("mq receive", args, { flags, values: ["timeout"] });
  if (options.flags.json && options.flags.raw) throw new UsageError("mq receive: --json or --raw, not both");
  const name = onlyName("mq receive", options);
  const timeoutMs = timeLimit("mq receive", options);
  using queue = openMessageQueue(name, { access: "receive", owner: "any" });
  return await untilTimeout("mq receive", async () => {
    const message = await queue.receive({ timeoutMs });
    if (options.flags.json) printJson(report(message));
    else printBytes(message.bytes);
    if (!options.flags.json && !options.flags.raw) print("\n");
  });
}

async function ls(args: readonly string[]): Promise<number> {
  const { flags, words } = await parseOptions("mq ls", args, { flags: ["json"] });
  if (words.length > 0) throw new UsageError(`mq ls: takes no argument, got ${JSON.stringify(words[0])}`);
  const { listMessageQueues } = await import("../../queue/posix_list.ts");
  const queues = listMessageQueues();
  if (queues === undefined) {
    const help = "mkdir -p /dev/mqueue && mount -t mqueue none /dev/mqueue";
    throw new CommandError(`mq ls: no mqueue file system is mounted, and nothing else lists queues: ${help}`, 1);
  }
  const reports = queues.map(({ name, bytes = null }) => queueReport(name, bytes));
  if (flags.json) printJson(reports);
  else if (reports.length > 0) print(queueTable(reports));
  return 0;
}

async function rm(args: readonly string[]): Promise<number> {
  const { words } = await parseOptions("mq rm", args, { flags: [] });
  if (words.length === 0) throw new UsageError("mq rm: NAME...");
  for (const name of words) unlinkMessageQueue(withSlash(name));
  return 0;
}

async function watch(args: readonly string[]): Promise<number> {
  const options = await parseOptions("mq watch", args, { flags: ["json"], values: ["count"] });
  const name = onlyName("mq watch", options);
  const times = wholeNumber("mq watch", options, "count") ?? Infinity;
  using queue = openMessageQueue(name, { access: "receive", owner: "any" });
  for (let seen = 0; seen < times; seen++) {
    const arrived = queue.arrival();
    // A registration that was refused has failed by now: nothing is watched then.
    await Promise.race([arrived, new Promise((resolve) => setTimeout(resolve))]);
    if (seen === 0) announce(queue, "watching", options.flags.json);
    await arrived;
    announce(queue, "arrived", options.flags.json);
  }
  return 0;
}

/** One line for each event, so that a program can read them as they come. */
function announce({ name, attributes: { messages } }: MessageQueue, event: string, json: boolean): void {
  const time = new Date().toISOString();
  print(
    json ? `${JSON.stringify({ time, event, name, messages })}\n` : `${time} ${event} ${name} messages=${messages}\n`,
  );
}

function onlyName(command: string, { words }: Options<string, string>): string {
  const [name, extra] = words;
  if (name === undefined) throw new UsageError(`${command}: which queue?`);
  if (extra !== undefined) throw new UsageError(`${command}: one queue at a time, got also ${JSON.stringify(extra)}`);
  return withSlash(name);
}

function count({ words }: Options<string, string>): string {
  return `${words.length} arguments`;
}

async function standardInput(): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(Deno.stdin.readable).arrayBuffer());
}

function report({ bytes, priority }: QueueMessage): MessageReport {
  return { priority, text: utf8(bytes), base64: bytes.toBase64() };
}

function utf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return null;
    throw error;
  }
}

function queueReport(name: string, bytes: number | null): QueueReport {
  try {
    using queue = openMessageQueue(name, { access: "receive", owner: "any" });
    return { name, bytes, ...queue.attributes };
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    // Another user's, or unlinked since the list was made: its name is all there is to say.
    return { name, bytes, messages: null, maxMessages: null, messageSize: null };
  }
}

function queueTable(reports: readonly QueueReport[]): string {
  const cell = (value: number | null) => value === null ? "-" : String(value);
  const rows = reports.map(({ name, messages, maxMessages, bytes, messageSize }) => [
    cell(messages),
    cell(maxMessages),
    cell(bytes),
    cell(messageSize),
    name,
  ]);
  return table([["messages", "max", "bytes", "message-size", "name"], ...rows], { right: [0, 1, 2, 3] });
}
