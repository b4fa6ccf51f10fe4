/**
 * Colours: on a terminal only, and never under NO_COLOR.
 *
 * @module
 */

import { styleText } from "node:util";

/** What a piece of text is, for whoever reads it on a terminal. */
export type Role = "title" | "good" | "bad" | "faint" | "name";

const FORMATS = { title: "bold", good: "green", bad: "red", faint: "gray", name: "cyan" } as const;

/** Marks text up for a terminal. */
export type Style = (role: Role, text: string) => string;

/** The style for something that is printed to a stream: plain, unless the stream is a terminal. */
export function styleFor(stream: { isTerminal(): boolean }): Style {
  if (Deno.noColor || !stream.isTerminal()) return (_role, text) => text;
  // The stream was looked at already; letting styleText look would read variables, and that needs a permission.
  return (role, text) => styleText(FORMATS[role], text, { validateStream: false });
}
