/**
 * What the figures of a benchmark are made of: medians, quartiles, ratios of rounds that belong together, and the verdict.
 *
 * @module
 */

/** A baseline whose quartiles lie further apart than this share of its median says nothing about anything beside it. */
export const VOID_SPREAD = 0.4;

/** The middle of a set of figures. */
export interface Summary {
  /** Half of the figures are below. */
  median: number;
  /** First quartile. */
  low: number;
  /** Third quartile. */
  high: number;
}

/** What a figure says about its target. */
export type Verdict =
  | { kind: "reached" }
  | { kind: "missed" }
  | { kind: "reported" }
  | { kind: "void"; reason: string };

/**
 * Median and quartiles; between two figures they are interpolated.
 *
 * @throws {RangeError} When there are no figures.
 */
export function summarize(figures: readonly number[]): Summary {
  if (figures.length === 0) throw new RangeError("A summary needs at least one figure");
  const sorted = figures.toSorted((a, b) => a - b);
  return { median: quantile(sorted, 0.5), low: quantile(sorted, 0.25), high: quantile(sorted, 0.75) };
}

/**
 * Ratios of figures that were taken in the same rounds: what a round disturbs, it disturbs on both sides, so the ratio of medians would
 * spread more than the median of ratios.
 *
 * @throws {RangeError} When the two do not have the same rounds, or a baseline figure is not above 0.
 */
export function pairedRatios(subject: readonly number[], baseline: readonly number[]): Summary {
  if (subject.length !== baseline.length) {
    throw new RangeError(`Paired figures must have the same rounds, got ${subject.length} and ${baseline.length}`);
  }
  return summarize(subject.map((figure, round) => {
    const base = baseline[round];
    if (base === undefined || !(base > 0)) throw new RangeError(`A baseline figure must be above 0, got ${base}`);
    return figure / base;
  }));
}

/** How far the quartiles lie apart, as a share of the median. */
export function spread(summary: Summary): number {
  return summary.median === 0 ? 0 : (summary.high - summary.low) / summary.median;
}

/**
 * The verdict on a figure.
 *
 * @param figure What was measured: a ratio, or a plain figure.
 * @param atMost The target; without one the figure is only reported.
 * @param baseline What a ratio was taken against: when it spreads too much itself, there is no verdict.
 */
export function judge(figure: number, atMost: number | undefined, baseline?: Summary): Verdict {
  if (baseline !== undefined && spread(baseline) > VOID_SPREAD) {
    return { kind: "void", reason: `baseline spread ${Math.round(spread(baseline) * 100)} %` };
  }
  if (atMost === undefined) return { kind: "reported" };
  return { kind: figure <= atMost ? "reached" : "missed" };
}

function quantile(sorted: readonly number[], share: number): number {
  const position = (sorted.length - 1) * share;
  const below = sorted[Math.floor(position)] ?? NaN;
  const above = sorted[Math.ceil(position)] ?? NaN;
  return below + (above - below) * (position - Math.floor(position));
}
