/**
 * The command of `causeway each`, with the places where items go.
 *
 * Replacement happens once, word by word, and no word is ever split or read again: an item that holds `{}` or a blank stays what it is.
 *
 * @module
 */

import { UsageError } from "../command_line.ts";

/** What fills a template. */
export interface Filling {
  /** The job's items. */
  readonly items: readonly string[];
  /** The job's number, from 1. */
  readonly sequence: number;
  /** Its place, from 1. */
  readonly slot: number;
}

/** `{}`, `{.}`, `{/}`, `{//}`, `{/.}`, each also with a number, and `{#}`, `{%}`. */
const PLACE = /\{(?<position>\d*)(?<form>\.|\/\.|\/\/|\/)?\}|\{(?<counter>[#%])\}/g;

/** A command with places for items. */
export class Template {
  readonly #words: readonly string[];

  /** When no place for an item is in the words, the items come last. */
  constructor(words: readonly string[]) {
    const hasPlace = words.some((word) => word.search(PLACE) !== -1);
    this.#words = hasPlace ? words : [...words, "{}"];
  }

  /**
   * Refuses numbers that no job will have an item for.
   *
   * @param most The most items that a job can have.
   * @throws {UsageError}
   */
  checkPositions(most: number): void {
    for (const word of this.#words) {
      for (const { groups = {}, 0: place } of word.matchAll(PLACE)) {
        const position = groups["position"];
        if (position === undefined || position === "") continue;
        if (Number(position) < 1 || Number(position) > most) {
          throw new UsageError(`each: ${place} has no item: a job has at most ${most}`);
        }
      }
    }
  }

  /** The words of one job. */
  fill(filling: Filling): string[] {
    return this.#words.flatMap((word) => fillWord(word, filling));
  }
}

function fillWord(word: string, filling: Filling): string[] {
  const alone = /^\{(?<position>\d*)(?<form>\.|\/\.|\/\/|\/)?\}$/.exec(word)?.groups;
  // A place that is a whole word becomes a word for each item.
  if (alone !== undefined) return itemsAt(alone["position"], filling).map((item) => formOf(item, alone["form"]));
  return [
    word.replace(PLACE, (...match) => {
      const groups: Record<string, string | undefined> = match.at(-1);
      if (groups["counter"] === "#") return String(filling.sequence);
      if (groups["counter"] === "%") return String(filling.slot);
      return itemsAt(groups["position"], filling).map((item) => formOf(item, groups["form"])).join(" ");
    }),
  ];
}

/** All items, or the one of a number; none where the last job has fewer. */
function itemsAt(position: string | undefined, { items }: Filling): readonly string[] {
  return position === undefined || position === "" ? items : items.slice(Number(position) - 1, Number(position));
}

function formOf(item: string, form: string | undefined): string {
  switch (form) {
    case ".":
      return withoutExtension(item);
    case "/":
      return baseName(item);
    case "/.":
      return withoutExtension(baseName(item));
    case "//":
      return directoryName(item);
    default:
      return item;
  }
}

/** Without the last dot of its last part and what follows. As GNU parallel: `.profile` is all extension. */
function withoutExtension(path: string): string {
  return path.replace(/\.[^./]*$/, "");
}

function baseName(path: string): string {
  return path.slice(path.lastIndexOf("/") + 1);
}

/** As dirname(1): slashes at the end do not count. */
function directoryName(path: string): string {
  if (path === "") return "";
  const whole = path.replace(/\/+$/, "");
  const slash = whole.lastIndexOf("/");
  if (slash === -1) return whole === "" ? "/" : ".";
  return whole.slice(0, slash).replace(/\/+$/, "") || "/";
}
