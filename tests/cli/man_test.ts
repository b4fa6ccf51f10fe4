// Needs: groff
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { COMMANDS } from "../../lib/cli/commands.ts";
import { commandPage } from "../../lib/cli/man/page.ts";
import { roff } from "../../lib/cli/man/roff.ts";
import { causeway } from "./causeway.ts";

/** The page as a terminal without any markup shows it; a warning of groff is an error. */
async function set(page: string, width = 1000): Promise<string> {
  const child = new Deno.Command("groff", {
    args: ["-ww", "-man", "-Tutf8", "-P-cbou", `-rLL=${width}n`],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(page));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  // Some installations show a minus sign where others have the dash that one can copy.
  return new TextDecoder().decode(stdout).replaceAll("−", "-");
}

Deno.test("causeway man has every section, command, option and example, and groff has nothing to say about it", async () => {
  const { code, stdout, stderr } = await causeway(["man"], { flags: [] });
  assertEquals([code, stderr], [0, ""]);
  const page = await set(stdout);
  const sections = [...page.matchAll(/^([A-Z][A-Z ]+)$/gm)].map(([, name]) => name);
  assertEquals(sections, [
    "NAME",
    "SYNOPSIS",
    "DESCRIPTION",
    "COMMANDS",
    "EXIT STATUS",
    "ENVIRONMENT",
    "EXAMPLES",
    "SEE ALSO",
  ]);
  const text = page.replace(/\s+/g, " ");
  for (const { name, options, examples } of COMMANDS) {
    assertMatch(page, new RegExp(`^   ${name}$`, "m"), name);
    for (const [option] of options) assertStringIncludes(text, option);
    for (const [line] of examples) assertStringIncludes(text, `causeway ${line}`);
  }
  assertStringIncludes(page, "NO_COLOR");
  // Adjusted lines would tear a command line apart.
  await set(stdout, 40);
});

for (const command of COMMANDS) {
  Deno.test(`causeway man ${command.name} is a page that groff has nothing to say about`, async () => {
    const page = await set(commandPage(command));
    assertStringIncludes(page, `causeway-${command.name} - ${command.summary}`);
    const text = page.replace(/\s+/g, " ");
    for (const line of command.description) assertStringIncludes(text, line.replace(/\s+/g, " ").trim());
    for (const [option] of command.options) assertStringIncludes(text, option);
  });
}

Deno.test("causeway man COMMAND prints that page; an unknown one exits 2", async () => {
  const { code, stdout } = await causeway(["man", "run"], { flags: [] });
  const run = COMMANDS.find(({ name }) => name === "run");
  assert(run !== undefined);
  assertEquals([code, stdout], [0, commandPage(run)]);
  assertEquals(await causeway(["man", "donor"], { flags: [] }), {
    code: 2,
    signal: null,
    stdout: "",
    stderr: 'causeway: man: unknown command "donor": did you mean "doctor"?\n',
  });
});

const ODD = ["│ … ≤ ─▶ é", ".TH x", "'br", "-- a -b", "it's `x` ^ ~ \\n \\fB", "a\n.b", '"quoted"'];

for (const text of ODD) {
  Deno.test(`roff prints ${JSON.stringify(text)} as it is`, async () => {
    const page = await set(`.TH T 1\n.SH S\n.nf\n${roff(text)}\n`);
    for (const line of text.split("\n")) assertStringIncludes(page, line);
  });
}
