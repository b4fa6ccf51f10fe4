/**
 * Completion for fish.
 *
 * @see {@link https://fishshell.com/docs/current/completions.html Writing your own completions}
 * @module
 */

import type { CommandShape, OptionShape } from "./shape.ts";
import { fishQuoted } from "./single_quoted.ts";
import type { WordSource } from "./word_source.ts";

/** The script. */
export function fishScript(commands: readonly CommandShape[]): string {
  const first = [{ name: "help", summary: "all commands, or one" }, ...commands].map(({ name, summary }) =>
    `complete -c causeway -n __causeway_first -a ${name} -d ${fishQuoted(summary)}\n`
  ).join("");
  return `# fish completion of causeway. For good: causeway completions fish > ~/.config/fish/completions/causeway.fish
# For this shell: causeway completions fish | source

function __causeway_first
    test (count (commandline -opc)) -eq 1
end

# The command is the first word; a later one may have a command's name and be something else. After -- nothing is an option.
function __causeway_is
    set -l words (commandline -opc)
    test (count $words) -gt 1; and test "$words[2]" = $argv[1]; and not contains -- -- $words
end

function __causeway_verb
    __causeway_is $argv[1]; and test (count (commandline -opc)) -eq 2
end

function __causeway_later
    __causeway_is $argv[1]; and test (count (commandline -opc)) -gt 2
end

complete -c causeway -e
${first}complete -c causeway -n __causeway_first -l version -d 'the version'
${commands.map(commandLines).join("")}complete -c causeway -f -n '__causeway_is help' -a ${
    fishQuoted(commands.map(({ name }) => name).join(" "))
  }
complete -c causeway -f -n __causeway_first
`;
}

function commandLines({ name, options, verbs, source }: CommandShape): string {
  const when = `complete -c causeway -n ${fishQuoted(`__causeway_is ${name}`)}`;
  const rest = `complete -c causeway -n ${
    fishQuoted(`${verbs.length > 0 ? "__causeway_later" : "__causeway_is"} ${name}`)
  }`;
  return [
    ...options.map((option) => `${when} ${optionPart(option)} -d ${fishQuoted(option.meaning)}\n`),
    ...(verbs.length > 0
      ? [`complete -c causeway -f -n ${fishQuoted(`__causeway_verb ${name}`)} -a ${fishQuoted(verbs.join(" "))}\n`]
      : []),
    `${rest} ${sourcePart(source)}\n`,
  ].join("");
}

function optionPart({ names, value, optional, source }: OptionShape): string {
  const flags = names.map((name) =>
    name.startsWith("--") ? `-l ${name.slice(2)}` : `${name.length > 2 ? "-o" : "-s"} ${name.slice(1)}`
  );
  if (value === undefined) return flags.join(" ");
  // An option whose value may be missing takes it after = only; then fish must not want it.
  return `${flags.join(" ")} ${optional ? sourcePart(source) : `-r ${sourcePart(source)}`}`;
}

function sourcePart(source: WordSource): string {
  if (typeof source !== "string") return `-f -a ${fishQuoted(source.join(" "))}`;
  return {
    files: "-F",
    directories: "-f -a '(__fish_complete_directories)'",
    programs: "-f -a '(__fish_complete_subcommand --fcs-skip=2)'",
    processes: "-f -a '(__fish_complete_pids)'",
    nothing: "-f",
  }[source];
}
