/** `@std/cli/parse-args`, by way of the npm registry. */

// @ts-types="./parse_args.d.ts"
export { parseArgs } from "npm:deno-std@1.4.0/cli/parse_args.js";
// The type-only line needs its own path: the package has no types to export.
export type { Args, ParseOptions } from "./parse_args.d.ts";
