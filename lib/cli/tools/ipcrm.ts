/**
 * `causeway ipcrm`: removes System V objects by id or key, and POSIX ones by name, as ipcrm(1) of util-linux.
 *
 * @see {@link https://man7.org/linux/man-pages/man1/ipcrm.1.html ipcrm(1)}
 * @module
 */

import { PosixError } from "../../errors.ts";
import { isReadableSysvMemory, listSysvMemory, removeSysvMemory, sysvMemoryId } from "../../memory/sysv_list.ts";
import { isReadableSysvQueue, listSysvQueues, removeSysvQueue, sysvQueueId } from "../../queue/sysv_list.ts";
import {
  isReadableSysvSemaphores,
  listSysvSemaphores,
  removeSysvSemaphores,
  sysvSemaphoresId,
} from "../../sync/sysv_list.ts";
import { HelpRequested } from "../command_line.ts";
import { print } from "../output.ts";
import { ClassicError, classicTool, ClassicUsageError, complain, reasonOf, VersionRequested } from "./classic.ts";
import { getopt, type OptionSpec } from "./getopt.ts";
import { int32, key32 } from "./numbers.ts";

const OPTIONS = [
  { key: "shm", names: "-m --shmem-id", value: "required" },
  { key: "shmKey", names: "-M --shmem-key", value: "required" },
  { key: "pshm", names: "--posix-shmem", value: "required" },
  { key: "msg", names: "-q --queue-id", value: "required" },
  { key: "msgKey", names: "-Q --queue-key", value: "required" },
  { key: "pmsg", names: "--posix-mqueue", value: "required" },
  { key: "sem", names: "-s --semaphore-id", value: "required" },
  { key: "semKey", names: "-S --semaphore-key", value: "required" },
  { key: "psem", names: "--posix-semaphore", value: "required" },
  { key: "all", names: "-a --all", value: "optional" },
  { key: "verbose", names: "-v --verbose" },
  { key: "help", names: "-h --help" },
  { key: "version", names: "-V --version" },
] as const satisfies readonly OptionSpec[];

/** A kind of System V object. */
interface SysvKind {
  readonly title: string;
  /** Those that this user may look at: `-a` passes over the others in silence. */
  ids(): number[];
  idOf(key: number): number;
  remove(id: number): void;
}

const SYSV: Readonly<Record<"shm" | "msg" | "sem", SysvKind>> = {
  shm: {
    title: "shared memory segment",
    ids: () => listSysvMemory().map(({ id }) => id).filter(isReadableSysvMemory),
    idOf: sysvMemoryId,
    remove: removeSysvMemory,
  },
  msg: {
    title: "message queue",
    ids: () => listSysvQueues().map(({ id }) => id).filter(isReadableSysvQueue),
    idOf: sysvQueueId,
    remove: removeSysvQueue,
  },
  sem: {
    title: "semaphore",
    ids: () => listSysvSemaphores().map(({ id }) => id).filter(isReadableSysvSemaphores),
    idOf: sysvSemaphoresId,
    remove: removeSysvSemaphores,
  },
};

type Given = { key: typeof OPTIONS[number]["key"]; value: string; hasValue: boolean };

/** Runs the tool. */
export function run(args: readonly string[]): Promise<number> {
  return classicTool({ name: "ipcrm" }, () => ipcrm(args));
}

async function ipcrm(args: readonly string[]): Promise<number> {
  const [first, ...rest] = args;
  if (first === undefined) return 0;
  if (first === "shm" || first === "msg" || first === "sem") return byList(SYSV[first], rest);
  const { given, operands } = getopt(args, OPTIONS);
  let [verbose, failures, all] = [false, 0, undefined as string | undefined];
  for (const option of given) {
    if (option.key === "help") throw new HelpRequested();
    if (option.key === "version") throw new VersionRequested();
    if (option.key === "verbose") verbose = true;
    else if (option.key === "all") all = category(option);
    else if (!await removeOne(option.key, option.value, verbose)) failures++;
  }
  if (all !== undefined && !await removeAll(all, verbose)) failures++;
  const [extra] = operands;
  if (extra !== undefined) throw new ClassicUsageError(`unknown argument: ${extra}`);
  return failures === 0 ? 0 : 1;
}

/** The way of before there were options: `ipcrm shm 1 2`. */
function byList(kind: SysvKind, words: readonly string[]): number {
  if (words.length === 0) throw new ClassicUsageError("not enough arguments");
  let failures = 0;
  for (const word of words) {
    if (!/^\s*([+-]?\d+)?$/.test(word)) {
      complain("ipcrm", `invalid id: ${word}`);
      failures++;
    } else if (!removeId(kind, Number(word) | 0, "id", false)) failures++;
  }
  if (failures > 0) return 1;
  print("resource(s) deleted\n");
  return 0;
}

async function removeOne(key: Given["key"], value: string, verbose: boolean): Promise<boolean> {
  switch (key) {
    case "shm":
    case "msg":
    case "sem":
      return removeId(SYSV[key], int32(value, "failed to parse argument"), "id", verbose);
    case "shmKey":
      return removeKey(SYSV.shm, value, verbose);
    case "msgKey":
      return removeKey(SYSV.msg, value, verbose);
    case "semKey":
      return removeKey(SYSV.sem, value, verbose);
    case "pshm":
    case "pmsg":
    case "psem": {
      const { removeName } = await import("./ipcrm_names.ts");
      return removeName(key, value, verbose);
    }
    default:
      return true;
  }
}

function removeId(kind: SysvKind, id: number, what: "id" | "key", verbose: boolean): boolean {
  if (verbose) print(`removing ${kind.title} id \`${id}'\n`);
  const reasons = { EACCES: "permission denied for", EPERM: "permission denied for", EINVAL: "invalid" };
  return attempt(() => kind.remove(id), { ...reasons, EIDRM: "already removed" }, what, String(id)) !== undefined;
}

function removeKey(kind: SysvKind, text: string, verbose: boolean): boolean {
  const key = key32(text, "failed to parse argument");
  if (key === 0) {
    complain("ipcrm", `illegal key (${text})`);
    return false;
  }
  const reasons = { EACCES: "permission denied for", EIDRM: "already removed", ENOENT: "invalid" };
  const found = attempt(() => kind.idOf(key), reasons, "key", text);
  return found !== undefined && removeId(kind, found.result, "key", verbose);
}

/** What a call returned; `undefined` after a failure that is no reason to stop. */
function attempt<Result>(
  call: () => Result,
  reasons: Readonly<Record<string, string>>,
  what: "id" | "key",
  text: string,
): { result: Result } | undefined {
  try {
    return { result: call() };
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    const reason = reasons[error.code];
    if (reason === undefined) {
      throw new ClassicError(`${what} failed: ${reasonOf(error)}`, undefined, { cause: error });
    }
    complain("ipcrm", `${reason} ${what} (${text})`);
    return undefined;
  }
}

const CATEGORIES = ["shm", "pshm", "msg", "pmsg", "sem", "psem"];

function category({ value, hasValue }: Given): string {
  if (hasValue && !CATEGORIES.includes(value)) throw new ClassicError(`unknown argument: ${value}`);
  return value;
}

/** Everything of a category; without one, every System V object, and no POSIX one: other programs' names are theirs. */
async function removeAll(what: string, verbose: boolean): Promise<boolean> {
  if (what.startsWith("p")) {
    const { removeAllNames } = await import("./ipcrm_names.ts");
    return removeAllNames(what, verbose);
  }
  const kinds = (["shm", "sem", "msg"] as const).filter((kind) => what === "" || what === kind);
  const removed = kinds.flatMap((kind) => SYSV[kind].ids().map((id) => removeId(SYSV[kind], id, "id", verbose)));
  return !removed.includes(false);
}
