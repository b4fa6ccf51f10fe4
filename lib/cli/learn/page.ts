/**
 * A lesson in print: what there is to read before, between and after the experiments.
 *
 * @module
 */

import type { Style } from "../style.ts";
import type { Experiment, Lesson, LessonEntry, Question } from "./lesson.ts";
import { picture } from "./picture.ts";
import type { Trial } from "./trial.ts";
import { drawing } from "../traced.ts";
import { paragraph, wrap } from "../wrap.ts";

/** How something is printed. */
export interface Paper {
  /** How many characters a line has. */
  readonly width: number;
  /** How text is marked up. */
  readonly style: Style;
}

/** The head of a lesson, and its text. */
export function opening(number: number, entry: LessonEntry, lesson: Lesson, { width, style }: Paper): string {
  const title = paragraph([`${number}. ${entry.title}`], width);
  const about = lesson.model === "none" ? "no communication" : lesson.model;
  return `${style("title", title)}${style("faint", paragraph([`${entry.name}: ${about}`], width))}\n${
    paragraph(lesson.text, width)
  }\n`;
}

/** What is going to be done. */
export function announcement(experiment: Experiment, { width, style }: Paper): string {
  const commands = experiment.command.map((line) => `  ${style("name", line)}\n`).join("");
  return `${paragraph([experiment.about], width)}\n${commands}\n`;
}

/** What was done: its picture, what was checked, and what it means. */
export function account(trial: Trial, { width, style }: Paper): string {
  // Of several children each is checked to have ended well; saying it once will do.
  const checks = trial.checks.filter(({ claim, holds }, index, all) =>
    all.findIndex((other) => other.claim === claim && other.holds === holds) === index
  );
  const claims = checks.map(({ claim, holds }) => `  ${mark(holds, style)}  ${hanging(claim, width - 10, 10)}\n`);
  const error = trial.error === null ? [] : [`  ${mark(false, style)}  ${hanging(trial.error, width - 10, 10)}\n`];
  const happened = trial.happened.length === 0 ? [] : [`\n${paragraph(trial.happened, width)}`];
  const trace = trial.trace === null ? [] : [`\n${drawing(trial.trace, width)}\n`];
  return [picture(trial.events, width, style), ...trace, ...claims, ...error, ...happened, "\n"].join("");
}

/** The question with its answers by letter. */
export function questionText({ ask, answers }: Question, { width, style }: Paper): string {
  const choices = answers.map(({ text }, index) =>
    `  ${style("name", letter(index))}  ${hanging(text, width - 5, 5)}\n`
  );
  return `${style("title", paragraph([ask], width))}${choices.join("")}`;
}

/** The answers with what is to be said of each, where nobody is asked. */
export function answersText({ ask, answers }: Question, { width, style }: Paper): string {
  const said = answers.map(({ text, right, why }, index) =>
    `  ${style(right ? "good" : "faint", letter(index))}  ${
      hanging(`${text}: ${right ? "yes" : "no"}, ${why}`, width - 5, 5)
    }\n`
  );
  return `${style("title", paragraph([ask], width))}${said.join("")}\n`;
}

/** What is said to the one who chose an answer. */
export function reply({ answers }: Question, index: number, { width, style }: Paper): string {
  const answer = answers[index];
  if (answer === undefined) return "";
  const verdict = answer.right ? style("good", "Yes") : style("bad", "No");
  return `${verdict}: ${hanging(answer.why, width - 5, 0)}\n\n`;
}

/** What an answer is called: a, b, c. */
export function letter(index: number): string {
  return String.fromCharCode(97 + index);
}

function hanging(text: string, width: number, indent: number): string {
  return wrap(text, Math.max(10, width)).join(`\n${" ".repeat(indent)}`);
}

function mark(holds: boolean, style: Style): string {
  return holds ? style("good", "ok    ") : style("bad", "FAILED");
}
