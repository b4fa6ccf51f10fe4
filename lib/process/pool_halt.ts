/**
 * When a pool stops before its jobs are over.
 *
 * @module
 */

/** When a pool stops because of how jobs ended. */
export interface HaltRule {
  /** `"soon"`: no job is started any more, those that run end by themselves; `"now"`: those that run are ended too. */
  when: "soon" | "now";
  /**
   * Which jobs count: those that failed for good (all retries included), those that succeeded, or both.
   * @default {"failure"}
   */
  on?: "failure" | "success" | "end" | undefined;
  /**
   * How many there must be.
   * @default {1}
   */
  count?: number | undefined;
  /**
   * How many there must be, in percent, instead of `count`: of all jobs where their number is known (`run()`, and `map()` over an array, a
   * set or a map), otherwise of those that have ended, judged from the tenth on.
   */
  percent?: number | undefined;
}

/** When a pool stops: never, or at the first failure, or by a rule. */
export type Halt = "never" | "soon" | "now" | HaltRule;

/** A pool has stopped: by its own rule, or because `halt()` was called. Jobs that were not started reject with it. */
export class PoolHaltedError extends Error {
  /** Always `"PoolHaltedError"`. */
  override readonly name = "PoolHaltedError";
  /** Whether running jobs were ended (`"now"`) or left to end (`"soon"`). */
  readonly when: "soon" | "now";

  /** Made by the pool; `cause` is the error of the last job that failed before. */
  constructor(when: "soon" | "now", message: string, options?: ErrorOptions) {
    super(message, options);
    this.when = when;
  }
}

/** From how many ended jobs on a share of an unknown number is judged. */
const ENOUGH = 10;

/** Counts how jobs end, and says when it is enough. */
export class HaltJudge {
  readonly #rule: HaltRule | undefined;
  #counted = 0;
  #lastError: unknown;
  #ended = 0;
  /** How many jobs there are; `undefined` once there is an input that does not tell. */
  #expected: number | undefined = 0;

  constructor(halt: Halt = "never") {
    this.#rule = toRule(halt);
  }

  /** So many more jobs are coming; `undefined` when nobody knows. */
  expect(jobs: number | undefined): void {
    if (this.#expected !== undefined) this.#expected = jobs === undefined ? undefined : this.#expected + jobs;
  }

  /** A job has ended. Returns the error to halt with, when that was one too many. */
  judge(succeeded: boolean, error: unknown): PoolHaltedError | undefined {
    this.#ended++;
    const rule = this.#rule;
    if (rule === undefined) return undefined;
    const { on = "failure" } = rule;
    if (on === "end" || succeeded === (on === "success")) this.#counted++;
    if (!succeeded) this.#lastError = error;
    if (!this.#isEnough(rule)) return undefined;
    const what = on === "failure" ? "failed" : on === "success" ? "succeeded" : "ended";
    const message = `Pool halted: ${this.#counted} ${this.#counted === 1 ? "job has" : "jobs have"} ${what}`;
    return new PoolHaltedError(rule.when, message, on === "success" ? undefined : { cause: this.#lastError });
  }

  #isEnough({ count = 1, percent }: HaltRule): boolean {
    if (percent === undefined) return this.#counted >= count;
    const share = (jobs: number) => this.#counted * 100 >= percent * jobs;
    return this.#expected === undefined ? this.#ended >= ENOUGH && share(this.#ended) : share(this.#expected);
  }
}

function toRule(halt: Halt): HaltRule | undefined {
  if (halt === "never") return undefined;
  const rule: HaltRule = typeof halt === "object" ? halt : { when: halt };
  const { when, on = "failure", count = 1, percent = 100 } = rule;
  if (when !== "soon" && when !== "now") {
    throw new TypeError(`halt must be "never", "soon", "now" or a rule, got ${Deno.inspect(halt)}`);
  }
  if (!["failure", "success", "end"].includes(on)) {
    throw new TypeError(`halt.on must be "failure", "success" or "end", got ${Deno.inspect(on)}`);
  }
  if (!Number.isInteger(count) || count < 1) {
    throw new RangeError(`halt.count must be a whole number of at least 1, got ${Deno.inspect(count)}`);
  }
  if (!(percent > 0 && percent <= 100)) {
    throw new RangeError(`halt.percent must be above 0 and at most 100, got ${Deno.inspect(percent)}`);
  }
  if (rule.count !== undefined && rule.percent !== undefined) {
    throw new TypeError("halt takes count or percent, not both");
  }
  return rule;
}
