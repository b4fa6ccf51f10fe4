/**
 * What a process used.
 *
 * @module
 */

/**
 * What a process used, together with those of its children that it waited for.
 *
 * @example CPU time of a program
 * ```ts
 * import { command, type Usage } from "@causeway/causeway";
 * import { assert } from "@std/assert";
 *
 * const { stages } = await command("sh", ["-c", "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); done"], { usage: true }).output();
 * const usage: Usage | undefined = stages[0]?.usage;
 * assert(usage !== undefined && usage.userMs + usage.systemMs > 0 && usage.maxRssBytes > 0);
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/getrusage.2.html getrusage(2)}
 */
export interface Usage {
  /** Milliseconds of CPU time in the program itself. */
  readonly userMs: number;
  /** Milliseconds of CPU time in the kernel on its behalf. */
  readonly systemMs: number;
  /** Most bytes that it had in memory at once; of several processes, the largest one's. Not less than the trampoline's few MB. */
  readonly maxRssBytes: number;
}
