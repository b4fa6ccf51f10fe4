/**
 * Words in shared memory for which threads wait: mutexes, conditions, doorbells, of this library or any other.
 *
 * The kernel says in which system call a thread sleeps, and with which arguments, to who may trace the process. Words in private memory (`FUTEX_PRIVATE_FLAG`,
 * the threads of one process among themselves) are left out.
 *
 * @see {@link https://man7.org/linux/man-pages/man5/proc_pid_syscall.5.html proc_pid_syscall(5)}
 * @module
 */

import { platform } from "../sys/platform.ts";
import type { Listing } from "./listing.ts";
import type { SharedMapping } from "./mappings.ts";
import type { FutexObject } from "./object.ts";
import { threadsOf } from "./processes.ts";
import { isDenied, readAt, readText } from "./proc.ts";

const PRIVATE_FLAG = 128;
/** The command without flags: FUTEX_WAIT, LOCK_PI, WAIT_BITSET, WAIT_REQUEUE_PI, LOCK_PI2. */
const WAITING_COMMANDS: ReadonlySet<number> = new Set([0, 6, 9, 11, 13]);
const COMMAND_MASK = 127;
/** `struct futex_waitv`: value 8 bytes, address 8, flags 4, reserved 4. */
const WAITV = { byteLength: 24, address: 8, flags: 16, most: 128 } as const;

interface Word {
  readonly memory: string;
  readonly target: string;
  readonly offset: number;
  readonly waiters: Map<number, number>;
}

/** Every word in shared memory for which somebody waits. */
export function futexes(listing: Listing): FutexObject[] {
  const words = new Map<string, Word>();
  const denied: number[] = [];
  for (const [pid, mappings] of byProcess(listing.snapshot.mappings)) {
    for (const thread of threadsOf(pid)) {
      const call = readText(`/proc/${pid}/task/${thread}/syscall`);
      if (typeof call === "number") {
        if (!isDenied(call)) continue;
        denied.push(pid);
        break;
      }
      for (const address of addressesOf(pid, call)) note(words, pid, address, mappings);
    }
  }
  if (denied.length > 0) {
    const processes = denied.length === 1 ? "1 process" : `${denied.length} processes`;
    listing.notes.push(`futex waits of ${processes} are hidden: only who may trace a process sees its system calls`);
  }
  return [...words].map(([id, { memory, target, offset, waiters }]) => ({
    kind: "futex",
    id,
    name: `${target}+0x${offset.toString(16)}`,
    mode: undefined,
    uid: undefined,
    owner: undefined,
    byteLength: 4,
    createdAt: undefined,
    holders: [...waiters.keys()].map((pid) => listing.holders.holder(pid, { mapped: true, waiting: true })),
    ours: false,
    stale: undefined,
    memory,
    offset,
    waiters: [...waiters.values()].reduce((sum, count) => sum + count, 0),
  }));
}

/** The words for which a thread waits. `202 0x7f…20 0x0 0x2 …`: the call and its arguments; `running` for none. */
function* addressesOf(pid: number, call: string): Generator<bigint> {
  const { SYS } = platform();
  const [number, ...args] = call.trim().split(" ");
  const [first = "0", second = "0"] = args;
  if (Number(number) === SYS.futex) {
    const operation = Number(second);
    if ((operation & PRIVATE_FLAG) === 0 && WAITING_COMMANDS.has(operation & COMMAND_MASK)) yield BigInt(first);
  } else if (Number(number) === SYS.futex_waitv) {
    const count = Math.min(Number(second), WAITV.most);
    const bytes = readAt(`/proc/${pid}/mem`, BigInt(first), count * WAITV.byteLength);
    if (typeof bytes === "number") return;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    for (let at = 0; at + WAITV.byteLength <= view.byteLength; at += WAITV.byteLength) {
      if ((view.getUint32(at + WAITV.flags, true) & PRIVATE_FLAG) === 0) {
        yield view.getBigUint64(at + WAITV.address, true);
      }
    }
  }
}

/** Notes a waiter, when the word is in shared memory. */
function note(words: Map<string, Word>, pid: number, address: bigint, mappings: readonly SharedMapping[]): void {
  const mapping = mappings.find(({ start, end }) => address >= start && address < end);
  if (mapping === undefined) return;
  const offset = Number(address - mapping.start + mapping.offset);
  const memory = mapping.kind === "sysv-memory" ? `sysv-memory:${mapping.inode}` : mapping.object;
  const id = `futex:${memory}+${offset}`;
  const word = words.get(id) ?? { memory, target: mapping.target, offset, waiters: new Map<number, number>() };
  word.waiters.set(pid, (word.waiters.get(pid) ?? 0) + 1);
  words.set(id, word);
}

/** Mappings that can hold such a word, by process: nobody writes to the others, so nobody wakes. */
function byProcess(mappings: readonly SharedMapping[]): Map<number, SharedMapping[]> {
  const found = new Map<number, SharedMapping[]>();
  for (const mapping of mappings) {
    if (mapping.kind === "file" && mapping.direction === "read") continue;
    const own = found.get(mapping.pid);
    if (own === undefined) found.set(mapping.pid, [mapping]);
    else own.push(mapping);
  }
  return found;
}
