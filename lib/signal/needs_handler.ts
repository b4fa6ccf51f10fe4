/**
 * Whether our own handler can be used here, and what to say where it cannot.
 *
 * @module
 */

import { hasFfi, platform } from "../sys/platform.ts";

/** Whether our own handler receives here, and not Deno's. */
export function hasHandler(): boolean {
  return hasFfi() && platform().siginfoHandler;
}

/** The error of what only our own handler can do. */
export function needsHandler(what: string): Error {
  if (!hasFfi()) {
    // Says so where no flag would help.
    platform();
    return new Deno.errors.NotCapable(`Requires ffi access to ${what}, run again with the --allow-ffi flag`);
  }
  return new Error(`Not supported yet: to ${what} on ${platform().arch}`);
}
