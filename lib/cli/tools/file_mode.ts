/**
 * File modes as chmod(1) writes them: `600`, `u=rw,g=r`, `a+r-w`, `go=u`.
 *
 * @module
 */

import { ClassicError } from "./classic.ts";

/** What a symbolic mode is worked out against. */
export interface ModeContext {
  /** The mode that it changes. */
  readonly base: number;
  /** The bits that an operation without u, g, o, a leaves alone. */
  readonly umask: number;
}

const CLASSES: Readonly<Record<string, number>> = { u: 0o4700, g: 0o2070, o: 0o1007, a: 0o7777 };
const PERMISSIONS: Readonly<Record<string, number>> = { r: 0o444, w: 0o222, x: 0o111, s: 0o6000, t: 0o1000 };
const SHIFT: Readonly<Record<string, number>> = { u: 6, g: 3, o: 0 };

const CLAUSE = /^[ugoa]*([-+=]([rwxXst]*|[ugo]|[0-7]+))+$/;

/**
 * The mode that a text means.
 *
 * @throws {ClassicError} `invalid mode`.
 */
export function parseMode(text: string, { base, umask }: ModeContext): number {
  if (/^[0-7]+$/.test(text)) {
    const mode = parseInt(text, 8);
    if (mode > 0o7777) throw new ClassicError("invalid mode");
    return mode;
  }
  let mode = base;
  for (const clause of text.split(",")) {
    if (!CLAUSE.test(clause)) throw new ClassicError("invalid mode");
    const who = /^[ugoa]*/.exec(clause)![0];
    const affected = [...who].reduce((bits, letter) => bits | CLASSES[letter]!, 0);
    for (const [, operator, what] of clause.slice(who.length).matchAll(/([-+=])([^-+=]*)/g)) {
      mode = apply(mode, { operator: operator!, what: what!, affected, umask });
    }
  }
  return mode;
}

interface Change {
  operator: string;
  what: string;
  /** The bits of the named classes; 0 when none was named. */
  affected: number;
  umask: number;
}

function apply(mode: number, { operator, what, affected, umask }: Change): number {
  const isOctal = /^[0-7]+$/.test(what);
  if (isOctal && (affected !== 0 || parseInt(what, 8) > 0o7777)) throw new ClassicError("invalid mode");
  const reach = isOctal ? 0o7777 : affected === 0 ? 0o7777 & ~umask : affected;
  const bits = (isOctal ? parseInt(what, 8) : bitsOf(what, mode)) & reach;
  if (operator === "+") return mode | bits;
  if (operator === "-") return mode & ~bits;
  return (affected === 0 ? 0 : mode & ~affected) | bits;
}

function bitsOf(what: string, mode: number): number {
  const shift = SHIFT[what];
  // Another class's permissions, for all classes.
  if (shift !== undefined) return (mode >> shift & 7) * 0o111;
  return [...what].reduce((bits, letter) => {
    if (letter === "X") return bits | ((mode & 0o111) === 0 ? 0 : 0o111);
    return bits | PERMISSIONS[letter]!;
  }, 0);
}
