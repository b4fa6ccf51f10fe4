/**
 * What this machine is, and what its kernel can do.
 *
 * @module
 */

import { FEATURES, machine } from "../../sys/features.ts";
import { hasFfi, platform } from "../../sys/platform.ts";
import { VERSION } from "../version.ts";
import { kernelFile, missingFlag } from "./kernel_file.ts";

/** The machine. */
export interface MachineReport {
  /** Version of Causeway. */
  readonly causeway: string;
  /** Version of Deno. */
  readonly deno: string;
  /** Operating system, as Deno names it. */
  readonly os: string;
  /** CPU, as Deno names it. */
  readonly arch: string;
  /** Whether Causeway has numbers for this platform. */
  readonly supported: boolean;
  /** The same in words. */
  readonly platform: string;
  /** Release of the kernel; `null` when it cannot be read. */
  readonly kernel: string | null;
  /** What would tell the kernel's release; `null` when it is there. */
  readonly kernelHint: string | null;
}

/** A feature of the kernel. */
export interface FeatureReport {
  /** What it is called. */
  readonly name: string;
  /** Whether it is there; `null` when that cannot be told. */
  readonly available: boolean | null;
  /** What it is good for. */
  readonly gives: string;
  /** Why it is missing or unknown, and what would help; `null` when it is there. */
  readonly hint: string | null;
}

/** Tells what this machine is. */
export function machineReport(): MachineReport {
  const { os, arch } = machine();
  const objection = platformObjection();
  const kernel = kernelFile("/proc/sys/kernel/osrelease");
  return {
    causeway: VERSION,
    deno: Deno.version.deno,
    os,
    arch,
    supported: objection === undefined,
    platform: objection ?? "supported",
    kernel: kernel.text ?? null,
    kernelHint: kernel.hint ?? null,
  };
}

/** Tries the features of the kernel. */
export function featureReports(): FeatureReport[] {
  const tried = FEATURES.map((feature) => ({
    name: feature.name,
    gives: feature.gives,
    ...attempt(() => feature.try()),
  }));
  return [...tried, messageQueueFileSystem()];
}

/** `/dev/mqueue` shows POSIX message queues as files; the queues themselves work without. */
function messageQueueFileSystem(): FeatureReport {
  const facts = { name: "/dev/mqueue mounted", gives: "message queues can be listed" };
  const { text, hint } = kernelFile("/proc/self/mounts");
  if (text === undefined) return { ...facts, available: null, hint: hint ?? null };
  if (/^\S+ \S+ mqueue /m.test(text)) return { ...facts, available: true, hint: null };
  return { ...facts, available: false, hint: "mount -t mqueue none /dev/mqueue" };
}

function attempt(probe: () => void): { available: boolean | null; hint: string | null } {
  if (platformObjection() !== undefined) return { available: null, hint: "needs a supported platform" };
  if (!hasFfi()) return { available: null, hint: missingFlag("ffi") };
  try {
    probe();
    return { available: true, hint: null };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { available: false, hint: error.message };
  }
}

function platformObjection(): string | undefined {
  try {
    platform();
    return undefined;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return error.message;
  }
}
