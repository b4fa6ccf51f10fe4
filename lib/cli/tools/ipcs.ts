/**
 * `causeway ipcs`: the System V objects of this machine, as ipcs(1) of util-linux shows them.
 *
 * @see {@link https://man7.org/linux/man-pages/man1/ipcs.1.html ipcs(1)}
 * @module
 */

import { PosixError } from "../../errors.ts";
import { listSysvMemory } from "../../memory/sysv_list.ts";
import { listSysvQueues } from "../../queue/sysv_list.ts";
import { listSysvSemaphores } from "../../sync/sysv_list.ts";
import { HelpRequested } from "../command_line.ts";
import { print } from "../output.ts";
import { ClassicError, classicTool, complain, reasonOf, VersionRequested } from "./classic.ts";
import { getopt, type OptionSpec } from "./getopt.ts";
import { type ListFormat, memoryTable, queueTable, semaphoreTable } from "./ipcs_lists.ts";
import type { Unit } from "./ipcs_text.ts";
import { int32 } from "./numbers.ts";

const OPTIONS = [
  { key: "id", names: "-i --id", value: "required" },
  { key: "shm", names: "-m --shmems" },
  { key: "msg", names: "-q --queues" },
  { key: "sem", names: "-s --semaphores" },
  { key: "all", names: "-a --all" },
  { key: "time", names: "-t --time" },
  { key: "pid", names: "-p --pid" },
  { key: "creator", names: "-c --creator" },
  { key: "limits", names: "-l --limits" },
  { key: "summary", names: "-u --summary" },
  { key: "human", names: "--human" },
  { key: "bytes", names: "-b --bytes" },
  { key: "help", names: "-h --help" },
  { key: "version", names: "-V --version" },
] as const satisfies readonly OptionSpec[];

type Kind = "msg" | "shm" | "sem";

interface Request {
  readonly kinds: readonly Kind[];
  readonly format: ListFormat | "limits" | "summary";
  readonly unit: Unit;
  readonly id: number | undefined;
}

/** Runs the tool. */
export function run(args: readonly string[]): Promise<number> {
  return classicTool({ name: "ipcs" }, () => ipcs(args));
}

async function ipcs(args: readonly string[]): Promise<number> {
  const { kinds, format, unit, id } = requestOf(args);
  const [kind, another] = kinds;
  if (id === undefined) {
    const parts: string[] = [];
    for (const each of kinds.length > 0 ? kinds : ALL) parts.push(`${await configured(each, format, unit)}\n`);
    print(`\n${parts.join("")}`);
    return 0;
  }
  if (kind === undefined || another !== undefined) {
    throw new ClassicError("when using an ID, a single resource must be specified");
  }
  const text = await details(kind, id, unit);
  if (text === undefined) complain("ipcs", `id ${id} not found`);
  else print(text);
  return 0;
}

/** In the order in which they are shown. */
const ALL: readonly Kind[] = ["msg", "shm", "sem"];
const NAMES = { msg: "message queues", shm: "shared memory", sem: "semaphores" } as const;

function requestOf(args: readonly string[]): Request {
  const chosen = new Set<Kind>();
  let [format, unit, id]: [Request["format"], Unit, number | undefined] = ["default", "default", undefined];
  for (const { key, value } of getopt(args, OPTIONS).given) {
    if (key === "help") throw new HelpRequested();
    if (key === "version") throw new VersionRequested();
    if (key === "id") id = int32(value, "failed to parse id argument");
    else if (key === "all") ALL.forEach((kind) => chosen.add(kind));
    else if (key === "msg" || key === "shm" || key === "sem") chosen.add(key);
    else if (key === "human" || key === "bytes") unit = key;
    else format = key;
  }
  return { kinds: ALL.filter((kind) => chosen.has(kind)), format, unit, id };
}

async function configured(kind: Kind, format: Request["format"], unit: Unit): Promise<string> {
  try {
    return format === "limits" || format === "summary" ? await totals(kind, format, unit) : list(kind, format, unit);
  } catch (error) {
    if (error instanceof PosixError && (error.code === "ENOENT" || error.code === "ENOSYS")) {
      return `kernel not configured for ${NAMES[kind]}\n`;
    }
    throw error;
  }
}

function list(kind: Kind, format: ListFormat, unit: Unit): string {
  switch (kind) {
    case "msg":
      return queueTable(listSysvQueues(), format, unit);
    case "shm":
      return memoryTable(listSysvMemory(), format, unit);
    case "sem":
      return semaphoreTable(listSysvSemaphores(), format);
  }
}

async function totals(kind: Kind, format: "limits" | "summary", unit: Unit): Promise<string> {
  const show = await import("./ipcs_totals.ts");
  const limits = format === "limits";
  switch (kind) {
    case "msg":
      return limits ? show.queueLimits(unit) : show.queueStatus(unit);
    case "shm":
      return limits ? show.memoryLimits(unit) : show.memoryStatus();
    case "sem":
      return limits ? show.semaphoreLimits() : show.semaphoreStatus();
  }
}

async function details(kind: Kind, id: number, unit: Unit): Promise<string | undefined> {
  const show = await import("./ipcs_details.ts");
  try {
    switch (kind) {
      case "msg":
        return show.queueDetails(id, unit);
      case "shm":
        return show.memoryDetails(id, unit);
      case "sem":
        return show.semaphoreDetails(id);
    }
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    throw new ClassicError(`${error.syscall} failed: ${reasonOf(error)}`, undefined, { cause: error });
  }
}
