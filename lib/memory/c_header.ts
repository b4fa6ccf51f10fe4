/**
 * A layout as a C header.
 *
 * @module
 */

import type { CDefinition, CMember, CStructType, CType } from "./c_type.ts";
import { constantOf } from "./enumeration_field.ts";
import { HEADER_IN_C, INCLUDES_IN_C } from "./header_in_c.ts";

/** What is printed. */
export interface PrintedLayout {
  type: CStructType;
  size: number;
  layout: string;
  fingerprint: bigint;
}

/**
 * Prints a complete header: the struct with static assertions of its size and of every offset, what its fields need (the locks, with their
 * functions), and functions that open and create it behind Causeway's header.
 *
 * @throws {TypeError} For a name that cannot be.
 */
export function printCHeader(name: string, layout: PrintedLayout): string {
  if (!/^[A-Za-z_]\w*$/.test(name) || KEYWORDS.has(name)) {
    throw new TypeError(`name must be an identifier of C, got ${JSON.stringify(name)}`);
  }
  const printer = new Printer();
  printer.struct(layout.type.members, name, layout.size);
  const NAME = name.toUpperCase();
  const definitions = [HEADER_IN_C, ...printer.definitions];
  return [
    "/* Printed by Causeway from a layout. Change the layout, not this file. */",
    `#ifndef CAUSEWAY_STRUCT_${NAME}`,
    `#define CAUSEWAY_STRUCT_${NAME}`,
    "#ifndef _GNU_SOURCE",
    "#define _GNU_SOURCE",
    "#endif",
    INCLUDES_IN_C,
    ...definitions.map(guarded),
    ...printer.code,
    `#define ${NAME}_LAYOUT ${JSON.stringify(layout.layout)}`,
    `#define ${NAME}_FINGERPRINT 0x${layout.fingerprint.toString(16).padStart(16, "0")}u`,
    "",
    ...["open", "create"].map((verb) =>
      `static inline struct ${name} *${name}_${verb}(void *memory, size_t length) {\n` +
      `  return (struct ${name} *)causeway_${verb}(memory, length, ${NAME}_LAYOUT, sizeof(struct ${name}));\n}\n`
    ),
    "#endif",
    "",
  ].join("\n");
}

/** Two headers may bring the same code. */
function guarded({ name, code }: CDefinition): string {
  const guard = `CAUSEWAY_${name.toUpperCase()}_IN_C`;
  return `#ifndef ${guard}\n#define ${guard}${code}#endif\n`;
}

class Printer {
  readonly code: string[] = [];
  readonly #definitions = new Map<string, CDefinition>();
  /** The name that a struct got where it was first met. */
  readonly #structs = new Map<readonly CMember[], string>();

  get definitions(): Iterable<CDefinition> {
    return this.#definitions.values();
  }

  /** Prints what the members need, and then the struct. */
  struct(members: readonly CMember[], wanted: string, size: number): string {
    const known = this.#structs.get(members);
    if (known !== undefined) return known;
    // Field a_b of the whole, and field b of its field a, want the same name.
    const taken = new Set(this.#structs.values());
    let name = wanted;
    for (let number = 2; taken.has(name); number++) name = `${wanted}_${number}`;
    this.#structs.set(members, name);
    const lines = members.flatMap((member) => this.#member(member, name));
    const asserts = [
      assertion(`sizeof(struct ${name}) == ${size}`, name),
      ...members.map((member) =>
        assertion(`offsetof(struct ${name}, ${identifier(member.name)}) == ${member.offset}`, `${name}.${member.name}`)
      ),
    ];
    this.code.push([`struct ${name} {`, ...lines, "};", ...asserts, ""].join("\n"));
    return name;
  }

  #member({ name, offset, field: { c } }: CMember, owner: string): string[] {
    const alignas = c.alignas === undefined ? "" : `_Alignas(${c.alignas}) `;
    const dimensions = (c.dimensions ?? []).map((length) => `[${length}]`).join("");
    const lines = [`  ${alignas}${this.#typeOf(c, `${owner}_${name}`)} ${identifier(name)}${dimensions};`];
    if (c.padding !== undefined && c.padding > 0) lines.push(`  uint8_t causeway_padding_${offset}[${c.padding}];`);
    return lines;
  }

  #typeOf(c: CType, name: string): string {
    if ("members" in c) return `struct ${this.struct(c.members, name, c.size)}`;
    for (const definition of c.definitions ?? []) this.#definitions.set(definition.name, definition);
    const constants = (c.values ?? []).map((value, index) =>
      `  ${name.toUpperCase()}_${constantOf(value)} = ${index},`
    );
    if (constants.length > 0) this.code.push(["enum {", ...constants, "};", ""].join("\n"));
    return c.type;
  }
}

function assertion(condition: string, message: string): string {
  return `_Static_assert(${condition}, "${message}");`;
}

/** A field's name in C: with an underscore behind it where C has the word for itself. */
function identifier(name: string): string {
  return KEYWORDS.has(name) ? `${name}_` : name;
}

/** Words of C11, of the headers that are included, and macros of compilers; `default` and such are fine names in TypeScript. */
const KEYWORDS: ReadonlySet<string> = new Set(
  ("auto break case char const continue default do double else enum extern float for goto if inline int long register restrict return short " +
    "signed sizeof static struct switch typedef union unsigned void volatile while asm typeof bool true false linux unix NULL offsetof")
    .split(" "),
);
