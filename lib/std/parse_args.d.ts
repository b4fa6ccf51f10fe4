/** Declarations for `parseArgs` of `@std/cli/parse-args`: names become property types. */

/** What a word of the command line can become when nothing is declared about it. */
export type Value = string | number | boolean;

/** What {@linkcode parseArgs} should expect. `B`, `S`, `C`, `N` are unions of option names, inferred from the lists. */
export interface ParseOptions<
  B extends string,
  S extends string,
  C extends string,
  N extends string,
  D extends object,
  DD extends boolean,
> {
  /** Options without a value: `false` when absent. `true` makes every double-dash option without `=` one. */
  boolean?: boolean | B | readonly B[];
  /** Options whose value stays text. `"_"` keeps positional words text too. */
  string?: S | readonly S[];
  /** Options that may be repeated; each gives an array. */
  collect?: C | readonly C[];
  /** Options that `--no-NAME` sets to `false`. */
  negatable?: N | readonly N[];
  /** Values of absent options. */
  default?: D;
  /** Other spellings. A value is always readable by its declared name. */
  alias?: Readonly<Record<string, string | readonly string[]>>;
  /**
   * Put everything after the first positional word into `_`.
   * @default false
   */
  stopEarly?: boolean;
  /**
   * Put what follows `--` into the property `"--"`, not into `_`.
   * @default false
   */
  "--"?: DD;
  /** Called for each word that nothing declares; `false` leaves the word out. A positional word comes without a key. */
  unknown?: (word: string, key?: string, value?: unknown) => unknown;
}

type DefaultOf<K extends PropertyKey, D> = K extends keyof D ? D[K] : never;
type DefaultOrUndefined<K extends PropertyKey, D> = K extends keyof D ? D[K] : undefined;
type FalseIf<K, N> = K extends N ? false : never;

type OptionValue<K extends string, B, S, C, N, D> = K extends C ?
    | (K extends B ? boolean[] : K extends S ? string[] : Value[] | DefaultOrUndefined<K, D>)
    | DefaultOf<K, D>
    | FalseIf<K, N>
  : K extends B ? boolean | DefaultOf<K, D>
  : K extends S ? string | DefaultOrUndefined<K, D> | FalseIf<K, N>
  : Value | DefaultOrUndefined<K, D>;

type OptionNames<B, S, C, N, D> = Exclude<Extract<B | S | C | N | keyof D, string>, "_">;

/** What {@linkcode parseArgs} returns: one property per declared name; any name when none was declared. */
export type Args<B extends string, S extends string, C extends string, N extends string, D extends object, DD> =
  & { _: "_" extends S ? string[] : (string | number)[] }
  & (DD extends true ? { "--": string[] } : unknown)
  & ([OptionNames<B, S, C, N, D>] extends [never] ? { [name: string]: unknown }
    : { [K in OptionNames<B, S, C, N, D>]: OptionValue<K, B, S, C, N, D> });

/** `parseArgs(Deno.args, options)`: sorts the words of a command line into typed options and positional words. */
export function parseArgs<
  B extends string = never,
  S extends string = never,
  C extends string = never,
  N extends string = never,
  // deno-lint-ignore ban-types
  D extends object = {},
  DD extends boolean = false,
>(args: readonly string[], options?: ParseOptions<B, S, C, N, D, DD>): Args<B, S, C, N, D, DD>;
