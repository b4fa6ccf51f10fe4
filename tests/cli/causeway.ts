/** Runs the program as a person would, and tells what came of it. */
import { assertEquals } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { eventually } from "../helpers/patience.ts";

/** The program. */
export const CLI = fromFileUrl(new URL("../../cli.ts", import.meta.url));

/** What `deno task demo` and a full installation allow. */
export const FULL = ["--allow-ffi", "--allow-run", "--allow-read", "--allow-write", "--allow-env"];

/** A program of the fixtures. */
export function fixture(name: string): string {
  return fromFileUrl(new URL(`../fixtures/${name}`, import.meta.url));
}

/** What came of running the program. */
export interface Outcome {
  code: number;
  signal: Deno.Signal | null;
  stdout: string;
  stderr: string;
}

/** How the program runs. */
export interface CausewayOptions {
  /** Deno's permission flags; all that the program can use when left out. */
  flags?: readonly string[];
  /** Its standard input. */
  input?: string;
  /** Variables. */
  env?: Record<string, string>;
}

/** The words that start the program. */
export function commandLine(args: readonly string[], flags: readonly string[] = FULL): [string, ...string[]] {
  return [Deno.execPath(), "run", "--quiet", "--no-prompt", ...flags, CLI, ...args];
}

/** Runs the program to its end. */
export async function causeway(args: readonly string[], options: CausewayOptions = {}): Promise<Outcome> {
  const [program, ...words] = commandLine(args, options.flags);
  const child = new Deno.Command(program, {
    args: words,
    env: { ...options.env },
    stdin: options.input === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  if (options.input !== undefined) {
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(options.input));
    await writer.close();
  }
  const { code, signal, stdout, stderr } = await child.output();
  return { code, signal, stdout: new TextDecoder().decode(stdout), stderr: new TextDecoder().decode(stderr) };
}

/** Variables that mark a process and all that it starts, and give them a directory of their own for temporary files. */
export class Marked implements AsyncDisposable {
  readonly #mark = crypto.randomUUID();
  readonly #directory = Deno.makeTempDirSync();
  /** Other programs use shared memory too; theirs has no mark. */
  readonly #sharedBefore = new Set(demoMemory());

  /** The variables. */
  get env(): Record<string, string> {
    return { CAUSEWAY_TEST_MARK: this.#mark, TMPDIR: this.#directory };
  }

  /** What is left: files, processes, shared memory and System V segments. */
  leftovers(): string[] {
    return [
      ...Array.from(Deno.readDirSync(this.#directory), ({ name }) => `file ${name}`),
      ...this.#processes().map((pid) => `process ${pid}`),
      ...demoMemory().filter((name) => !this.#sharedBefore.has(name)),
    ];
  }

  /** Fails when something is left that does not go. What was killed a moment ago may be about to. */
  async nothingIsLeft(): Promise<void> {
    await eventually(() => assertEquals(this.leftovers(), []));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const pid of this.#processes()) {
      try {
        Deno.kill(pid, "SIGKILL");
      } catch (error) {
        // It has just ended.
        if (!(error instanceof Deno.errors.NotFound)) throw error;
      }
    }
    await Deno.remove(this.#directory, { recursive: true });
  }

  #processes(): number[] {
    const pids = Array.from(Deno.readDirSync("/proc"), ({ name }) => Number(name)).filter(Number.isInteger);
    return pids.filter((pid) => {
      try {
        return Deno.readTextFileSync(`/proc/${pid}/environ`).includes(this.#mark);
      } catch (error) {
        // It has ended, or it is not ours to look at: then it is not marked either.
        if (error instanceof Error) return false;
        throw error;
      }
    });
  }
}

/** Shared memory that a demonstration or a lesson made. */
function demoMemory(): string[] {
  return Array.from(Deno.readDirSync("/dev/shm"), ({ name }) => name).filter((name) =>
    /^causeway-(demo|learn)-/.test(name)
  );
}

/** System V segments that a process made. */
export function segmentsOf(pid: number): string[] {
  const [head = "", ...lines] = Deno.readTextFileSync("/proc/sysvipc/shm").trim().split("\n");
  const creator = head.trim().split(/\s+/).indexOf("cpid");
  return lines.filter((line) => Number(line.trim().split(/\s+/)[creator]) === pid);
}
