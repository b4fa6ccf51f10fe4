/**
 * Recording what this process and the processes that it starts do to each other.
 *
 * @module
 */

import { fromFileUrl } from "../std/path.ts";
import { collect } from "./collect.ts";
import type { Trace, TraceEvent } from "./event.ts";
import { introduction, listen, MOST_EVENTS } from "./recorder.ts";
import { eventsOf, readTraceFiles } from "./trace_directory.ts";
import { parseStrace, StraceClock } from "./strace.ts";
import { tellOfWorkers } from "./workers.ts";

/** How {@linkcode record} records. */
export interface RecordOptions {
  /**
   * What the trace is called.
   * @default {"A trace"}
   */
  title?: string | undefined;
  /**
   * What this process is called in drawings; `undefined` for its program.
   * @default {undefined}
   */
  name?: string | undefined;
  /**
   * Whether this process itself is part of the trace. Without it, only processes are that were started with {@linkcode Recording.env}.
   * @default {true}
   */
  self?: boolean | undefined;
  /**
   * Most events of each process. Then it stops telling, and the trace has a note of it.
   * @default {100000}
   */
  mostEvents?: number | undefined;
}

/** A recording under way. */
export interface Recording {
  /** Where traced processes write; only this user can enter. Gone when the recording is over. */
  readonly directory: string;
  /**
   * Variables for a child that is to take part, and its children in turn: whatever Deno program uses this library and has `--allow-ffi`. They are for
   * Deno 2.9 and later; other programs ignore them.
   */
  readonly env: Readonly<Record<string, string>>;
  /** The file for `strace -o`, when the trace is to have system calls. */
  readonly straceFile: string;
  /** Arguments for `strace(1)`, up to the program: which calls to note, and how. */
  readonly straceArgs: readonly string[];
  /** Adds a note for the reader of the trace. */
  note(text: string): void;
}

/**
 * `record(work)`: records what this process, and every process that `work` starts with the recording's `env`, do to each other by this library, and puts it
 * together to one trace.
 *
 * Events are stamped in the process where they happen, by the clock that all processes of a machine share. Each is in a file before the process goes on, so a
 * process that is killed loses none. Workers that are started meanwhile take part too, each with a lane of its own, where the process has `--allow-read`
 * for this library, and the Worker's module is a file and has no permissions of its own; its `self.location` is another then. Telling an event takes a
 * process some 5 µs, which is part of what is seen.
 *
 * @param work Called with the recording. What it throws, `record` throws.
 * @throws {Deno.errors.NotCapable} Without `--allow-ffi`, and `--allow-read` and `--allow-write` for the directory.
 *
 * @example A message through a pipe to oneself
 * ```ts
 * import { pipe } from "@causeway/causeway";
 * import { record } from "@causeway/causeway/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const { reader, writer } = pipe();
 * const trace = await record(async () => {
 *   await writer.write(new TextEncoder().encode("hello"));
 *   await reader.read(new Uint8Array(100));
 * });
 * reader.close();
 * writer.close();
 *
 * const [message] = trace.messages;
 * assertEquals([message?.mechanism, message?.bytes, message?.copies], ["pipe", 5, 2]);
 * ```
 *
 * @tags allow-ffi, allow-read, allow-write
 */
export async function record(
  work: (recording: Recording) => Promise<unknown> | unknown,
  options: RecordOptions = {},
): Promise<Trace> {
  const { title = "A trace", name, self = true, mostEvents = MOST_EVENTS } = options;
  if (!Number.isInteger(mostEvents) || mostEvents < 1) {
    throw new RangeError(`mostEvents must be a whole number of at least 1, got ${Deno.inspect(mostEvents)}`);
  }
  const directory = Deno.makeTempDirSync({ prefix: "causeway-trace-" });
  const events: TraceEvent[] = [];
  const notes: string[] = [];
  const straceFile = `${directory}/strace`;
  try {
    if (self) events.push(introduction("process", { words: ownWords(), ...(name === undefined ? {} : { name }) }));
    const clock = new StraceClock();
    const stop = self ? listen((event) => events.push(event), mostEvents) : () => {};
    const leaveWorkers = self ? tellOfWorkers(directory, mostEvents) : () => {};
    try {
      await work({
        directory,
        env: environment(directory, mostEvents),
        straceFile,
        straceArgs: straceArgs(straceFile),
        note: (text) => void notes.push(text),
      });
    } finally {
      leaveWorkers();
      stop();
    }
    for (const text of readTraceFiles(directory)) events.push(...eventsOf(text));
    const calls = readIfThere(straceFile);
    if (calls !== undefined) {
      const offset = clock.offset();
      events.push(...parseStrace(calls, offset.nanoseconds));
      notes.push(
        `system calls are by strace, whose times may be wrong by ${offset.errorNs} ns, and which makes each take longer`,
      );
    }
    return collect(title, events, notes);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/** Calls that carry messages, or wait for them. */
const CALLS = [
  "read,readv,write,writev,recvfrom,recvmsg,sendto,sendmsg,splice,tee,pipe,pipe2,socketpair,connect,accept4",
  "kill,tgkill,tkill,rt_sigqueueinfo,rt_tgsigqueueinfo,pidfd_send_signal,rt_sigreturn",
  "clone,clone3,fork,vfork",
  "mq_timedsend,mq_timedreceive,msgsnd,msgrcv,semtimedop,semop,futex,execve,exit_group",
].join(",");

function straceArgs(file: string): string[] {
  const stamps = ["--absolute-timestamps=format:unix,precision:ns", "--syscall-times=ns"];
  return ["-f", "-q", "-y", ...stamps, "-s", "32", "-e", `trace=${CALLS}`, "-o", file, "--"];
}

/**
 * Deno loads what `NODE_OPTIONS` requires before the program, in every Deno that is started with it, and without asking for any permission. It has to be
 * CommonJS, and its path may hold no space.
 */
function environment(directory: string, most: number): Record<string, string> {
  const module = new URL("./attach.ts", import.meta.url);
  const path = module.protocol === "file:" ? fromFileUrl(module) : undefined;
  if (path === undefined) return {};
  const file = `${directory}/attach.cjs`;
  const call = `require(${JSON.stringify(path)}).attach(${JSON.stringify(directory)}, { most: ${most} });`;
  Deno.writeTextFileSync(file, `if (typeof Deno === "object") ${call}\n`, { mode: 0o600 });
  // What is there already counts as well, where it may be read.
  const { state } = Deno.permissions.querySync({ name: "env", variable: "NODE_OPTIONS" });
  const before = state === "granted" ? Deno.env.get("NODE_OPTIONS") ?? "" : "";
  return { NODE_OPTIONS: `${before} --require ${file}`.trim() };
}

function ownWords(): string[] {
  return [Deno.execPath().replace(/^.*\//, ""), ...Deno.args];
}

function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw error;
  }
}
