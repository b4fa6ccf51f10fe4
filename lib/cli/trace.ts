/**
 * `causeway trace`: what really happens between processes, as a picture with times.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { type Child, command, type CommandOptions, displayCommand, isSuccess, type Status } from "../process/mod.ts";
import { fromFileUrl } from "../std/path.ts";
import { kill, type Signal } from "../signal/mod.ts";
import { fromDenoError } from "../sys/errno.ts";
import { isGranted } from "../sys/permission.ts";
import { readProcFile } from "../sys/proc.ts";
import { drawMermaid, drawSvg, drawText, record, type Recording, type Trace } from "../trace/mod.ts";
import { CommandError, suggestion, UsageError } from "./command_line.ts";
import { Interruption } from "./interruption.ts";
import { parseOptions } from "./options.ts";
import { print } from "./output.ts";
import { relay, type Told } from "./signal_relay.ts";
import { type SceneEntry, SCENES } from "./trace/scenes.ts";
import { PEER_FLAGS } from "./peer_flags.ts";
import { PATIENCE_MS } from "./trace/stage.ts";

/** What `trace --json` prints. */
export type TraceReport = Trace;

/** What was asked for. */
interface Request {
  /** What is run, and what its trace is called. */
  readonly work: { readonly scene: SceneEntry } | { readonly words: readonly string[] };
  readonly syscalls: boolean;
  readonly output: string | undefined;
  readonly draw: (trace: Trace) => string;
}

const FORMATS = ["json", "mermaid", "svg"] as const;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const request = await readRequest(args);
  requirePermissions();
  if (request.syscalls) await requireStrace();
  const { work } = request;
  const started: Told[] = [];
  await using interruption = new Interruption((event) => started.forEach((told) => relay(event, told)));
  let status: Status | undefined;
  const title = "scene" in work ? (await work.scene.load()).title : displayCommand(work.words);
  const trace = await record(async (recording) => {
    status = "scene" in work
      ? await play(work.scene, recording, request.syscalls, started)
      : await runProgram(work.words, recording, request.syscalls, started);
  }, { title, self: false });
  if (interruption.received !== undefined && "scene" in work) return await interruption.dieOfIt();
  deliver(request, trace);
  if ("scene" in work && (status === undefined || !isSuccess(status))) {
    throw new CommandError("trace: the scene did not come to its end", 1);
  }
  if ("scene" in work || status === undefined) return 0;
  return await like(status, interruption);
}

async function readRequest(args: readonly string[]): Promise<Request> {
  const { flags, values, words } = await parseOptions("trace", args.map((word) => word === "-o" ? "--output" : word), {
    flags: [...FORMATS, "ascii", "syscalls"],
    values: ["output", "width"],
    stopEarly: true,
  });
  const chosen = FORMATS.filter((format) => flags[format]);
  if (chosen.length > 1) throw new UsageError(`trace: one of --${chosen.join(" and --")}, not both`);
  const [format = "text"] = chosen;
  const width = values.width === undefined ? terminalWidth() : Number(values.width);
  if (!Number.isInteger(width) || width < 20 || width > 10_000) {
    throw new UsageError(`trace: --width takes a number of columns, 20 to 10000, got ${JSON.stringify(values.width)}`);
  }
  const draw = {
    text: (trace: Trace) => drawText(trace, { width, ascii: flags.ascii }),
    json: (trace: Trace) => `${JSON.stringify(trace satisfies TraceReport, null, 2)}\n`,
    mermaid: drawMermaid,
    svg: drawSvg,
  }[format];
  // What follows a separator is a program, even one that is called like a mechanism.
  const separator = args.indexOf("--");
  const isProgram = separator !== -1 && words.length === args.length - separator - 1;
  return { work: await workOf(words, isProgram), syscalls: flags.syscalls, output: values.output, draw };
}

/** A word alone that names a mechanism is a scene; after `--` it is a program. */
async function workOf(words: readonly string[], isProgram: boolean): Promise<Request["work"]> {
  const [first, ...more] = words;
  const names = SCENES.map(({ name }) => name);
  if (first === undefined) {
    throw new UsageError(`trace: which mechanism or program? There are ${names.join(", ")}, or -- PROGRAM`);
  }
  if (isProgram && first === "") throw new UsageError("trace: the program is an empty word");
  const scene = isProgram ? undefined : SCENES.find(({ name }) => name === first);
  if (scene !== undefined) {
    if (more.length > 0) throw new UsageError(`trace: ${first} takes no arguments, got ${JSON.stringify(more[0])}`);
    return { scene };
  }
  if (!isProgram && more.length === 0 && !first.includes("/")) {
    throw new UsageError(
      `trace: unknown mechanism ${JSON.stringify(first)} (a program comes after --): ${await suggestion(first, names)}`,
    );
  }
  return { words };
}

async function play(
  scene: SceneEntry,
  recording: Recording,
  syscalls: boolean,
  started: Told[],
): Promise<Status> {
  const script = new URL("./trace/scene_process.ts", import.meta.url);
  const program = script.protocol === "file:" ? fromFileUrl(script) : script.href;
  const words = [Deno.execPath(), "run", ...PEER_FLAGS, program, scene.name, recording.directory, "first"];
  return await start(words, recording, syscalls, started, { timeoutMs: 2 * PATIENCE_MS, stdin: "null" });
}

async function runProgram(
  words: readonly string[],
  recording: Recording,
  syscalls: boolean,
  started: Told[],
): Promise<Status> {
  return await start(words, recording, syscalls, started, { stdin: "inherit", env: recording.env });
}

async function start(
  words: readonly string[],
  recording: Recording,
  syscalls: boolean,
  started: Told[],
  options: { stdin: "null" | "inherit"; env?: Readonly<Record<string, string>>; timeoutMs?: number },
): Promise<Status> {
  const [program = "", ...args] = syscalls ? ["strace", ...recording.straceArgs, ...words] : words;
  const child = spawned(program, args, { stdout: "inherit", stderr: "inherit", ...options });
  started.push(syscalls ? { kill: (signal) => killTraced(child, signal) } : child);
  return await child.status;
}

/** Signals the program and not strace, which blocks signals to see the program's end. */
function killTraced(strace: Child, signal: Signal | number): boolean {
  try {
    const pids = readProcFile(`/proc/${strace.pid}/task/${strace.pid}/children`).split(" ").filter((word) =>
      word !== ""
    );
    for (const pid of pids) kill(Number(pid), signal);
    return pids.length > 0;
  } catch (error) {
    // It has ended meanwhile.
    if (error instanceof PosixError && (error.code === "ESRCH" || error.code === "ENOENT")) return false;
    throw error;
  }
}

/** What a shell exits with when a program is missing, and when it cannot be executed. */
const EXIT_CODES: Readonly<Record<string, number>> = { ENOENT: 127, EACCES: 126 };

function spawned(program: string, args: readonly string[], options: CommandOptions): Child {
  try {
    return command(program, args, options).unchecked().spawn();
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    throw new CommandError(`trace: ${error.message}`, EXIT_CODES[error.code] ?? 1, { cause: error });
  }
}

function deliver({ output, draw }: Request, trace: Trace): void {
  const text = draw(trace);
  if (output === undefined || output === "-") return print(text);
  try {
    Deno.writeTextFileSync(output, text);
  } catch (error) {
    const reason = fromDenoError(error, "open", output);
    if (!(reason instanceof PosixError)) throw error;
    throw new CommandError(`trace: ${reason.message}`, 1, { cause: error });
  }
}

/** As the program ended, so does this one. */
async function like(status: Status, interruption: Interruption): Promise<number> {
  if (await interruption.receivedWith([status]) !== undefined) return await interruption.dieOfIt();
  if (status.kind === "exited") return status.code;
  await interruption[Symbol.asyncDispose]();
  return 128 + status.number;
}

function terminalWidth(): number {
  try {
    return Deno.stdout.isTerminal() ? Math.max(40, Deno.consoleSize().columns) : 100;
  } catch {
    // A terminal that does not know its size.
    return 100;
  }
}

async function requireStrace(): Promise<void> {
  try {
    await command("strace", ["--version"]).output();
  } catch (error) {
    throw new CommandError(
      "trace: --syscalls needs strace(1) 5.6 or later, which is not there (apt install strace)",
      1,
      { cause: error },
    );
  }
}

/** One line for all that is missing, rather than one failure after another. */
function requirePermissions(): void {
  const missing = (["ffi", "run", "read", "write"] as const).filter((name) => !isGranted({ name }));
  if (missing.length === 0) return;
  const flags = missing.map((name) => `--allow-${name}`).join(" ");
  throw new CommandError(`trace: Requires ${missing.join(", ")} access, run again with ${flags}`, 1);
}
