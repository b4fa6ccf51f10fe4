/**
 * Colours: on a terminal only, and never under NO_COLOR.
 *
 * @module
 */

/** What a piece of text is, for whoever reads it on a terminal. */
export type Role = "title" | "good" | "bad" | "faint" | "name";

/** What begins and what ends each: SGR parameters. Not by `node:util`, which takes 10 ms to load. */
const FORMATS = { title: [1, 22], good: [32, 39], bad: [31, 39], faint: [90, 39], name: [36, 39] } as const;

/** Marks text up for a terminal. */
export type Style = (role: Role, text: string) => string;

/** The style for something that is printed to a stream: plain, unless the stream is a terminal. */
export function styleFor(stream: { isTerminal(): boolean }): Style {
  if (Deno.noColor || !stream.isTerminal()) return (_role, text) => text;
  return (role, text) => {
    const [begin, end] = FORMATS[role];
    return `\x1b[${begin}m${text}\x1b[${end}m`;
  };
}
