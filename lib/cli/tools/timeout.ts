/**
 * `timeout(1)`: runs a program, and ends it when its time is over, as coreutils does.
 *
 * As there, this process leads a process group that the program is born into, and both the program and the group are signalled.
 *
 * @module
 */

import type { Status } from "../../process/status.ts";
import { signalInfo, type SignalName } from "../../signal/names.ts";
import { signals } from "../../signal/receive.ts";
import { kill } from "../../signal/send.ts";
import { hasFfi } from "../../sys/platform.ts";
import { ignoreSignal, leadOwnGroup, restoreSignal } from "../../sys/session.ts";
import { HelpRequested } from "../command_line.ts";
import { dieOfSignal } from "../die_of_signal.ts";
import { classicTool, ClassicUsageError, complain, VersionRequested } from "./classic.ts";
import { parseDuration } from "./duration.ts";
import { getopt, type OptionSpec } from "./getopt.ts";
import { cannotStart, launch, type Launched } from "./launch.ts";
import { signalOfStatus, wordOfSignal } from "./signal_words.ts";

const OPTIONS = [
  { key: "foreground", names: "-f --foreground" },
  { key: "kill-after", names: "-k --kill-after", value: "required" },
  { key: "preserve", names: "-p --preserve-status" },
  { key: "signal", names: "-s --signal", value: "required" },
  { key: "verbose", names: "-v --verbose" },
  { key: "help", names: "--help" },
  { key: "version", names: "--version" },
] as const satisfies readonly OptionSpec[];

/** Exit codes: the time was over; this tool itself failed. */
const TIMED_OUT = 124;
const FAILED = 125;

const SIGKILL = 9;
const SIGALRM = 14;
const SIGCONT = 18;

/** What is passed on, or taken for the end of the time (SIGALRM). */
const PASSED_ON: readonly SignalName[] = ["SIGALRM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGTERM"];

/** The terminal stops a background group with these; then nobody would watch the clock. */
const IGNORED: readonly SignalName[] = ["SIGTTIN", "SIGTTOU"];

/** setTimeout cannot wait longer. */
const LONGEST_MS = 2 ** 31 - 1;

interface Request {
  limitMs: number;
  words: readonly [program: string, ...args: string[]];
  signal: number;
  killAfterMs: number;
  foreground: boolean;
  preserve: boolean;
  verbose: boolean;
}

/** Runs the tool. */
export function run(args: readonly string[]): Promise<number> {
  return classicTool({ name: "timeout", usageCode: FAILED, failureCode: FAILED }, () => watch(read(args)));
}

function read(args: readonly string[]): Request {
  const { given, operands } = getopt(args, OPTIONS, { stopEarly: true });
  const request = { signal: 15, killAfterMs: 0, foreground: false, preserve: false, verbose: false };
  for (const { key, value } of given) {
    if (key === "help") throw new HelpRequested();
    if (key === "version") throw new VersionRequested();
    if (key === "signal") request.signal = known(value);
    else if (key === "kill-after") request.killAfterMs = parseDuration(value);
    else request[key] = true;
  }
  const [limit, program, ...rest] = operands;
  if (limit === undefined || program === undefined) throw new ClassicUsageError("");
  return { ...request, limitMs: parseDuration(limit), words: [program, ...rest] };
}

function known(word: string): number {
  const number = signalOfStatus(word);
  if (number === undefined) throw new ClassicUsageError(`'${word}': invalid signal`);
  return number;
}

/** Starts the program and sees it to its end. */
async function watch(request: Request): Promise<number> {
  const [program, ...args] = request.words;
  const group = !request.foreground && hasFfi() && leadOwnGroup();
  using listener = signals([...new Set([...PASSED_ON, ...IGNORED, ...listenable(request.signal)])]);
  const child = start(program, args);
  const ending = new Ending(request, child, group);
  const heard = (async () => {
    for await (const { number, signal } of listener) if (!IGNORED.includes(signal)) ending.onSignal(number);
  })();
  ending.start();
  const status = await child.status;
  ending.stop();
  listener.close();
  await heard;
  return await exitCode(status, ending.timedOut, request.preserve);
}

function start(program: string, args: readonly string[]): Launched {
  try {
    return launch(program, args);
  } catch (error) {
    throw cannotStart(error, (reason) => `failed to run command '${program}': ${reason}`);
  }
}

/** The signal of `-s` too is passed on, where a process can hear it. */
function listenable(number: number): SignalName[] {
  if (number === 0) return [];
  const { name, catchable } = signalInfo(number);
  const isFault = name === "SIGILL" || name === "SIGBUS" || name === "SIGFPE" || name === "SIGSEGV";
  return catchable && !isFault ? [name] : [];
}

/** The clock, and what is done when it strikes. */
class Ending {
  readonly #request: Request;
  readonly #child: Launched;
  readonly #group: boolean;
  #signal: number;
  #killAfterMs: number;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #timedOut = false;

  constructor(request: Request, child: Launched, group: boolean) {
    this.#request = request;
    this.#child = child;
    this.#group = group;
    this.#signal = request.signal;
    this.#killAfterMs = request.killAfterMs;
  }

  /** Whether the clock struck before the program ended. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  start(): void {
    this.#wind(this.#request.limitMs);
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  onSignal(number: number): void {
    if (number === SIGALRM) this.#strike();
    else this.#send(number);
  }

  /** Sets the clock; 0 is no limit. */
  #wind(ms: number): void {
    clearTimeout(this.#timer);
    if (ms === 0 || ms === Infinity) return;
    this.#timer = setTimeout(
      ms > LONGEST_MS ? () => this.#wind(ms - LONGEST_MS) : () => this.#strike(),
      Math.min(ms, LONGEST_MS),
    );
  }

  #strike(): void {
    this.#timedOut = true;
    this.#send(this.#signal);
  }

  #send(number: number): void {
    if (this.#killAfterMs > 0) {
      this.#signal = SIGKILL;
      this.#wind(this.#killAfterMs);
      this.#killAfterMs = 0;
    }
    if (this.#request.verbose) {
      complain("timeout", `sending signal ${wordOfSignal(number)} to command '${this.#request.words[0]}'`);
    }
    this.#deliver(number);
    if (this.#request.foreground || number === SIGKILL || number === SIGCONT) return;
    this.#deliver(SIGCONT);
  }

  /** Signals the program, and then the whole group, of which this process ignores the signal. */
  #deliver(number: number): void {
    this.#child.signal(number);
    if (!this.#group) return;
    if (number !== 0 && number !== SIGCONT && signalInfo(number).catchable) ignoreSignal(number);
    kill("own-group", number);
  }
}

async function exitCode(status: Status, timedOut: boolean, preserve: boolean): Promise<number> {
  if (status.kind === "exited") return timedOut && !preserve ? TIMED_OUT : status.code;
  if (timedOut) return preserve || status.number === SIGKILL ? 128 + status.number : TIMED_OUT;
  return await dieOf(status.number);
}

/** Ends as the program has ended; the shell's number for it where that would dump this process's memory, or may not be. */
async function dieOf(number: number): Promise<number> {
  const { action, name } = signalInfo(number);
  if (action !== "terminate" || name === "SIGPIPE") return 128 + number;
  // It was ignored when it was passed on to the group.
  if (hasFfi() && signalInfo(number).catchable) restoreSignal(number);
  return await dieOfSignal(number);
}
