/**
 * The program `causeway`: every mechanism from the command line. `causeway help` tells what it can do.
 *
 * @module
 */

import { main } from "./lib/cli/main.ts";

// Deno.exit rather than a natural end: a wait of the event loop's own thread must not keep a finished program alive.
if (import.meta.main) Deno.exit(await main(Deno.args));
