/** `@std/path`, by way of the npm registry. */

// @ts-types="./path.d.ts"
export {
  basename,
  dirname,
  extname,
  fromFileUrl,
  isAbsolute,
  join,
  normalize,
  relative,
  resolve,
  toFileUrl,
} from "npm:deno-std@1.4.0/path/mod.js";
