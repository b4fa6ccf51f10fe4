/**
 * What to say where FFI is missing.
 *
 * @module
 */

import { platform } from "./platform.ts";

/**
 * The error of something that only libc can do, in Deno's own words.
 *
 * @throws {Error} `Not supported yet: …` where no flag would help.
 */
export function needsFfi(what: string): Error {
  platform();
  return new Deno.errors.NotCapable(`${what} requires ffi access, run again with the --allow-ffi flag`);
}
