/**
 * Completion for zsh: a function for `$fpath`, or to be sourced after `compinit`.
 *
 * @see {@link https://zsh.sourceforge.io/Doc/Release/Completion-System.html Completion System}
 * @module
 */

import type { CommandShape, OptionShape } from "./shape.ts";
import { singleQuoted } from "./single_quoted.ts";
import type { WordSource } from "./word_source.ts";

/** The script. */
export function zshScript(commands: readonly CommandShape[]): string {
  const described = [{ name: "help", summary: "all commands, or one" }, ...commands].map(({ name, summary }) =>
    `    ${singleQuoted(`${name.replaceAll(":", "\\:")}:${summary}`)}\n`
  ).join("");
  const names = commands.map(({ name }) => name);
  return `#compdef causeway
# zsh completion of causeway. For good: causeway completions zsh > a directory of $fpath, as _causeway
# For this shell, after compinit: source <(causeway completions zsh)

_causeway() {
  local -a commands
  commands=(
${described}  )
  if (( CURRENT == 2 )); then
    if [[ $words[2] == -* ]]; then _values option '--help[all commands]' '--version[the version]'
    else _describe -t commands command commands
    fi
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
    help) _arguments ${singleQuoted(`1:command:(${names.join(" ")})`)} ;;
${commands.map(commandCase).join("")}  esac
}

# Autoloaded from $fpath, this file is the function's body; sourced, it only defines.
if [[ $funcstack[1] == _causeway ]]; then _causeway "$@"
else compdef _causeway causeway
fi
`;
}

function commandCase(command: CommandShape): string {
  const { name, options, verbs } = command;
  const specifications = [
    ...options.flatMap(optionSpecifications),
    ...(verbs.length > 0 ? [`1:verb:(${verbs.join(" ")})`] : []),
    // Behind the name of a program come that program's own words.
    ...(command.source === "programs"
      ? ["1:program:_command_names -e", "*::argument:_normal"]
      : [`*:argument:${action(command.source)}`]),
  ];
  return `    ${name})\n      _arguments -S \\\n${
    specifications.map((each) => `        ${singleQuoted(each)}`).join(" \\\n")
  }\n      ;;\n`;
}

/** One specification a name: each excludes the other names of the same option, unless it may be repeated. */
function optionSpecifications({ names, value, optional, meaning, source }: OptionShape): string[] {
  const repeated = /repeated/.test(meaning);
  return names.map((name) => {
    const others = repeated ? "*" : `(${names.join(" ")})`;
    const glue = value === undefined
      ? ""
      : optional
      ? (name.startsWith("--") ? "=-" : "-")
      : name.startsWith("--")
      ? "="
      : "+";
    const argument = value === undefined ? "" : `${optional ? "::" : ":"}${value}:${action(source)}`;
    return `${others}${name}${glue}[${escaped(meaning)}]${argument}`;
  });
}

function action(source: WordSource): string {
  if (typeof source !== "string") return `(${source.join(" ")})`;
  return {
    files: "_files",
    directories: "_files -/",
    programs: "_command_names -e",
    processes: "_pids",
    nothing: "",
  }[source];
}

/** In a specification brackets end a description, a colon begins the next part. */
function escaped(text: string): string {
  return text.replace(/[\\[\]:]/g, "\\$&");
}
