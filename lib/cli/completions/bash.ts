/**
 * Completion for bash: one function that looks at COMP_WORDS, and needs nothing else installed.
 *
 * @see {@link https://www.gnu.org/software/bash/manual/html_node/Programmable-Completion.html Programmable Completion}
 * @module
 */

import type { CommandShape, OptionShape } from "./shape.ts";
import { singleQuoted } from "./single_quoted.ts";
import type { WordSource } from "./word_source.ts";

/** The script. */
export function bashScript(commands: readonly CommandShape[]): string {
  const names = ["help", ...commands.map(({ name }) => name)];
  const cases = commands.map((command) => `    ${command.name})\n${commandCase(command)}      ;;\n`).join("");
  return `# bash completion of causeway. For good: causeway completions bash > ~/.local/share/bash-completion/completions/causeway
# For this shell: source <(causeway completions bash)

_causeway() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev= command= i
  (( COMP_CWORD > 0 )) && prev=\${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  # Bash makes three words of --name=value.
  if [[ $cur == = ]]; then cur=
  elif [[ $prev == = ]] && (( COMP_CWORD > 1 )); then prev=\${COMP_WORDS[COMP_CWORD - 2]}
  fi
  if (( COMP_CWORD == 1 )); then
    _causeway_from -W ${words([...names, "--help", "--version"])}
    return
  fi
  command=\${COMP_WORDS[1]}
  # What follows -- is another program's, or a name that looks like an option.
  for (( i = 2; i < COMP_CWORD; i++ )); do
    [[ \${COMP_WORDS[i]} == -- ]] && { _causeway_from -f; return; }
  done
  case $command in
    help)
      _causeway_from -W ${words(names.slice(1))}
      ;;
${cases}  esac
}

# Whole lines of compgen: a file's name may have spaces.
_causeway_from() {
  local line
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(compgen "$@" -- "$cur")
  # Outside of a completion, as in a test, there is nothing to set.
  [[ $1 == -f || $1 == -d ]] && compopt -o filenames 2>/dev/null
  return 0
}

complete -F _causeway causeway
`;
}

function commandCase({ options, verbs, source }: CommandShape): string {
  const names = options.flatMap((option) => option.names);
  const values = options.filter(({ value }) => value !== undefined).map(valueCase);
  return [
    values.length === 0 ? "" : `      case $prev in\n${values.join("")}      esac\n`,
    `      if [[ $cur == -* ]]; then _causeway_from -W ${words(names)}\n`,
    verbs.length === 0 ? "" : `      elif (( COMP_CWORD == 2 )); then _causeway_from -W ${words(verbs)}\n`,
    ...generator(source).map((arguments_) => `      else _causeway_from ${arguments_}\n`),
    "      fi\n",
  ].join("");
}

/** An optional value comes after `=`; another one is the next word, whatever it looks like. */
function valueCase({ names, optional, source }: OptionShape): string {
  const [arguments_ = "-W ''"] = generator(source);
  const work = `_causeway_from ${arguments_}; return`;
  return `        ${names.join("|")}) ${
    optional ? `[[ \${COMP_WORDS[COMP_CWORD]} == = || \${COMP_WORDS[COMP_CWORD - 1]} == = ]] && { ${work}; }` : work
  } ;;\n`;
}

function generator(source: WordSource): string[] {
  if (typeof source !== "string") return [`-W ${words(source)}`];
  switch (source) {
    case "files":
      return ["-f"];
    case "directories":
      return ["-d"];
    case "programs":
      return ["-c"];
    case "processes":
      // The shell's own glob: ps may not be there, and pids are directories of /proc.
      return [`-W "$(cd /proc 2>/dev/null && printf '%s ' [0-9]*)"`];
    case "nothing":
      return [];
  }
}

function words(list: readonly string[]): string {
  return singleQuoted(list.join(" "));
}
