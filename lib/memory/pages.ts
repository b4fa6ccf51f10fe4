/**
 * What a program can ask of the pages of its memory: to be fetched, kept, written out.
 *
 * @module
 */

import { check } from "../sys/errno.ts";
import { libc } from "../sys/libc.ts";
import { MADV, MAP } from "../sys/linux.ts";
import type { Mapping } from "../sys/memory.ts";

/** A part of a memory. The kernel works on whole pages: those in which the part lies. */
export interface MemoryRange {
  /**
   * First byte.
   * @default {0}
   */
  offset?: number | undefined;
  /** Bytes, at least 1; up to the end when left out. */
  length?: number | undefined;
}

/**
 * What the kernel is told about the use of pages, `madvise(2)`: how they will be read (`"normal"`, `"random"`, `"sequential"`); that they will be
 * needed soon (`"will-need"`), or now (`"populate"`: they are there when the call returns, or it fails); that they are not needed for a while
 * (`"cold"`), or to be written out now (`"page-out"`); that large pages may, or must not, be used for them; that they stay out of core dumps, or not.
 * Nothing of it changes a byte.
 */
export type MemoryAdvice =
  | "normal"
  | "random"
  | "sequential"
  | "will-need"
  | "populate"
  | "cold"
  | "page-out"
  | "huge-pages"
  | "no-huge-pages"
  | "no-dump"
  | "dump";

const ADVICE: Readonly<Record<Exclude<MemoryAdvice, "populate">, number>> = {
  "normal": MADV.NORMAL,
  "random": MADV.RANDOM,
  "sequential": MADV.SEQUENTIAL,
  "will-need": MADV.WILLNEED,
  "cold": MADV.COLD,
  "page-out": MADV.PAGEOUT,
  "huge-pages": MADV.HUGEPAGE,
  "no-huge-pages": MADV.NOHUGEPAGE,
  "no-dump": MADV.DONTDUMP,
  "dump": MADV.DODUMP,
};

/** `madvise(2)`. */
export function advise(
  mapping: Mapping,
  advice: MemoryAdvice,
  { range, writable, target }: { range: MemoryRange; writable: boolean; target: string },
): void {
  const number = advice === "populate" ? writable ? MADV.POPULATE_WRITE : MADV.POPULATE_READ : ADVICE[advice];
  if (number === undefined) {
    const known = [...Object.keys(ADVICE), "populate"].join(", ");
    throw new TypeError(`advice must be one of ${known}, got ${Deno.inspect(advice)}`);
  }
  const { pointer, byteLength } = pagesOf(mapping, range);
  check(libc().madvise(pointer, byteLength, number), `madvise(${advice})`, target, {
    EINVAL: "this kernel does not know it, or not for this kind of memory",
  });
}

/** `mlock(2)`. @returns How to `munlock(2)`. */
export function lockPages(mapping: Mapping, range: MemoryRange, target: string): Disposable {
  const { pointer, byteLength } = pagesOf(mapping, range);
  const hint = "raise the limit of locked memory (ulimit -l, RLIMIT_MEMLOCK)";
  check(libc().mlock(pointer, byteLength), "mlock", target, { ENOMEM: hint, EPERM: hint, EAGAIN: hint });
  let locked = true;
  return {
    [Symbol.dispose]() {
      // Unmapping has unlocked them.
      if (!locked || mapping.closed) return;
      locked = false;
      check(libc().munlock(pointer, byteLength), "munlock", target);
    },
  };
}

/** `msync(2)`. */
export function synchronise(mapping: Mapping, range: MemoryRange, wait: boolean, target: string): void {
  const { pointer, byteLength } = pagesOf(mapping, range);
  check(libc().msync(pointer, byteLength, wait ? MAP.MS_SYNC : MAP.MS_ASYNC), "msync", target);
}

function pagesOf(
  mapping: Mapping,
  range: MemoryRange,
): { pointer: NonNullable<Deno.PointerValue>; byteLength: bigint } {
  const { offset = 0, length = mapping.byteLength - offset } = range;
  return mapping.pagesOf(offset, length);
}
