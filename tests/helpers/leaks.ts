/** What the kernel counts for a process and the sanitizers of `deno test` never see. */
import { assertEquals } from "@std/assert";
import "./open_libc.ts";

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
 */
export async function noLeaks(work: () => Promise<void> | void, warmUp?: () => Promise<void> | void): Promise<void> {
  await (warmUp ?? work)();
  await settle();
  const before = census();
  await work();
  await settle();
  assertEquals(census(), before);
}

/** Lets the event loop finish what it closes in a later turn. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 2));
}

function census(): Census {
  return {
    descriptors: descriptors(),
    mappings: sharedMappings(),
    children: children(),
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
      if (!(error instanceof Deno.errors.NotFound)) throw error;
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

function children(): string[] {
  const found: string[] = [];
  for (const task of Deno.readDirSync("/proc/self/task")) {
    try {
      found.push(...Deno.readTextFileSync(`/proc/self/task/${task.name}/children`).split(" ").filter(Boolean));
    } catch (error) {
      if (!(error instanceof Deno.errors.NotFound)) throw error;
    }
  }
  return found.sort();
}

function sysvIds(kind: string): string[] {
  return Deno.readTextFileSync(`/proc/sysvipc/${kind}`).trim().split("\n").slice(1)
    .map((line) => `${kind} ${line.trim().split(/\s+/).slice(0, 2).join(" ")}`);
}
