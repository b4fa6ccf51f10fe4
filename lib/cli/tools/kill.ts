/**
 * `kill(1)`: sends signals, as util-linux does.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { openPidFd } from "../../signal/pid_fd.ts";
import { kill, killGroup, queueSignal } from "../../signal/send.ts";
import { HelpRequested } from "../command_line.ts";
import { print } from "../output.ts";
import { ClassicError, classicTool, complain, reasonOf, VersionRequested } from "./classic.ts";
import { maskList, signalLine, signalList, signalTable } from "./kill_list.ts";
import { int32 } from "./numbers.ts";
import { signalOfStatus, signalOfWord } from "./signal_words.ts";

/** Exit code when some targets were signalled and some were not. */
const SOME_FAILED = 64;

const SIGTERM = 15;

/** What the command line asks for. */
interface Plan {
  signal: number;
  signalGiven: boolean;
  value: number | undefined;
  followUps: { waitMs: number; signal: number }[];
  printOnly: boolean;
  everyUser: boolean;
  verbose: boolean;
  targets: string[];
  /** What to print instead of signalling. */
  list: string | undefined;
}

/** Runs the tool. */
export function run(args: readonly string[]): Promise<number> {
  return classicTool({ name: "kill" }, async () => {
    const plan = read(args);
    if (plan.list !== undefined) {
      print(plan.list);
      return 0;
    }
    return await carryOut(plan);
  });
}

function read(args: readonly string[]): Plan {
  const plan: Plan = {
    signal: SIGTERM,
    signalGiven: false,
    value: undefined,
    followUps: [],
    printOnly: false,
    everyUser: false,
    verbose: false,
    targets: [],
    list: undefined,
  };
  const words = [...args];
  while (words.length > 0 && words[0]!.startsWith("-")) {
    const word = words.shift()!;
    if (word === "--") break;
    // After a signal, -N is a process group.
    if (!readOption(word, words, plan)) {
      words.unshift(word);
      break;
    }
    if (plan.list !== undefined) return plan;
    refuseBoth(plan);
  }
  if (words.length === 0) throw new ClassicError("not enough arguments");
  plan.targets = words;
  return plan;
}

/** Takes one option and its values; `false` for a word that begins the targets. */
function readOption(word: string, rest: string[], plan: Plan): boolean {
  const [, name = word, attached] = /^(--?[a-z]+)=(.*)$/s.exec(word) ?? [];
  const value = () => attached ?? following(name, rest);
  switch (name) {
    case "-h":
    case "--help":
      throw new HelpRequested();
    case "-v":
    case "-V":
    case "--version":
      throw new VersionRequested();
    case "--verbose":
      plan.verbose = true;
      return true;
    case "-a":
    case "--all":
      plan.everyUser = true;
      return true;
    case "-p":
    case "--pid":
      plan.printOnly = true;
      return true;
    case "-l":
    case "--list":
      plan.list = listing(attached === undefined ? rest : [attached, ...rest]);
      return true;
    case "-L":
    case "--table":
      plan.list = signalTable();
      return true;
    case "-s":
    case "--signal":
      if (attached === undefined && rest.length === 0) throw new ClassicError("not enough arguments");
      setSignal(plan, value(), "");
      return true;
    case "-q":
    case "--queue":
      plan.value = int32(value(), "argument error");
      return true;
    case "--timeout":
      plan.followUps.push({ waitMs: int32(value(), "argument error"), signal: known(following(name, rest)) });
      return true;
  }
  if (plan.signalGiven) return false;
  // -KILL, -9; and, as other programs read it, -sKILL.
  if (word.startsWith("-s") && signalOfWord(word.slice(1)) === undefined) setSignal(plan, word.slice(2), word.slice(1));
  else setSignal(plan, word.slice(1), word.slice(1));
  return true;
}

/** Sets the signal. `asOption` is what stood after the dash, where the option was the signal itself. */
function setSignal(plan: Plan, word: string, asOption: string): void {
  const number = signalOfWord(word);
  if (number === undefined && asOption !== "") {
    throw new ClassicError(`invalid signal name or number: ${asOption}`);
  }
  plan.signal = number ?? known(word);
  plan.signalGiven = true;
}

function known(word: string): number {
  const number = signalOfWord(word);
  if (number !== undefined) return number;
  throw new ClassicError(`unknown signal ${word}; valid signals:\n${signalTable().trimEnd()}`);
}

function refuseBoth(plan: Plan): void {
  if (!plan.printOnly) return;
  const other = plan.signalGiven ? "--signal" : plan.value !== undefined ? "--queue" : undefined;
  if (other !== undefined) throw new ClassicError(`--pid and ${other} are mutually exclusive`);
}

function following(option: string, rest: string[]): string {
  const value = rest.shift();
  if (value === undefined) throw new ClassicError(`option '${option}' requires an argument`);
  return value;
}

function listing(words: readonly string[]): string {
  const [word, extra] = words;
  if (extra !== undefined) throw new ClassicError("too many arguments");
  if (word === undefined) return signalList();
  if (/^0x[0-9a-f]+$/i.test(word)) return maskList(BigInt(word));
  const number = signalOfStatus(word);
  if (number === undefined) throw new ClassicError(`unknown signal: ${word}`);
  return signalLine(number);
}

async function carryOut(plan: Plan): Promise<number> {
  let done = 0;
  let failed = 0;
  for (const word of plan.targets) {
    const pids = /^\s*[+-]?\d+$/.test(word) ? [Number(word)] : await named(word, plan.everyUser);
    if (pids.length === 0) {
      complain("kill", `cannot find process "${word}"`);
      failed++;
    }
    for (const pid of pids) {
      if (await signalOne(plan, pid, word)) done++;
      else failed++;
    }
  }
  return failed === 0 ? 0 : done === 0 ? 1 : SOME_FAILED;
}

/** The processes of a name, but not this one, which bears the name of Deno by accident. */
async function named(name: string, everyUser: boolean): Promise<number[]> {
  const { listProcesses, realUser } = await import("../../sys/process_list.ts");
  const user = realUser();
  return listProcesses()
    .filter((each) => each.name === name && each.pid !== Deno.pid && (everyUser || each.uid === user))
    .map(({ pid }) => pid);
}

/** Signals one target. Returns whether that worked. */
async function signalOne(plan: Plan, pid: number, word: string): Promise<boolean> {
  if (plan.verbose) print(`sending signal ${plan.signal} to pid ${pid}\n`);
  if (plan.printOnly) {
    print(`${pid}\n`);
    return true;
  }
  try {
    if (plan.followUps.length > 0) await sendWithFollowUps(plan, pid);
    else send(plan, pid);
    return true;
  } catch (error) {
    if (!(error instanceof PosixError)) throw error;
    complain("kill", `sending signal to ${word} failed: ${reasonOf(error)}`);
    return false;
  }
}

function send({ signal, value }: Plan, pid: number): void {
  if (value !== undefined && signal !== 0) return queue(pid, signal, value);
  if (pid < -1) killGroup(existing(-pid), signal);
  else kill(pid === 0 ? "own-group" : pid === -1 ? "everyone" : pid === 1 ? "init" : existing(pid), signal);
}

/** A value goes to one process: a group has none to take it. */
function queue(pid: number, signal: number, value: number): void {
  if (pid < 1) throw new PosixError({ code: "ESRCH", syscall: "sigqueue", target: String(pid) });
  queueSignal(pid === 1 ? "init" : existing(pid), signal, value);
}

/** The kernel has no process beyond its own limit. */
function existing(pid: number): number {
  if (pid < 2 ** 31) return pid;
  throw new PosixError({ code: "ESRCH", syscall: "kill", target: String(pid) });
}

/** The first signal, and then each further one that is still needed when its time has come. */
async function sendWithFollowUps(plan: Plan, pid: number): Promise<void> {
  if (pid < 1) throw new PosixError({ code: "EINVAL", syscall: "pidfd_open", target: String(pid) });
  using target = openPidFd(pid === 1 ? "init" : existing(pid));
  const deliver = (signal: number) => {
    if (plan.value === undefined || signal === 0) target.kill(signal);
    else queue(pid, signal, plan.value);
  };
  deliver(plan.signal);
  for (const { waitMs, signal } of plan.followUps) {
    if (await hasExited(target, waitMs)) return;
    if (plan.verbose) print(`timeout, sending signal ${signal} to pid ${pid}\n`);
    deliver(signal);
  }
}

async function hasExited(target: { exited(options: { timeoutMs?: number }): Promise<void> }, waitMs: number) {
  try {
    // To poll(2), a negative time is for ever.
    await target.exited(waitMs < 0 ? {} : { timeoutMs: waitMs });
    return true;
  } catch (error) {
    if (error instanceof DOMException && error.name === "TimeoutError") return false;
    throw error;
  }
}
