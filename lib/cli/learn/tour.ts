/**
 * A lesson with somebody at the keyboard.
 *
 * @module
 */

import type { DemoEvent } from "../demo/scene.ts";
import { print } from "../output.ts";
import type { Keyboard } from "./keyboard.ts";
import type { Experiment, LessonEntry, Question } from "./lesson.ts";
import { account, announcement, letter, opening, type Paper, questionText, reply } from "./page.ts";
import { attempt } from "./trial.ts";
import { paragraph } from "../wrap.ts";

/** How a lesson came to its end. */
export type Ending = "done" | "left" | "failed";

/** What a lesson is given with. */
export interface Classroom {
  readonly keyboard: Keyboard;
  readonly paper: Paper;
  /** Aborts when a signal ends the program. */
  readonly signal: AbortSignal;
}

/** Gives one lesson. */
export async function teach(number: number, entry: LessonEntry, room: Classroom): Promise<Ending> {
  const lesson = await entry.load();
  print(opening(number, entry, lesson, room.paper));
  const experiment = await conduct("run it", entry.name, lesson.experiment, room);
  if (experiment !== "done") return experiment;
  if (!await ask(lesson.question, room)) return "left";
  return await conduct("break it", entry.name, lesson.broken, room);
}

/** Asks until the answer is right. @returns Whether the reader is still there. */
async function ask(question: Question, { keyboard, paper, signal }: Classroom): Promise<boolean> {
  print(questionText(question, paper));
  const last = letter(question.answers.length - 1);
  while (true) {
    print(`[a–${last}, q to leave] `);
    const line = await keyboard.line(signal);
    const typed = line?.trim().toLowerCase();
    if (typed === undefined || typed === "q") return false;
    const chosen = question.answers.findIndex(({ text }, index) =>
      typed === letter(index) || typed === text.toLowerCase()
    );
    print(reply(question, chosen, paper));
    if (question.answers[chosen]?.right) return true;
  }
}

async function conduct(what: string, name: string, experiment: Experiment, room: Classroom): Promise<Ending> {
  const { keyboard, paper, signal } = room;
  print(announcement(experiment, paper));
  print(`[Enter to ${what}, q to leave] `);
  const line = await keyboard.line(signal);
  if (line === null || line.trim().toLowerCase() === "q") return "left";
  const trial = await attempt(name, experiment, signal, (event) => live(event, paper));
  if (signal.aborted) return "left";
  print(`\n${account(trial, paper)}`);
  return trial.ok ? "done" : "failed";
}

/** What is noted while it runs; the picture afterwards has it in the order of time. */
function live({ who, did }: DemoEvent, { style, width }: Paper): void {
  print(style("faint", paragraph([`${who} ${did}`], width, "  ")));
}
