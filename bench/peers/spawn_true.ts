/** `/bin/true`, by Causeway and by Deno itself, with the same standard descriptors. */

import { command } from "../../mod.ts";
import { serveRounds } from "./serve_rounds.ts";

const WAYS: Record<string, () => Promise<unknown>> = {
  "causeway": () => command("/bin/true").status(),
  "causeway-output": () => command("/bin/true").output(),
  "deno": () => new Deno.Command("/bin/true", { stdin: "null", stdout: "inherit", stderr: "inherit" }).spawn().status,
  "deno-output": () => new Deno.Command("/bin/true", { stdin: "null", stdout: "piped", stderr: "piped" }).output(),
};
const way = WAYS[Deno.args[1] ?? ""];
if (way === undefined) throw new TypeError(`Unknown way ${Deno.args[1]}`);

await serveRounds(async (operations) => {
  for (let i = 0; i < operations; i++) await way();
});
