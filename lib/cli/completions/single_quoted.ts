/**
 * Text that no shell touches.
 *
 * @module
 */

/** As one word of bash and zsh: within single quotes only the quote itself means something. */
export function singleQuoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

/** As one word of fish, where a backslash within single quotes escapes a quote or another backslash. */
export function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, "\\$&")}'`;
}
