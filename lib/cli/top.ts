/**
 * `causeway top`: how busy processes and channels are, who waits for whom, and who is deadlocked.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import { type Rates, ratesBetween, readSample, type Sample } from "../inspect/rates.ts";
import { CommandError, UsageError } from "./command_line.ts";
import { Interruption } from "./interruption.ts";
import { parseOptions } from "./options.ts";
import { print } from "./output.ts";
import { requirePermissions } from "./permissions.ts";
import { styleFor } from "./style.ts";
import { deadlockText, page } from "./top/table.ts";
import { Screen } from "./top/screen.ts";
import { onlyAddress, readTarget, type Target } from "./top/target.ts";

const DEFAULT_INTERVAL = "2";
const SHORTEST_MS = 50;
const LONGEST_MS = 86_400_000;

/** A number of seconds, or with a unit. */
const DURATION = /^(\d+\.?\d*|\.\d+)([smhd]?)$/;
const UNITS: Readonly<Record<string, number>> = { "": 1000, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const { flags, values, words } = await parseOptions("top", args, { flags: ["once", "json"], values: ["interval"] });
  const intervalMs = readInterval(values.interval ?? DEFAULT_INTERVAL);
  const target = readTarget(words);
  requirePermissions(["top", ...args], ["ffi", "read"], { read: ["/proc"] });
  const stop = new AbortController();
  await using interruption = new Interruption(() => stop.abort());
  const onScreen = Deno.stdout.isTerminal() && !flags.once && !flags.json;
  const show = flags.json ? printLine : printPage;
  if (onScreen) await watchOnScreen(target, intervalMs, stop);
  else await watch(target, intervalMs, stop.signal, flags.once, show);
  return interruption.received === undefined ? 0 : await interruption.dieOfIt();
}

function readInterval(text: string): number {
  const [, number, unit = ""] = DURATION.exec(text) ?? [];
  const ms = Number(number) * (UNITS[unit] ?? NaN);
  if (!(ms >= SHORTEST_MS && ms <= LONGEST_MS)) {
    throw new UsageError(`top: --interval must be in 0.05s..1d, got ${JSON.stringify(text)}`);
  }
  return ms;
}

async function watch(
  target: Target,
  intervalMs: number,
  stop: AbortSignal,
  once: boolean,
  show: (rates: Rates) => void,
): Promise<void> {
  let before = look(target);
  while (!stop.aborted) {
    await sleep(intervalMs, stop);
    if (stop.aborted) return;
    const after = look(target);
    const rates = only(ratesBetween(before, after), target);
    if (once && target.address !== undefined && rates.channels.length === 0) {
      throw new CommandError(`top: no process that this user may see has ${target.address.text} open`, 1);
    }
    show(rates);
    if (once) return;
    before = after;
  }
}

async function watchOnScreen(target: Target, intervalMs: number, stop: AbortController): Promise<void> {
  const style = styleFor(Deno.stdout);
  const what = target.address?.text ?? (target.pids.length > 0 ? `of ${target.pids.join(" ")}` : "of all");
  let last = "looking …\n";
  const head = `${style("title", "causeway top")} ${what}, every ${intervalMs / 1000} s; q leaves\n\n`;
  using screen = new Screen({ onQuit: () => stop.abort(), onRedraw: () => screen.draw(last) });
  screen.draw(`${head}${last}`);
  await watch(target, intervalMs, stop.signal, false, (rates) => {
    last = `${head}${page(rates, style)}`;
    screen.draw(last);
  });
}

function look({ pids, address }: Target): Sample {
  try {
    return readSample({ pids, exclude: [Deno.pid], alone: address !== undefined });
  } catch (error) {
    if (!(error instanceof PosixError && error.code === "ESRCH")) throw error;
    throw new CommandError(`top: there is no process ${error.target?.replace("/proc/", "")}`, 1, { cause: error });
  }
}

function only(rates: Rates, { address }: Target): Rates {
  return address === undefined ? rates : onlyAddress(rates, address);
}

function printPage(rates: Rates): void {
  print(`${page(rates, styleFor(Deno.stdout))}\n`);
}

function printLine({ intervalMs, processes, channels, deadlocks, hidden }: Rates): void {
  const report = {
    time: new Date().toISOString(),
    intervalMs,
    processes: processes.map(({ process, ...rest }) => ({ ...process, ...rest })),
    channels: channels.map(({ channel, bytes, messages, drops }) => ({
      ...channel,
      rates: { bytes, messages, drops },
    })),
    deadlocks: deadlocks.map((deadlock) => ({ summary: deadlockText(deadlock), ...deadlock })),
    hidden,
  };
  print(`${JSON.stringify(report)}\n`);
}

function sleep(ms: number, stop: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      stop.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stop.addEventListener("abort", done);
  });
}
