/**
 * Standard Schema, the interface that validators have in common, written out: types only, so that any validator fits and none is needed.
 *
 * @see {@link https://standardschema.dev Standard Schema}
 * @module
 */

import { ValidationError } from "../errors.ts";

/** A validator of any library that speaks Standard Schema, version 1. */
export interface StandardSchema<Input = unknown, Output = Input> {
  /** What the interface consists of. */
  readonly "~standard": {
    /** Of the interface. */
    readonly version: 1;
    /** The library. */
    readonly vendor: string;
    /** Checks a value. */
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    /** For types only: never read. */
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

/** The part of a {@linkcode StandardSchema} that is called. */
export interface Validator<Output = unknown> {
  /** What the interface consists of. */
  readonly "~standard": Pick<StandardSchema<unknown, Output>["~standard"], "validate">;
}

/** What a validator says of a value. */
export type SchemaResult<Output> = { readonly value: Output; readonly issues?: undefined } | {
  readonly issues: readonly SchemaIssue[];
};

/** One thing that is wrong with a value. */
export interface SchemaIssue {
  /** What is wrong. */
  readonly message: string;
  /** Where: keys from the outside in. */
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/**
 * What a validator makes of a value.
 *
 * @returns A promise when the validator is asynchronous.
 * @throws {ValidationError} When it refuses the value.
 */
export function validate<Output>(
  schema: Validator<Output>,
  value: unknown,
  what: string,
): Output | Promise<Output> {
  const result = schema["~standard"].validate(value);
  return result instanceof Promise ? result.then((settled) => judge(settled, what)) : judge(result, what);
}

function judge<Output>(result: SchemaResult<Output>, what: string): Output {
  if (result.issues === undefined) return result.value;
  throw new ValidationError(what, result.issues.map(({ message, path }) => ({ message, path: pathOf(path) })));
}

/** `["jobs", 0, "name"]` as a program would write it: `jobs[0].name`. */
function pathOf(path: SchemaIssue["path"] = []): string {
  return path.map((segment, index) => {
    const key = typeof segment === "object" ? segment.key : segment;
    if (typeof key === "number" || (typeof key === "string" && /^\d+$/.test(key))) return `[${key}]`;
    const named = typeof key === "string" && /^[A-Za-z_$][\w$]*$/.test(key);
    if (!named) return `[${typeof key === "symbol" ? String(key) : JSON.stringify(key)}]`;
    return index === 0 ? key : `.${key}`;
  }).join("");
}
