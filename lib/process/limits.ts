/**
 * Resource limits of a child.
 *
 * @module
 */

import { RLIMIT } from "../sys/linux.ts";

/** A limit: soft and hard the same, or each. `Infinity` is none. Only a privileged process may raise the hard one. */
export type Limit = number | readonly [soft: number, hard: number];

/**
 * Resource limits, as `setrlimit(2)` has them, in its units.
 *
 * @example Let a program create no file larger than 1 KiB
 * ```ts
 * import { command, type Limits } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const limits: Limits = { fsize: 1024, core: 0 };
 * const status = await command("sh", ["-c", "ulimit -f"], { limits }).text();
 * assertEquals(status, "2", "in blocks of 512 bytes");
 * ```
 *
 * @see {@link https://man7.org/linux/man-pages/man2/setrlimit.2.html setrlimit(2)}
 */
export interface Limits {
  /** Bytes of address space. */
  readonly as?: Limit;
  /** Bytes of a core dump; 0 for none. */
  readonly core?: Limit;
  /** Seconds of CPU time: SIGXCPU at the soft limit, SIGKILL at the hard one. */
  readonly cpu?: Limit;
  /** Bytes of data, heap included. */
  readonly data?: Limit;
  /** Bytes of a file that is written: SIGXFSZ beyond. */
  readonly fsize?: Limit;
  /** Bytes locked in memory. */
  readonly memlock?: Limit;
  /** Bytes in POSIX message queues of the user. */
  readonly msgqueue?: Limit;
  /** Ceiling of the nice value: 20 less the limit. */
  readonly nice?: Limit;
  /** One more than the highest descriptor number. */
  readonly nofile?: Limit;
  /** Processes and threads of the user. */
  readonly nproc?: Limit;
  /** Ceiling of the real-time priority. */
  readonly rtprio?: Limit;
  /** Microseconds of CPU time that a real-time process may take without a blocking call. */
  readonly rttime?: Limit;
  /** Signals queued for the user. */
  readonly sigpending?: Limit;
  /** Bytes of the stack. */
  readonly stack?: Limit;
}

const RESOURCES: Readonly<Record<keyof Limits, number>> = {
  as: RLIMIT.AS,
  core: RLIMIT.CORE,
  cpu: RLIMIT.CPU,
  data: RLIMIT.DATA,
  fsize: RLIMIT.FSIZE,
  memlock: RLIMIT.MEMLOCK,
  msgqueue: RLIMIT.MSGQUEUE,
  nice: RLIMIT.NICE,
  nofile: RLIMIT.NOFILE,
  nproc: RLIMIT.NPROC,
  rtprio: RLIMIT.RTPRIO,
  rttime: RLIMIT.RTTIME,
  sigpending: RLIMIT.SIGPENDING,
  stack: RLIMIT.STACK,
};

/** A limit as the kernel takes it. */
export interface KernelLimit {
  readonly resource: number;
  readonly soft: bigint;
  readonly hard: bigint;
}

/** The limits as the kernel takes them. */
export function kernelLimits(limits: Limits): KernelLimit[] {
  return entries(limits).map(([name, limit]) => {
    const [soft, hard] = typeof limit === "number" ? [limit, limit] : limit;
    return { resource: RESOURCES[name], soft: kernelValue(soft), hard: kernelValue(hard) };
  });
}

/** @throws {TypeError | RangeError} For a limit that is none. */
export function checkLimits(limits: Limits): void {
  for (const name of Object.keys(limits)) {
    if (!Object.hasOwn(RESOURCES, name)) {
      throw new TypeError(`No such limit: ${name}; there are ${Object.keys(RESOURCES).join(", ")}`);
    }
  }
  for (const [name, limit] of entries(limits)) {
    const values = typeof limit === "number" ? [limit, limit] : limit;
    const [soft = NaN, hard = NaN] = Array.isArray(values) ? values : [];
    if (![soft, hard].every((value) => value === Infinity || (Number.isSafeInteger(value) && value >= 0))) {
      throw new RangeError(
        `Limit ${name} must be whole numbers of at least 0, or Infinity, got ${Deno.inspect(limit)}`,
      );
    }
    if (soft > hard) throw new RangeError(`Limit ${name}: soft (${soft}) must not be above hard (${hard})`);
  }
}

function entries(limits: Limits): [keyof Limits, Limit][] {
  return Object.keys(RESOURCES).flatMap((name) => {
    const key = name as keyof Limits;
    const limit = limits[key];
    return limit === undefined ? [] : [[key, limit]];
  });
}

function kernelValue(value: number): bigint {
  return value === Infinity ? RLIMIT.INFINITY : BigInt(value);
}
