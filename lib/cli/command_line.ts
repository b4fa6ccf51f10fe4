/**
 * What the commands of the program have in common: how one is described, and how one says that it was called wrongly.
 *
 * @module
 */

/** One command of the program. */
export interface CommandEntry {
  /** Its name. */
  readonly name: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** Its synopsis, without the program's name. */
  readonly usage: string;
  /** Everything else that a reader should know, in lines. */
  readonly description: readonly string[];
  /** Its options, each with what it does. */
  readonly options: readonly (readonly [option: string, meaning: string])[];
  /** Command lines to copy, without the program's name, each with what it shows. */
  readonly examples: readonly (readonly [commandLine: string, meaning: string])[];
  /** Imports its code, which happens only when it is called. */
  load(): Promise<CommandModule>;
}

/** The code of a command. */
export interface CommandModule {
  /**
   * Does the work.
   *
   * @param args The words after the command's name.
   * @returns The exit code.
   */
  run(args: readonly string[]): Promise<number>;
}

/** The program was called wrongly: exit code 2, and the one line that helps. */
export class UsageError extends Error {
  /** Always `"UsageError"`. */
  override readonly name = "UsageError";
}

/** `--help` stood where an option of the command may stand. */
export class HelpRequested extends Error {
  /** Always `"HelpRequested"`. */
  override readonly name = "HelpRequested";
}

/** The program cannot go on: the message, and an exit code that means something. */
export class CommandError extends Error {
  /** Always `"CommandError"`. */
  override readonly name = "CommandError";
  /** The exit code. */
  readonly exitCode: number;

  /** Says why in one line for people, and what the program exits with. */
  constructor(message: string, exitCode: number, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** `: did you mean "demo"?` when a name is close to one that exists, or else all of them. */
export async function suggestion(word: string, names: readonly string[]): Promise<string> {
  const { levenshteinDistance } = await import("../std/text.ts");
  const ranked = names.map((name) => ({ name, distance: isSwap(word, name) ? 1 : levenshteinDistance(word, name) }))
    .sort((left, right) => left.distance - right.distance);
  const [nearest] = ranked;
  if (nearest !== undefined && nearest.distance <= tolerance(nearest.name)) {
    return `did you mean ${JSON.stringify(nearest.name)}?`;
  }
  return names.length === 0 ? "there are none" : `there are ${names.join(", ")}`;
}

/** Whether two neighbours have changed places and nothing else. */
function isSwap(typed: string, meant: string): boolean {
  const at = [...typed].findIndex((letter, index) => letter !== meant[index]);
  return at !== -1 && typed === meant.slice(0, at) + (meant[at + 1] ?? "") + meant[at] + meant.slice(at + 2);
}

/** How many slips a typist may make; two neighbours in the wrong order are one. */
function tolerance(name: string): number {
  return name.length < 4 ? 1 : Math.max(2, Math.floor(name.length / 3));
}
