/**
 * Text on lines of so many characters.
 *
 * @module
 */

/** The words of a text, as many on a line as there is room for. A word that is longer than a line is cut, and `more` stands for the rest. */
export function wrapped(text: string, room: number, more: string): string[] {
  const lines: string[] = [];
  for (const word of text.split(" ")) {
    const last = lines.at(-1);
    if (last !== undefined && last.length + 1 + word.length <= room) lines[lines.length - 1] = `${last} ${word}`;
    else lines.push(cut(word, room, more));
  }
  return lines;
}

/** A text on as many lines as it takes, none of it left out: a word that is longer than a line goes on in the next. */
export function folded(text: string, room: number): string[] {
  const pieces = text.split(" ").flatMap((word) => {
    const characters = Array.from(word);
    const count = Math.max(1, Math.ceil(characters.length / room));
    return Array.from({ length: count }, (_, index) => characters.slice(index * room, (index + 1) * room).join(""));
  });
  return wrapped(pieces.join(" "), room, "");
}

/** What has room of a text. */
export function cut(text: string, room: number, more: string): string {
  return text.length <= room ? text : text.slice(0, Math.max(0, room - 1)) + more;
}
