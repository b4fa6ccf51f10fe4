/**
 * What `causeway ls` was asked for.
 *
 * @module
 */

import { OBJECT_KINDS, type ObjectKind } from "../../inspect/object.ts";
import { HelpRequested, suggestion, UsageError } from "../command_line.ts";
import { withSuggestion } from "../options_classic.ts";
import { parseDuration } from "../tools/duration.ts";
import { getopt, type OptionSpec } from "../tools/getopt.ts";
import { SORT_KEYS, type SortKey } from "./choose.ts";

const OPTIONS = [
  { key: "kind", names: "-k --kind", value: "required" },
  { key: "owner", names: "-u --owner", value: "required" },
  { key: "pid", names: "-p --pid", value: "required" },
  { key: "name", names: "-n --name", value: "required" },
  { key: "stale", names: "--stale" },
  { key: "ours", names: "--ours" },
  { key: "dir", names: "-d --dir", value: "required" },
  { key: "sort", names: "-s --sort", value: "required" },
  { key: "reverse", names: "-r --reverse" },
  { key: "holders", names: "-v --holders" },
  { key: "json", names: "-j --json" },
  { key: "watch", names: "-w --watch", value: "optional" },
  { key: "help", names: "-h --help" },
] as const satisfies readonly OptionSpec[];

/** What was asked for. */
export interface Request {
  /** Kinds of objects; every kind when empty. */
  readonly kinds: readonly ObjectKind[];
  /** Names or ids of users, as they were typed; any when empty. */
  readonly owners: readonly string[];
  /** Holders; any when empty. */
  readonly pids: readonly number[];
  /** Patterns for names; any name, or none, when empty. */
  readonly names: readonly string[];
  readonly stale: boolean;
  readonly ours: boolean;
  /** Directories in which names are looked for. */
  readonly directories: readonly string[];
  readonly sort: SortKey | undefined;
  readonly reverse: boolean;
  /** A line for every holder. */
  readonly holders: boolean;
  readonly json: boolean;
  /** Milliseconds between two looks; `undefined` for one look. */
  readonly watchMs: number | undefined;
}

/** Kinds by what people call them. */
const GROUPS: Readonly<Record<string, readonly ObjectKind[]>> = {
  memory: ["shared-memory", "memfd", "mapped-file", "anonymous-memory", "sysv-memory"],
  semaphores: ["semaphore", "sysv-semaphores"],
  queues: ["message-queue", "sysv-queue"],
  sysv: ["sysv-memory", "sysv-semaphores", "sysv-queue"],
  posix: ["shared-memory", "semaphore", "message-queue"],
  streams: ["pipe", "fifo", "unix-socket"],
  locks: ["file-lock", "futex"],
  shm: ["shared-memory"],
  mq: ["message-queue"],
  sem: ["semaphore"],
  socket: ["unix-socket"],
  lock: ["file-lock"],
};

const WATCH_MS = 2000;

/**
 * Reads the words after the command's name.
 *
 * @throws {UsageError | HelpRequested}
 */
export async function readRequest(args: readonly string[]): Promise<Request> {
  try {
    return await read(args);
  } catch (error) {
    throw await withSuggestion("ls", error, OPTIONS);
  }
}

async function read(args: readonly string[]): Promise<Request> {
  const { given, operands } = getopt(args, OPTIONS);
  const has = (key: string) => given.some((one) => one.key === key);
  const all = (key: string) => given.filter((one) => one.key === key).map(({ value }) => value);
  if (has("help")) throw new HelpRequested();
  const words = [...operands, ...all("kind")].flatMap((word) => word.split(","));
  const kinds = (await Promise.all(words.map(kindsOf))).flat();
  return {
    kinds: OBJECT_KINDS.filter((kind) => kinds.includes(kind)),
    owners: all("owner"),
    pids: all("pid").flatMap((word) => word.split(",")).map(pid),
    names: all("name"),
    stale: has("stale"),
    ours: has("ours"),
    directories: all("dir"),
    sort: await sortKey(all("sort").at(-1)),
    reverse: has("reverse"),
    holders: has("holders"),
    json: has("json"),
    watchMs: has("watch") ? interval(given.findLast(({ key }) => key === "watch")?.value ?? "") : undefined,
  };
}

/** A kind or a group, in the singular or the plural. */
async function kindsOf(word: string): Promise<readonly ObjectKind[]> {
  const forms = [word, word.replace(/s$/, ""), `${word}s`, word.replace(/y$/, "ies"), word.replace(/ies$/, "y")];
  for (const form of forms) {
    const kind = OBJECT_KINDS.find((known) => known === form);
    if (kind !== undefined) return [kind];
    const group = GROUPS[form];
    if (group !== undefined) return group;
  }
  const known = [...OBJECT_KINDS, ...Object.keys(GROUPS)];
  throw new UsageError(`ls: there is no kind ${JSON.stringify(word)}: ${await suggestion(word, known)}`);
}

async function sortKey(word: string | undefined): Promise<SortKey | undefined> {
  const found = SORT_KEYS.find((key) => key === word);
  if (word === undefined || found !== undefined) return found;
  throw new UsageError(
    `ls: nothing to sort by is called ${JSON.stringify(word)}: ${await suggestion(word, SORT_KEYS)}`,
  );
}

function pid(word: string): number {
  if (/^[1-9]\d*$/.test(word)) return Number(word);
  throw new UsageError(`ls: --pid takes the number of a process, got ${JSON.stringify(word)}`);
}

function interval(word: string): number {
  if (word === "") return WATCH_MS;
  const ms = /^(\d+\.?\d*|\.\d+)[smhd]?$/.test(word) ? parseDuration(word) : NaN;
  if (ms >= 100 && ms <= 86_400_000) return ms;
  throw new UsageError(`ls: --watch takes 0.1 seconds to 1 day, got ${JSON.stringify(word)}`);
}
