/**
 * Runs one row: the subject and its baselines in the same run, round by round in random order, each pair of figures from the same round.
 *
 * @module
 */

import { type ContenderSpec, type Placement, SkipError } from "./command_line.ts";
import { Contender, type Sample } from "./contender.ts";
import { judge, pairedRatios, spread, summarize, type Summary, type Verdict } from "./statistics.ts";

/** A question that a benchmark answers. */
export interface Row {
  /** What the command line calls it. */
  name: string;
  /** What one operation is. */
  what: string;
  /** What is measured: Causeway, called as a user would. */
  subject: ContenderSpec;
  /** What it is measured against, in the same run. */
  baselines: readonly BaselineSpec[];
  /** Where the two ends run; each placement is a question of its own. */
  placements: readonly Placement[];
  /** Operations of one round. */
  operations: { full: number; quick: number };
  /** Operations that one figure speaks of; 1 when left out. */
  operationsPerFigure?: number;
  /** Rounds, when the command line does not say. */
  rounds: number;
  /** At most so many milliseconds of CPU in the subject's own process. */
  cpuMsAtMost?: number;
}

/** A contender to compare with. */
export interface BaselineSpec extends ContenderSpec {
  /** The subject may cost at most so many times as much. Without it the ratio is only reported. */
  atMost?: number;
}

/** How a row is run. */
export interface RunOptions {
  /** Rounds that count, of each contender. */
  rounds: number;
  /** Whether the row's small size is used, and its first placement only. */
  quick: boolean;
}

/** One line of the result. */
export type Outcome = RatioOutcome | FigureOutcome | AbsentOutcome;

/** The subject against one baseline. */
export interface RatioOutcome {
  kind: "ratio";
  row: string;
  placement: Placement["name"];
  subject: string;
  baseline: string;
  /** Nanoseconds. */
  subjectNs: Summary;
  /** Nanoseconds. */
  baselineNs: Summary;
  /** Spread of the baseline, as a share of its median. */
  baselineSpread: number;
  /** The subject's figure divided by the baseline's, round by round. */
  ratio: Summary;
  atMost?: number;
  verdict: Verdict;
}

/** A figure with a target of its own. */
export interface FigureOutcome {
  kind: "figure";
  row: string;
  placement: Placement["name"];
  subject: string;
  /** What the figure is. */
  what: string;
  /** Milliseconds. */
  figureMs: Summary;
  atMost?: number;
  verdict: Verdict;
}

/** A row that has no figures: this machine lacks something for it, or it broke. */
export interface AbsentOutcome {
  kind: "skipped" | "failed";
  row: string;
  placement?: Placement["name"];
  reason: string;
}

/** Runs a row at each of its placements, or at one if it has to be quick. What breaks one breaks only that one. */
export async function runRow(row: Row, options: RunOptions): Promise<Outcome[]> {
  if (row.placements.length === 0) return [{ kind: "skipped", row: row.name, reason: "it needs two CPUs" }];
  const outcomes: Outcome[] = [];
  // Another placement runs the same programs.
  for (const placement of options.quick ? row.placements.slice(0, 1) : row.placements) {
    try {
      outcomes.push(...await runPlacement(row, placement, options));
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      const kind = error instanceof SkipError ? "skipped" : "failed";
      outcomes.push({ kind, row: row.name, placement: placement.name, reason: error.message });
    }
  }
  return outcomes;
}

async function runPlacement(row: Row, placement: Placement, options: RunOptions): Promise<Outcome[]> {
  await using started = new AsyncDisposableStack();
  const contenders: Contender[] = [];
  contenders.push(started.use(await Contender.start(row.subject, placement)));
  const present: BaselineSpec[] = [];
  const missing: { spec: BaselineSpec; error: SkipError }[] = [];
  for (const spec of row.baselines) {
    try {
      contenders.push(started.use(await Contender.start(spec, placement)));
      present.push(spec);
    } catch (error) {
      if (!(error instanceof SkipError)) throw error;
      missing.push({ spec, error });
    }
  }
  // With nothing to compare with there is no row.
  if (present.length === 0 && missing[0] !== undefined) throw missing[0].error;
  const operations = options.quick ? row.operations.quick : row.operations.full;
  const [subject = [], ...baselines] = await interleavedRounds(contenders, operations, options);
  const run = { row, placement, judged: !options.quick, share: operations / (row.operationsPerFigure ?? 1) };
  const outcomes = present.map((spec, index) => ratioOutcome(run, { spec, subject, baseline: baselines[index] ?? [] }));
  if (row.cpuMsAtMost !== undefined) outcomes.push(cpuOutcome(run, subject));
  for (const { spec, error } of missing) {
    const reason = `${spec.name}: ${error.message}`;
    outcomes.push({ kind: "skipped", row: row.name, placement: placement.name, reason });
  }
  return outcomes;
}

/** One round of each contender that does not count, then rounds in random order. */
async function interleavedRounds(
  contenders: Contender[],
  operations: number,
  options: RunOptions,
): Promise<Sample[][]> {
  const samples: Sample[][] = contenders.map(() => []);
  for (const contender of contenders) await contender.round(operations);
  for (let round = 0; round < options.rounds; round++) {
    for (const index of shuffled(contenders.length)) {
      const sample = await contenders[index]?.round(operations);
      if (sample !== undefined) samples[index]?.push(sample);
    }
  }
  return samples;
}

/** The numbers below `length` in random order. */
export function shuffled(length: number): number[] {
  return Array.from({ length }, (_, index) => ({ index, key: Math.random() })).sort((a, b) => a.key - b.key)
    .map(({ index }) => index);
}

/** What the samples of one placement have in common. */
interface Run {
  row: Row;
  placement: Placement;
  /** Whether figures of this size are held against their targets. */
  judged: boolean;
  /** Figures in one sample: operations of a round by operations of a figure. */
  share: number;
}

function ratioOutcome(
  { row, placement, judged, share }: Run,
  { spec, subject, baseline }: { spec: BaselineSpec; subject: readonly Sample[]; baseline: readonly Sample[] },
): Outcome {
  const nanoseconds = (samples: readonly Sample[]) => samples.map((sample) => sample.nanoseconds / share);
  const baselineNs = summarize(nanoseconds(baseline));
  const ratio = pairedRatios(nanoseconds(subject), nanoseconds(baseline));
  return {
    kind: "ratio",
    row: row.name,
    placement: placement.name,
    subject: row.subject.name,
    baseline: spec.name,
    subjectNs: summarize(nanoseconds(subject)),
    baselineNs,
    baselineSpread: spread(baselineNs),
    ratio,
    ...(spec.atMost === undefined ? {} : { atMost: spec.atMost }),
    verdict: judge(ratio.median, judged ? spec.atMost : undefined, baselineNs),
  };
}

function cpuOutcome({ row, placement, judged, share }: Run, samples: readonly Sample[]): Outcome {
  const figureMs = summarize(samples.map(({ cpuMs }) => {
    if (cpuMs === undefined) throw new Error(`${row.subject.name} does not say how much CPU it used`);
    return cpuMs / share;
  }));
  const { cpuMsAtMost: atMost } = row;
  return {
    kind: "figure",
    row: row.name,
    placement: placement.name,
    subject: row.subject.name,
    what: "CPU of the parent",
    figureMs,
    ...(atMost === undefined ? {} : { atMost }),
    verdict: judge(figureMs.median, judged ? atMost : undefined),
  };
}
