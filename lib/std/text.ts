/** `@std/text/levenshtein-distance`, by way of the npm registry. */

// @ts-types="./text.d.ts"
export { levenshteinDistance } from "npm:deno-std@1.4.0/text/levenshtein_distance.js";
