/**
 * The version, where it can be read without any permission. `tests/cli/main_test.ts` compares it with deno.json.
 *
 * @module
 */

/** The version of Causeway, as deno.json has it. */
export const VERSION = "0.1.0";
