/** Kills a process at the system calls of the life of a memory, one after the other, and looks what it left. */
import { assert, assertEquals } from "@std/assert";
import {
  createMappedFile,
  createSharedMemory,
  createSysvMemory,
  i64,
  openMappedFile,
  openSharedMemory,
  openSharedSync,
  openSysvMemory,
  PosixError,
  struct,
} from "../../lib/memory/mod.ts";
import { mutex } from "../../lib/sync/mod.ts";
import { eventually } from "../helpers/patience.ts";
import { type Call, trace } from "../helpers/traced_life.ts";
import { denoCommand } from "./child.ts";

const Shared = struct({ lock: mutex, hits: i64 });

export type Life = "openShared" | "shm" | "file" | "memfd" | "sysv";

export const LIVES: readonly Life[] = ["openShared", "shm", "file", "memfd", "sysv"];

/** One run of `memory_lifecycle.ts`. */
interface Run {
  life: Life;
  name: string;
  /** Whether the file system has to do without O_TMPFILE. */
  draft: boolean;
}

/** Runs a life under strace. */
function live({ life, name, draft }: Run, fatal?: Call): Promise<{ calls: Call[]; done: boolean }> {
  // linkat answers as if there were no O_TMPFILE.
  const faults = draft ? ["-e", "inject=linkat:error=EPERM"] : [];
  return trace({ command: denoCommand("memory_lifecycle.ts", life, name), fatal, faults });
}

/** Uses the name at once, and removes what is there. What a killed process left is whole, or nothing. */
export function useName(life: Life, name: string): void {
  if (life === "memfd") return;
  if (life === "openShared") {
    using shared = openSharedSync(name, Shared, { timeoutMs: 60_000, initialise: (view) => view.hits = 7n });
    assertEquals(shared.view.hits, 7n);
    shared.view.lock.lockSync({ timeoutMs: 60_000 }).unlock();
    return shared.unlink();
  }
  const size = Shared.byteLength;
  try {
    using left = open(life, name);
    assertEquals(left.byteLength, size);
    "remove" in left ? left.remove() : left.unlink();
  } catch (error) {
    if (!(error instanceof PosixError && error.code === "ENOENT")) throw error;
  }
  using made = life === "shm"
    ? createSharedMemory(name, { size })
    : life === "file"
    ? createMappedFile(name, { size })
    : createSysvMemory(Number(name), { size });
  Shared.create(made).lock.lockSync({ timeoutMs: 60_000 }).unlock();
  "remove" in made ? made.remove() : made.unlink();
}

function open(life: "shm" | "file" | "sysv", name: string) {
  if (life === "shm") return openSharedMemory(name);
  return life === "file" ? openMappedFile(name) : openSysvMemory(Number(name));
}

/** Names that are there, drafts included, and System V segments. */
export function remains(directory: string): string[] {
  const names = ["/dev/shm", directory].flatMap((path) => Array.from(Deno.readDirSync(path), ({ name }) => name));
  const segments = Deno.readTextFileSync("/proc/sysvipc/shm").trim().split("\n").slice(1);
  return [...names, ...segments.map((line) => line.trim().split(/\s+/, 2).join(" "))].sort();
}

/**
 * Kills at one system call after another, `step` apart, of those that a whole life makes.
 *
 * @returns How many were killed.
 */
export async function killAtEach(life: Life, { first = 0, step, draft = false, directory }: {
  first?: number;
  step: number;
  draft?: boolean;
  directory: string;
}): Promise<number> {
  const id = `causeway-test-${crypto.randomUUID()}`;
  // One that nobody else has.
  const key = crypto.getRandomValues(new Uint32Array(1))[0]! >>> 1 | 1;
  const name = life === "file" ? `${directory}/${id}` : life === "sysv" ? `${key}` : `/${id}`;
  const run = { life, name, draft };
  const before = remains(directory);
  const whole = await live(run);
  assert(whole.done);
  await eventually(() => assertEquals(remains(directory), before));
  let killed = 0;
  for (const call of whole.calls.filter((_, index) => index % step === first % step)) {
    // A call that V8 makes now and then may not come; then the life went to its end.
    const { done } = await live(run, call);
    if (!done) killed++;
    useName(life, name);
    // A draft goes when the next creator of its name needs one.
    const left = remains(directory).some((each) => each.startsWith(".causeway-"));
    if (draft && left) assert((await live(run)).done);
    // Of others, things come and go.
    await eventually(() => assertEquals(remains(directory), before, `killed at ${call.name} ${call.when} of ${life}`));
  }
  return killed;
}
