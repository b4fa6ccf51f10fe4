/**
 * Reading what the kernel says about itself, as far as the permissions go.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { isGranted } from "../../sys/permission.ts";
import { hasFfi } from "../../sys/platform.ts";
import { readProcFile } from "../../sys/proc.ts";

/** What came of reading: the text, or why there is none. */
export interface KernelText {
  /** The text without its final newline. */
  readonly text?: string;
  /** Why there is none, and what would help. */
  readonly hint?: string;
}

/** Reads a file of /proc. Never prompts, and never throws for what is missing. */
export function kernelFile(path: string): KernelText {
  const hint = missingForReading(path);
  if (hint !== undefined) return { hint };
  try {
    return { text: readProcFile(path).trimEnd() };
  } catch (error) {
    if (error instanceof PosixError) return { hint: error.message };
    throw error;
  }
}

/** The hint for what is missing to read a path through libc; `undefined` when nothing is. */
export function missingForReading(path: string): string | undefined {
  if (!hasFfi()) return missingFlag("ffi");
  return isGranted({ name: "read", path }) ? undefined : missingFlag("read");
}

/** The hint for what is missing to read anything at all; `undefined` when nothing is. */
export function missingForLooking(): string | undefined {
  if (!hasFfi()) return missingFlag("ffi");
  return isGranted({ name: "read" }) ? undefined : missingFlag("read");
}

/** The hint that names a flag. */
export function missingFlag(name: "ffi" | "read" | "write" | "run"): string {
  return `--allow-${name} would tell`;
}
