/** Declarations for the part of `@std/text` that this repository uses. */

/** How many characters must be inserted, deleted or replaced to get from one text to the other. */
export function levenshteinDistance(from: string, to: string): number;
