/**
 * `deno task bench [row…]`: runs the benchmarks, each beside its baseline. See docs/benchmarks.md.
 *
 * @module
 */

import { parseArgs } from "@std/cli/parse-args";
import { allowedCpus } from "./command_line.ts";
import { type Outcome, type Row, runRow } from "./harness.ts";
import { describeMachine, machineLine, table } from "./report.ts";
import { ROWS } from "./rows.ts";

const HELP = `Usage: deno task bench [options] [row…]

Measures Causeway against C and against the shell, in the same run, and says whether each target is reached.

Options:
  --rounds N  rounds of each contender (default: the row's own number)
  --quick     a few small rounds at one placement, to see that everything runs; the figures mean little
  --json      one JSON document instead of the table
  --list      name the rows and stop
  --help      show this`;

const NAME_WIDTH = Math.max(...ROWS.map((row) => row.name.length));

if (import.meta.main) Deno.exitCode = await main(Deno.args);

/** Runs the rows that the arguments name and returns the exit code: 0 whatever the verdicts, 1 when a row failed, 2 for wrong arguments. */
export async function main(argv: string[]): Promise<number> {
  const unknown: string[] = [];
  const args = parseArgs(argv, {
    boolean: ["quick", "json", "list", "help"],
    string: ["rounds"],
    unknown: (word, key) => key === undefined || (unknown.push(word), false),
  });
  if (args.help) return say(HELP);
  if (args.list) return say(ROWS.map((row) => `${row.name.padEnd(NAME_WIDTH)}  ${row.what}`).join("\n"));
  if (unknown.length > 0) return usage(`Unknown option ${unknown[0]}`);
  const rounds = args.rounds === undefined ? undefined : Number(args.rounds);
  if (rounds !== undefined && !(Number.isInteger(rounds) && rounds > 0)) {
    return usage(`--rounds must be an integer above 0, got ${args.rounds}`);
  }
  const names = args._.map(String);
  const stranger = names.find((name) => !ROWS.some((row) => row.name === name));
  if (stranger !== undefined) {
    return usage(`Unknown row ${stranger}; the rows are ${ROWS.map((row) => row.name).join(", ")}`);
  }
  const rows = names.length === 0 ? ROWS : ROWS.filter((row) => names.includes(row.name));
  const machine = describeMachine(allowedCpus().length);
  if (!args.json) console.log(machineLine(machine));
  const outcomes = await runRows(rows, rounds, args.quick);
  const date = new Date().toISOString().slice(0, 10);
  console.log(args.json ? JSON.stringify({ date, machine, quick: args.quick, outcomes }, null, 2) : table(outcomes));
  return outcomes.some((outcome) => outcome.kind === "failed") ? 1 : 0;
}

async function runRows(rows: readonly Row[], rounds: number | undefined, quick: boolean): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const row of rows) {
    // Progress goes to a terminal only, and leaves nothing behind.
    if (Deno.stderr.isTerminal()) await write(`\r\x1b[K${row.name}: ${row.what} …`);
    outcomes.push(...await runRow(row, { rounds: rounds ?? (quick ? 2 : row.rounds), quick }));
  }
  if (Deno.stderr.isTerminal()) await write("\r\x1b[K");
  return outcomes;
}

async function write(text: string): Promise<void> {
  await Deno.stderr.write(new TextEncoder().encode(text));
}

function say(text: string): number {
  console.log(text);
  return 0;
}

function usage(message: string): number {
  console.error(`${message}\nSee deno task bench --help`);
  return 2;
}
