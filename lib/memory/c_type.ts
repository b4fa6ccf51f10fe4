/**
 * What a field is in C: the words from which `Struct.cHeader()` prints a header.
 *
 * @module
 */

import type { FieldLayout } from "./field.ts";

/** A type in C: one that has a name, or a struct whose name depends on where it is used. */
export type CType = CNamedType | CStructType;

/** A type that C knows by a name. */
export interface CNamedType {
  /** Its name: `"uint32_t"`, `"struct causeway_mutex"`. */
  readonly type: string;
  /**
   * Lengths behind the member's name, the outermost first: `[32]` for `char name[32]`.
   * @default {[]}
   */
  readonly dimensions?: readonly number[];
  /**
   * What must stand in the header before the type can be used, in this order.
   * @default {[]}
   */
  readonly definitions?: readonly CDefinition[];
  /**
   * Names of the values from 0 on, which become constants.
   * @default {[]}
   */
  readonly values?: readonly string[];
  /** `_Alignas` of a member, where it is more than the type's own. */
  readonly alignas?: number;
  /**
   * Bytes behind a member that belong to it.
   * @default {0}
   */
  readonly padding?: number;
}

/** A struct that is defined in the header that uses it. */
export interface CStructType {
  /** Its fields, in their order. The same array stands for the same struct. */
  readonly members: readonly CMember[];
  /** C's `sizeof`, to be asserted. */
  readonly size: number;
  /**
   * Lengths behind the member's name, the outermost first.
   * @default {[]}
   */
  readonly dimensions?: readonly number[];
  /** `_Alignas` of a member, where it is more than the type's own. */
  readonly alignas?: number;
  /**
   * Bytes behind a member that belong to it.
   * @default {0}
   */
  readonly padding?: number;
}

/** A field of a struct in C. */
export interface CMember {
  /** Its name. */
  readonly name: string;
  /** Its offset in the struct. */
  readonly offset: number;
  /** The field. */
  readonly field: FieldLayout;
}

/**
 * Code that several headers may share: a struct and the functions that work on it. docs/layouts.md shows the same code, word for word
 * (`tests/memory/c_header_test.ts` compares them).
 */
export interface CDefinition {
  /** What it defines, an identifier such as `"mutex"`: the header has each name once, behind an `#ifndef`. */
  readonly name: string;
  /**
   * C11 that compiles without a warning under `-Wall -Wextra -Wno-unused-function`. `<stdatomic.h>`, `<stdbool.h>`, `<stddef.h>`, `<stdint.h>`,
   * `<string.h>` and `<unistd.h>` are included and `_GNU_SOURCE` is defined; other headers it includes itself. Functions are `static inline`.
   */
  readonly code: string;
}
