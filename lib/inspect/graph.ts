/**
 * Who talks to whom: processes, and the channels between them.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { libc } from "../sys/libc.ts";
import { readChannels } from "./graph_channels.ts";
import type { GraphProcess, ProcessGraph } from "./graph_model.ts";
import { readSysvEnds } from "./graph_sysv.ts";
import { readSnapshot, type Snapshot } from "./snapshot.ts";

/** How {@linkcode processGraph} looks. */
export interface ProcessGraphOptions {
  /**
   * Processes to leave out, whoever talks to them: the one that asks, for example.
   * @default {[]}
   */
  readonly exclude?: readonly number[] | undefined;
  /**
   * Whether channels that one process alone has, or that lead nowhere, are in the graph too.
   * @default {false}
   */
  readonly alone?: boolean | undefined;
  /**
   * What was seen before; it must be of all processes, because anybody may be at the other end.
   * @default a new look at all processes
   */
  readonly snapshot?: Snapshot | undefined;
}

/**
 * `processGraph(pids)`: the given processes and all that they have started, directly or not, with every channel by which one of them can reach another
 * process. Without pids: all processes of this user that have such a channel.
 *
 * Channels are pipes, FIFOs, Unix sockets in pairs, shared memory of every kind, POSIX message queues, file locks that somebody waits for, and eventfds.
 * Of System V queues and semaphores, which nobody has open, those are in the graph who sent, received or operated last, marked as such, and who sleeps in a
 * call on one now. Who is at a channel but was not asked for is in the graph as `outside`. Not seen: network sockets, signals, plain files, and what other
 * users' processes have open, except by root.
 *
 * @throws {PosixError} ESRCH for a pid that is not there; ENOENT where /proc is not mounted.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, or read permission for /proc.
 *
 * @example This process and a child that writes to it
 * ```ts
 * import { assert } from "@std/assert";
 * import { command } from "@causeway/causeway";
 * import { processGraph } from "@causeway/causeway/inspect";
 *
 * await using child = command("cat", [], { stdin: "piped", stdout: "piped" }).spawn();
 * const { channels } = processGraph([child.pid]);
 * assert(channels.some(({ kind, ends }) => kind === "pipe" && ends.some(({ pid }) => pid === Deno.pid)));
 * ```
 *
 * @tags allow-ffi
 */
export function processGraph(pids: readonly number[] = [], options: ProcessGraphOptions = {}): ProcessGraph {
  const { alone = false, exclude = [], snapshot = readSnapshot() } = options;
  const left = new Set(exclude);
  for (const pid of pids) {
    if (!Number.isInteger(pid) || pid < 1) throw new RangeError(`pid must be an integer of at least 1, got ${pid}`);
    if (!snapshot.processes.has(pid)) throw new PosixError({ code: "ESRCH", syscall: "open", target: `/proc/${pid}` });
  }
  const asked = pids.length > 0 ? descendants(snapshot, pids) : ownProcesses(snapshot);
  for (const pid of left) asked.delete(pid);
  const sysv = readSysvEnds(snapshot);
  const channels = readChannels(snapshot, left, alone, sysv.ends).filter(({ ends }) =>
    ends.some(({ pid }) => asked.has(pid))
  );
  const shown = new Set(channels.flatMap(({ ends }) => ends.map(({ pid }) => pid)));
  if (pids.length > 0) { for (const pid of asked) shown.add(pid); }
  return { processes: processesOf(snapshot, shown, asked), channels, hidden: hiddenFrom(snapshot, asked, sysv.hidden) };
}

function descendants({ processes }: Snapshot, roots: readonly number[]): Set<number> {
  const children = Map.groupBy(processes.values(), ({ parent }) => parent);
  const found = new Set<number>();
  const todo = [...roots];
  for (let pid = todo.pop(); pid !== undefined; pid = todo.pop()) {
    if (found.has(pid)) continue;
    found.add(pid);
    for (const child of children.get(pid) ?? []) todo.push(child.pid);
  }
  return found;
}

function ownProcesses({ processes }: Snapshot): Set<number> {
  const uid = libc().geteuid();
  return new Set(Array.from(processes.values()).filter((each) => each.uid === uid).map(({ pid }) => pid));
}

function processesOf({ processes }: Snapshot, shown: ReadonlySet<number>, asked: ReadonlySet<number>): GraphProcess[] {
  return Array.from(shown).sort((left, right) => left - right).flatMap((pid) => {
    const process = processes.get(pid);
    if (process === undefined) return [];
    const { parent, name, commandLine } = process;
    return [{ pid, parent, program: name, command: commandLine, outside: !asked.has(pid) }];
  });
}

/** What may be missing from the picture. */
function hiddenFrom(snapshot: Snapshot, asked: ReadonlySet<number>, sets: number): string[] {
  const hidden = snapshot.hidden.filter(({ pid }) => asked.has(pid));
  const others = snapshot.hidden.length - hidden.length;
  const sentences: string[] = [];
  if (hidden.length > 0) {
    const list = hidden.slice(0, 5).map(({ pid, name }) => `${name} ${pid}`).join(", ");
    const more = hidden.length > 5 ? ` and ${hidden.length - 5} more` : "";
    sentences.push(
      `what ${list}${more} ${hidden.length === 1 ? "has" : "have"} open: the kernel does not let this user look`,
    );
  }
  if (others > 0) {
    sentences.push(
      `what ${others} other ${
        others === 1 ? "process has" : "processes have"
      } open: the kernel does not let this user look`,
    );
  }
  if (sets > 0) {
    const which = sets === 1 ? "a set" : `${sets} sets`;
    sentences.push(`who operated last on ${which} of System V semaphores: the kernel does not let this user ask`);
  }
  if (snapshot.unixSocketsError !== undefined) {
    sentences.push(`the pairs of Unix sockets: ${snapshot.unixSocketsError.message}`);
  }
  return sentences;
}
