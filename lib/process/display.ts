/**
 * Commands as a person could type them.
 *
 * @module
 */

/** Words as one line of POSIX shell: quoted where a shell would read more into them, control characters escaped. */
export function displayCommand(words: readonly string[]): string {
  return words.map(displayWord).join(" ");
}

// deno-lint-ignore no-control-regex -- finding control characters is what it is for
const CONTROL = /[\x00-\x1f\x7f-\x9f]/g;

/** One word, as {@linkcode displayCommand} shows it. */
export function displayWord(word: string): string {
  if (/^[\w@%+=:,./-]+$/.test(word)) return word;
  if (word.search(CONTROL) === -1) return `'${word.replaceAll("'", `'\\''`)}'`;
  return `$'${word.replace(/[\\']/g, "\\$&").replace(CONTROL, escapeControl)}'`;
}

/** Text of a child, safe to print on a terminal: control characters but newline and tab are escaped. */
export function displayText(text: string): string {
  return text.replace(CONTROL, (character) => /[\n\t]/.test(character) ? character : escapeControl(character));
}

function escapeControl(character: string): string {
  const named: Record<string, string> = { "\n": "\\n", "\t": "\\t", "\r": "\\r", "\x1b": "\\e" };
  return named[character] ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, "0")}`;
}
