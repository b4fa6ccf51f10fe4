/**
 * Limits and sums of ipcs(1).
 *
 * @module
 */

import { sysvMemoryLimits, sysvMemoryUsage } from "../../memory/sysv_list.ts";
import { sysvQueueLimits, sysvQueueUsage } from "../../queue/sysv_list.ts";
import { sysvSemaphoreLimits, sysvSemaphoreUsage } from "../../sync/sysv_list.ts";
import { title } from "./ipcs_lists.ts";
import { size, type Unit } from "./ipcs_text.ts";

/** Linux on both CPUs that Causeway knows. */
const PAGE_BYTES = 4096n;
const LARGEST = 0xffff_ffff_ffff_ffffn;

/** `ipcs -l -q`. */
export function queueLimits(unit: Unit): string {
  const { queues, messageBytes, queueBytes } = sysvQueueLimits();
  return title("Messages Limits") + `max queues system wide = ${queues}\n` +
    inBytes("max size of message", messageBytes, unit) + inBytes("default max size of queue", queueBytes, unit);
}

/** `ipcs -l -m`. */
export function memoryLimits(unit: Unit): string {
  const { segments, byteLength, pages } = sysvMemoryLimits();
  return title("Shared Memory Limits") + `max number of segments = ${segments}\n` +
    inKilobytes("max seg size", byteLength, byteLength / 1024n, unit) +
    inKilobytes("max total shared memory", capped(pages, PAGE_BYTES), capped(pages, PAGE_BYTES / 1024n), unit) +
    inBytes("min seg size", 1n, unit);
}

/** `ipcs -l -s`. */
export function semaphoreLimits(): string {
  const { sets, length, semaphores, operations, value } = sysvSemaphoreLimits();
  return title("Semaphore Limits") +
    `max number of arrays = ${sets}\nmax semaphores per array = ${length}\nmax semaphores system wide = ${semaphores}\n` +
    `max ops per semop call = ${operations}\nsemaphore max value = ${value}\n`;
}

/** `ipcs -u -q`. */
export function queueStatus(unit: Unit): string {
  const { queues, messages, bytes } = sysvQueueUsage();
  const space = unit === "default" ? `used space = ${bytes} bytes\n` : inBytes("used space", BigInt(bytes), unit);
  return title("Messages Status") + `allocated queues = ${queues}\nused headers = ${messages}\n${space}`;
}

/** `ipcs -u -m`. */
export function memoryStatus(): string {
  const usage = sysvMemoryUsage();
  return title("Shared Memory Status") +
    `segments allocated ${usage.segments}\npages allocated ${usage.pages}\npages resident  ${usage.residentPages}\n` +
    `pages swapped   ${usage.swappedPages}\n` +
    `Swap performance: ${usage.swapAttempts} attempts\t ${usage.swapSuccesses} successes\n`;
}

/** `ipcs -u -s`. */
export function semaphoreStatus(): string {
  const { sets, semaphores } = sysvSemaphoreUsage();
  return title("Semaphore Status") + `used arrays = ${sets}\nallocated semaphores = ${semaphores}\n`;
}

function inBytes(what: string, bytes: bigint, unit: Unit): string {
  return unit === "human" ? `${what} = ${size(bytes, unit)}\n` : `${what} (bytes) = ${bytes}\n`;
}

function inKilobytes(what: string, bytes: bigint, kilobytes: bigint, unit: Unit): string {
  return unit === "default" ? `${what} (kbytes) = ${kilobytes}\n` : inBytes(what, bytes, unit);
}

/** A product as C can hold it: what is too large becomes the largest multiple. */
function capped(count: bigint, unit: bigint): bigint {
  return count * unit > LARGEST ? LARGEST - LARGEST % unit : count * unit;
}
