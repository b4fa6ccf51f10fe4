/**
 * Where the words that a person may type come from: what the command table calls `FILE`, `SIGNAL`, `PID` …
 *
 * @module
 */

/** Where words come from. A list is all that may be typed; the others the shell knows itself. */
export type WordSource = "nothing" | "files" | "directories" | "programs" | "processes" | readonly string[];

/** What is typed for a placeholder of the command table, whichever command has it. */
const SOURCES: Readonly<Record<string, WordSource>> = {
  FILE: "files",
  PATH: "files",
  DIR: "directories",
  DIRECTORY: "files",
  PROGRAM: "programs",
  PID: "processes",
  SHELL: ["bash", "zsh", "fish"],
  CATEGORY: ["shm", "msg", "sem", "pshm", "pmsg", "psem"],
};

/** Lists that are made when they are asked for: the modules that have them are imported then. Of one command, or of any that has the placeholder. */
const LISTS: Readonly<Record<string, () => Promise<readonly string[]>>> = {
  SIGNAL: async () => signalNames((await import("../../signal/mod.ts")).SIGNALS),
  MECHANISM: async () => (await import("../demo/mechanism.ts")).MECHANISMS.map(({ name }) => name),
  "trace MECHANISM": async () => (await import("../trace/scenes.ts")).SCENES.map(({ name }) => name),
  "ls KIND": async () => (await import("../../inspect/object.ts")).OBJECT_KINDS,
  "ls KEY": async () => (await import("../ls/choose.ts")).SORT_KEYS,
  LESSON: async () => (await import("../learn/lesson.ts")).LESSONS.map(({ name }) => name),
};

/** What one command means by a placeholder where others mean something else. */
const OF_COMMAND: Readonly<Record<string, Readonly<Record<string, WordSource>>>> = {
  flock: { COMMAND: "programs" },
  up: {
    WHEN: ["never", "on-failure", "always"],
    VERB: ["status", "start", "stop", "restart", "logs"],
    NAME: "nothing",
  },
  each: { WHEN: ["never", "soon", "now"] },
};

/** Every list that there is, made once. */
export class WordSources {
  readonly #lists: ReadonlyMap<string, readonly string[]>;

  private constructor(lists: ReadonlyMap<string, readonly string[]>) {
    this.#lists = lists;
  }

  /** Makes the lists. @param commands The names of all commands. */
  static async load(commands: readonly string[]): Promise<WordSources> {
    const made = await Promise.all(Object.entries(LISTS).map(async ([name, make]) => [name, await make()] as const));
    return new WordSources(new Map([...made, ["COMMAND", commands]]));
  }

  /** Where the words come from that a command calls so; of several the first that is known. */
  of(command: string, placeholders: readonly string[]): WordSource {
    for (const placeholder of placeholders) {
      const own = OF_COMMAND[command]?.[placeholder] ?? this.#lists.get(`${command} ${placeholder}`);
      const source = own ?? this.#lists.get(placeholder) ?? SOURCES[placeholder] ?? "nothing";
      if (source !== "nothing") return source;
    }
    return "nothing";
  }
}

function signalNames(signals: readonly { readonly name: string }[]): string[] {
  return signals.map(({ name }) => name.replace(/^SIG/, ""));
}
