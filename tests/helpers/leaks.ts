/** What the kernel counts for a process and the sanitizers of `deno test` never see. */
import { assertEquals } from "@std/assert";
import { isDeepStrictEqual } from "node:util";
import "./open_libc.ts";
import { childrenOfThisProcess, hasEnded } from "./processes.ts";

interface Census {
  descriptors: string[];
  mappings: string[];
  children: string[];
  sharedMemory: string[];
  sysv: string[];
}

/**
 * Runs a function and fails when it leaves something behind: a descriptor, a shared mapping, a child or zombie, a name in /dev/shm, a
 * System V id. What opens once per process (libc, the epoll thread, the signal pipe) is opened by `warmUp` or by a first call of `work`.
 *
 * A leak is for ever, so what is only late is waited for: the event loop may close in a later turn, and names of the whole machine
 * (of the children of an earlier test, or of somebody else) come and go.
 */
export async function noLeaks(work: () => Promise<void> | void, warmUp?: () => Promise<void> | void): Promise<void> {
  await (warmUp ?? work)();
  const before = await settled();
  await work();
  const deadline = Date.now() + PATIENCE;
  let left = added(before, census());
  while (left.length > 0 && Date.now() < deadline) {
    await pause();
    left = added(before, census());
  }
  assertEquals(left, [], "left behind");
}

/** Milliseconds that a loaded machine may take to end what is ending. */
const PATIENCE = 10_000;

/** The census once it stands still, so that nothing that is about to go hides what comes. */
async function settled(): Promise<Census> {
  const deadline = Date.now() + PATIENCE;
  let last = census();
  for (let same = 0; same < 3 && Date.now() < deadline;) {
    await pause();
    const next = census();
    same = isDeepStrictEqual(next, last) ? same + 1 : 0;
    last = next;
  }
  return last;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

/** What a census counts more of than the one before it. */
function added(before: Census, after: Census): string[] {
  return (Object.keys(after) as (keyof Census)[]).flatMap((kind) => {
    const known = [...before[kind]];
    return after[kind].filter((entry) => {
      const at = known.indexOf(entry);
      if (at >= 0) known.splice(at, 1);
      return at < 0;
    }).map((entry) => `${kind}: ${entry}`);
  });
}

function census(): Census {
  return {
    descriptors: descriptors(),
    mappings: sharedMappings(),
    children: childrenOfThisProcess().sort(),
    sharedMemory: [...Deno.readDirSync("/dev/shm")].map((entry) => entry.name).sort(),
    sysv: ["shm", "sem", "msg"].flatMap((kind) => sysvIds(kind)),
  };
}

/** Open descriptors, each with what it is; inode numbers are left out, so that an equal census means equal kinds. */
function descriptors(): string[] {
  const found: string[] = [];
  for (const entry of Deno.readDirSync("/proc/self/fd")) {
    try {
      const target = Deno.readLinkSync(`/proc/self/fd/${entry.name}`);
      // The directory that is being listed is itself a descriptor.
      if (!/^\/proc\/\d+\/fd$/.test(target)) found.push(target.replace(/\d+/g, "N"));
    } catch (error) {
      if (!hasEnded(error)) throw error;
    }
  }
  return found.sort();
}

function sharedMappings(): string[] {
  return Deno.readTextFileSync("/proc/self/maps").split("\n")
    .filter((line) => /^\S+ ..[-x]s /.test(line))
    .map((line) => line.split(/\s+/).slice(5).join(" ").replace(/\d+/g, "N"))
    .sort();
}

function sysvIds(kind: string): string[] {
  return Deno.readTextFileSync(`/proc/sysvipc/${kind}`).trim().split("\n").slice(1)
    .map((line) => `${kind} ${line.trim().split(/\s+/).slice(0, 2).join(" ")}`);
}
