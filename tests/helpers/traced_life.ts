/** Runs a program under strace, which counts its system calls and may kill it at one of them. */
import { assert, assertEquals } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { watchdog } from "./watchdog.ts";

const LIMIT_MS = 60_000;

/** A system call of the JavaScript thread, and which of those of its name since the life began. */
export interface Call {
  readonly name: string;
  readonly when: number;
  /** As strace shows it. */
  readonly text?: string;
}

/** How a program is traced. It says `ready`, reads a line, lives, and says `done`. */
export interface TracedOptions {
  command: readonly string[];
  /** The call at whose beginning it is killed. */
  fatal?: Call | undefined;
  /** More arguments of strace. */
  faults?: readonly string[];
  /** What happens while it lives. It must come to an end when the program does. */
  meanwhile?: (living: Living) => Promise<void>;
}

/** A program that lives, or did. */
export interface Living {
  readonly pid: number;
  /** Whether it has said that it is done, or ended. */
  readonly isOver: boolean;
}

/** Runs a life, and returns its calls in their order, and whether it came to its end. */
export async function trace(options: TracedOptions): Promise<{ calls: Call[]; done: boolean }> {
  const { command: [program = "", ...args], fatal, faults = [], meanwhile } = options;
  const child = new Deno.Command(program, { args, stdin: "piped", stdout: "piped", stderr: "inherit" }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
  assertEquals((await lines.read()).value, "ready");
  const flags = fatal === undefined ? [] : ["-e", `inject=${fatal.name}:signal=SIGKILL:when=${fatal.when}`];
  const log = await Deno.makeTempFile();
  const tracer = new Deno.Command("strace", {
    args: ["-p", `${child.pid}`, "-o", log, ...flags, ...faults],
    stdin: "null",
    stderr: "piped",
  }).spawn();
  const reports = tracer.stderr.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
  const report = (await reports.read()).value ?? "";
  assert(report.includes("attached"), report);
  const input = child.stdin.getWriter();
  // It may have been killed already, at a call that it makes while it waits.
  await input.write(new TextEncoder().encode("go\n")).catch((error) => {
    if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
  });
  const living = { pid: child.pid, isOver: false };
  const ended = (async () => {
    const last = (await lines.read()).value;
    const status = last === "done" ? undefined : await child.status;
    living.isOver = true;
    return { done: last === "done", status };
  })();
  const [{ done, status }] = await watchdog(LIMIT_MS, Promise.all([ended, meanwhile?.(living)]));
  await child.status;
  await input.abort().catch(() => {});
  await lines.cancel();
  await reports.cancel();
  await tracer.status;
  assert(done || status?.signal === "SIGKILL", JSON.stringify(status));
  const traced = await Deno.readTextFile(log);
  await Deno.remove(log);
  const counts = new Map<string, number>();
  const calls = Array.from(traced.matchAll(/^((\w+)\(.*)/gm), ([, text = "", name = ""]) => {
    const when = (counts.get(name) ?? 0) + 1;
    counts.set(name, when);
    return { name, when, text };
  });
  // What the runtime does to end is no part of it.
  const end = calls.findIndex(({ text }) => text.startsWith('write(1, "done'));
  return { calls: end === -1 ? calls : calls.slice(0, end), done };
}
