/**
 * `causeway learn`: a hands-on tour of the mechanisms, in ten lessons.
 *
 * @module
 */

import { isGranted } from "../sys/permission.ts";
import { CommandError, suggestion, UsageError } from "./command_line.ts";
import { Interruption } from "./interruption.ts";
import { Keyboard } from "./learn/keyboard.ts";
import { type LessonEntry, LESSONS, type Need, type Question } from "./learn/lesson.ts";
import { account, announcement, answersText, opening, type Paper } from "./learn/page.ts";
import { forget, noteDone, progressFile, readProgress } from "./learn/progress.ts";
import { teach } from "./learn/tour.ts";
import { attempt, type Trial } from "./learn/trial.ts";
import { outputWidth } from "./wrap.ts";
import { parseOptions } from "./options.ts";
import { print, printError, printJson } from "./output.ts";
import { requirePermissions } from "./permissions.ts";
import { styleFor } from "./style.ts";
import { table } from "./table.ts";

/** What `learn --json` prints. */
export interface LearnReport {
  /** Whether every experiment showed what its lesson says. */
  readonly ok: boolean;
  /** Milliseconds that it all took. */
  readonly durationMs: number;
  /** The lessons that were run. */
  readonly lessons: readonly LessonReport[];
}

/** One lesson in it. */
export interface LessonReport {
  /** Its number, from 1. */
  readonly number: number;
  /** Its name. */
  readonly name: string;
  /** What it is about. */
  readonly title: string;
  /** Whether its experiments showed what it says. */
  readonly ok: boolean;
  /** Its text. */
  readonly text: readonly string[];
  /** What was run to see it work. */
  readonly experiment: Trial;
  /** What it asks, with what is to be said of every answer. */
  readonly question: Question;
  /** What was run to see it break. */
  readonly broken: Trial;
}

/** What `learn --list --json` prints for every lesson. */
export interface LessonSummary {
  /** Its number, from 1. */
  readonly number: number;
  /** Its name. */
  readonly name: string;
  /** What it is about. */
  readonly title: string;
  /** Whether it was done. */
  readonly done: boolean;
  /** The permissions that it needs. */
  readonly needs: readonly Need[];
}

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const { flags, words } = await parseOptions("learn", args, { flags: ["all", "json", "list", "reset"] });
  const [name, extra] = words;
  if (extra !== undefined) throw new UsageError(`learn: one lesson at a time, got also ${JSON.stringify(extra)}`);
  const chosen = name === undefined ? undefined : await lessonNumber(name);
  if (flags.reset) return reset();
  if (flags.list) return list(flags.json);
  if (chosen !== undefined && flags.all) {
    throw new UsageError(`learn: --all is all lessons, got also ${JSON.stringify(name)}`);
  }
  const curtain = new AbortController();
  const asked = !flags.all && !flags.json && Deno.stdin.isTerminal();
  const taught = chosen === undefined ? LESSONS : LESSONS.slice(chosen, chosen + 1);
  requirePermissions(["learn", ...args], needsOf(taught));
  await using interruption = new Interruption(() => curtain.abort());
  const paper = { width: outputWidth(Deno.stdout), style: styleFor(Deno.stdout) };
  const code = asked
    ? await tour(chosen, paper, curtain.signal)
    : await show(chosen, flags.json, paper, curtain.signal);
  return interruption.received === undefined ? code : await interruption.dieOfIt();
}

/** Where in the table a lesson is that was called by number or name. */
async function lessonNumber(name: string): Promise<number> {
  const index = LESSONS.findIndex((each, at) => each.name === name || String(at + 1) === name);
  if (index !== -1) return index;
  const known = LESSONS.map((each) => each.name);
  throw new UsageError(`learn: unknown lesson ${JSON.stringify(name)}: ${await suggestion(name, known)}`);
}

/** One lesson after the other, from the one that was named, or the first that was not done. */
async function tour(chosen: number | undefined, paper: Paper, signal: AbortSignal): Promise<number> {
  const room = { keyboard: new Keyboard(), paper, signal };
  const done = readProgress();
  const next = LESSONS.findIndex(({ name }) => !done.includes(name));
  for (let index = chosen ?? Math.max(0, next); index < LESSONS.length; index++) {
    const entry = LESSONS[index];
    if (entry === undefined) break;
    const ending = await teach(index + 1, entry, room);
    if (signal.aborted || ending === "left") {
      if (!signal.aborted) print(`\nLeft. "causeway learn ${entry.name}" begins this lesson again.\n`);
      return 0;
    }
    if (ending === "failed") {
      throw new CommandError(`learn: the experiment of lesson ${index + 1} did not show what it should`, 1);
    }
    if (!noteDone(entry.name)) printError("causeway: learn: progress is not kept: --allow-env would tell where\n");
    if (index + 1 === LESSONS.length) break;
    print(`Lesson ${index + 1} of ${LESSONS.length} is done. [Enter for the next, q to leave] `);
    const line = await room.keyboard.line(signal);
    if (line === null || line.trim().toLowerCase() === "q") {
      print("\n");
      return 0;
    }
    print("\n");
  }
  print('That was the last lesson. "causeway demo" plays every mechanism, "causeway help" has the tools.\n');
  return 0;
}

/** Everything at once, without asking, every claim checked. */
async function show(chosen: number | undefined, json: boolean, paper: Paper, signal: AbortSignal): Promise<number> {
  const startedAt = performance.now();
  const lessons: LessonReport[] = [];
  for (const [index, entry] of LESSONS.entries()) {
    if (chosen !== undefined && index !== chosen) continue;
    const { name, title } = entry;
    const lesson = await entry.load();
    if (!json) print(`${opening(index + 1, entry, lesson, paper)}${announcement(lesson.experiment, paper)}`);
    const experiment = await attempt(name, lesson.experiment, signal);
    if (signal.aborted) return 1;
    if (!json) {
      print(`${account(experiment, paper)}${answersText(lesson.question, paper)}${announcement(lesson.broken, paper)}`);
    }
    const broken = await attempt(name, lesson.broken, signal);
    if (signal.aborted) return 1;
    if (!json) print(account(broken, paper));
    const { text, question } = lesson;
    lessons.push({
      number: index + 1,
      name,
      title,
      ok: experiment.ok && broken.ok,
      text,
      experiment,
      question,
      broken,
    });
  }
  const report: LearnReport = {
    ok: lessons.every(({ ok }) => ok),
    durationMs: performance.now() - startedAt,
    lessons,
  };
  if (json) printJson(report);
  else print(`${verdict(report)}\n`);
  return report.ok ? 0 : 1;
}

function verdict({ ok, durationMs, lessons }: LearnReport): string {
  const failed = lessons.filter((each) => !each.ok).map(({ name }) => name);
  const count = lessons.flatMap(({ experiment, broken }) => [...experiment.checks, ...broken.checks]).length;
  if (!ok) return `FAILED: ${failed.join(", ")} (${failed.length} of ${lessons.length} lessons)`;
  const which = lessons.length === 1 ? "1 lesson" : `${lessons.length} lessons`;
  return `ok: ${which}, ${count} claims checked, in ${(durationMs / 1000).toFixed(1)} s. Nothing is left behind.`;
}

function list(json: boolean): number {
  const done = readProgress();
  const summaries: LessonSummary[] = LESSONS.map(({ name, title, needs }, index) => ({
    number: index + 1,
    name,
    title,
    done: done.includes(name),
    needs,
  }));
  if (json) {
    printJson(summaries);
    return 0;
  }
  const style = styleFor(Deno.stdout);
  print(table(
    summaries.map(({ number, name, title, done }) => [
      String(number),
      { text: done ? "done" : "", style: (text) => style("good", text) },
      { text: name, style: (text) => style("name", text) },
      title,
    ]),
    { indent: "  ", right: [0] },
  ));
  const missing = needsOf(LESSONS).filter((name) => !isGranted({ name }));
  const flags = (["ffi", "run", "read", "write"] as const).map((name) => `--allow-${name}`).join(" ");
  print(`\nEach needs ${flags}${missing.length === 0 ? "" : `; missing: ${missing.join(", ")}`}.\n`);
  return 0;
}

function reset(): number {
  if (progressFile() === undefined) {
    throw new CommandError("learn: where is progress kept? Run again with --allow-env", 1);
  }
  print(forget() ? "Forgotten: the next lesson is the first.\n" : "There was nothing to forget.\n");
  return 0;
}

function needsOf(lessons: readonly LessonEntry[]): Need[] {
  return [...new Set(lessons.flatMap(({ needs }) => needs))];
}
