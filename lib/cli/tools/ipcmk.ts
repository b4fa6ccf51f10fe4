/**
 * `causeway ipcmk`: makes System V objects, as ipcmk(1) of util-linux.
 *
 * One thing is different: a semaphore set is marked as initialised (`sem_otime`), so that programs that wait for that mark, as they should, can use it
 * at once.
 *
 * @see {@link https://man7.org/linux/man-pages/man1/ipcmk.1.html ipcmk(1)}
 * @module
 */

import { PosixError } from "../../errors.ts";
import { HelpRequested } from "../command_line.ts";
import { print } from "../output.ts";
import { ClassicError, classicTool, ClassicUsageError, reasonOf, VersionRequested } from "./classic.ts";
import { getopt, type OptionSpec } from "./getopt.ts";
import { byteSize, int32 } from "./numbers.ts";

const OPTIONS = [
  { key: "memory", names: "-M --shmem", value: "required" },
  { key: "semaphores", names: "-S --semaphore", value: "required" },
  { key: "queue", names: "-Q --queue" },
  { key: "mode", names: "-p --mode", value: "required" },
  { key: "help", names: "-h --help" },
  { key: "version", names: "-V --version" },
] as const satisfies readonly OptionSpec[];

interface Request {
  memory: bigint | undefined;
  queue: boolean;
  semaphores: number | undefined;
  mode: number;
}

/** Runs the tool. */
export function run(args: readonly string[]): Promise<number> {
  return classicTool({ name: "ipcmk" }, () => ipcmk(args));
}

async function ipcmk(args: readonly string[]): Promise<number> {
  const { memory, queue, semaphores, mode } = requestOf(args);
  if (memory === undefined && !queue && semaphores === undefined) throw new ClassicUsageError("bad usage");
  if (memory !== undefined) {
    const { createSysvMemory } = await import("../../memory/sysv.ts");
    // More than a number can count is more than there is.
    const size = Number(memory);
    using made = create("share memory", (key) => createSysvMemory(key, { size, mode }));
    print(`Shared memory id: ${made.id}\n`);
  }
  if (queue) {
    const { createSysvQueue } = await import("../../queue/sysv.ts");
    using made = create("message queue", (key) => createSysvQueue(key, { mode }));
    print(`Message queue id: ${made.id}\n`);
  }
  if (semaphores !== undefined) {
    const { createSysvSemaphores } = await import("../../sync/sysv_semaphore.ts");
    const values = new Array<number>(Math.min(Math.max(semaphores, 0), MOST_SEMAPHORES)).fill(0);
    using made = create("semaphore", (key) => createSysvSemaphores(key, { values, mode }));
    print(`Semaphore id: ${made.id}\n`);
  }
  return 0;
}

/** More than any kernel allows in one set. */
const MOST_SEMAPHORES = 0x10_0000;

function requestOf(args: readonly string[]): Request {
  const request: Request = { memory: undefined, queue: false, semaphores: undefined, mode: 0o644 };
  for (const { key, value } of getopt(args, OPTIONS).given) {
    if (key === "help") throw new HelpRequested();
    if (key === "version") throw new VersionRequested();
    if (key === "memory") request.memory = byteSize(value, "failed to parse size");
    else if (key === "semaphores") request.semaphores = int32(value, "failed to parse elements");
    else if (key === "mode") request.mode = permissionBits(value);
    else request.queue = true;
  }
  return request;
}

function permissionBits(text: string): number {
  if (!/^\s*[0-7]+$/.test(text)) throw new ClassicError(`failed to parse mode: '${text}'`);
  return parseInt(text, 8) & 0o777;
}

/** Makes an object under a key that nobody has. */
function create<Made>(what: string, make: (key: number) => Made): Made {
  while (true) {
    const [key = 0] = crypto.getRandomValues(new Int32Array(1));
    if (key === 0) continue;
    try {
      return make(key);
    } catch (error) {
      if (error instanceof PosixError && error.code === "EEXIST") continue;
      if (error instanceof Deno.errors.NotCapable) throw error;
      const reason = error instanceof PosixError ? reasonOf(error) : "Invalid argument";
      throw new ClassicError(`create ${what} failed: ${reason}`, undefined, { cause: error });
    }
  }
}
