/**
 * What this machine is, and what its kernel can do.
 *
 * @module
 */

import { FEATURES, machine } from "../../sys/features.ts";
import { hasFfi, platform } from "../../sys/platform.ts";
import { type Finding, fine } from "./finding.ts";
import { VERSION } from "../version.ts";
import { isGranted } from "../../sys/permission.ts";
import { MECHANISMS_TRIED, type Tried } from "./mechanisms.ts";
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

/** That one is about listing; its finding is among the mounts. */
const MOUNTED = "/dev/mqueue mounted";

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
  const all = [...FEATURES.map((feature) => ({ ...feature, needs: [] })), ...MECHANISMS_TRIED];
  const tried = all.map(({ name, gives, needs, try: probe }) => ({ name, gives, ...attempt(probe, needs) }));
  return [...tried, messageQueueFileSystem()];
}

/** `/dev/mqueue` shows POSIX message queues as files; the queues themselves work without. */
function messageQueueFileSystem(): FeatureReport {
  const facts = { name: MOUNTED, gives: "message queues can be listed" };
  const { text, hint } = kernelFile("/proc/self/mounts");
  if (text === undefined) return { ...facts, available: null, hint: hint ?? null };
  if (/^\S+ \S+ mqueue /m.test(text)) return { ...facts, available: true, hint: null };
  return { ...facts, available: false, hint: "mount -t mqueue none /dev/mqueue" };
}

function attempt(probe: () => void, needs: Tried["needs"]): { available: boolean | null; hint: string | null } {
  if (platformObjection() !== undefined) return { available: null, hint: "needs a supported platform" };
  if (!hasFfi()) return { available: null, hint: missingFlag("ffi") };
  const missing = needs.find((name) => !isGranted({ name }));
  if (missing !== undefined) return { available: null, hint: missingFlag(missing) };
  try {
    probe();
    return { available: true, hint: null };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { available: false, hint: error.message };
  }
}

/** What is missing, and what that breaks. */
export function featureFindings(features: readonly FeatureReport[]): Finding[] {
  const missing = features.filter(({ available, name }) => available === false && name !== MOUNTED);
  const unknown = features.filter(({ available }) => available === null);
  const findings = missing.map(({ name, gives, hint }): Finding => ({
    level: "error",
    area: "kernel",
    what: `${name}: ${hint ?? "not there"}`,
    breaks: gives,
    fix: fixOf(hint ?? ""),
  }));
  if (unknown.length > 0) {
    const fix = unknown[0]?.hint ?? null;
    return [...findings, {
      level: "note",
      area: "kernel",
      what: `${unknown.length} features were not tried`,
      breaks: null,
      fix,
    }];
  }
  return findings.length > 0 ? findings : [fine("kernel", `all of ${features.length - 1} features tried are there`)];
}

/** What helps, by the code that ends the kernel's answer, or stands in front of what the library adds. */
function fixOf(hint: string): string {
  switch (/\((E[A-Z0-9]+)\)/.exec(hint)?.[1]) {
    case "EPERM":
    case "EACCES":
      return "a container whose seccomp profile allows it (docker run --security-opt seccomp=…), or a user who may";
    case "EROFS":
      return "a file system there that can be written: mount -o remount,rw";
    case "EMFILE":
    case "ENFILE":
    case "ENOSPC":
    case "ENOMEM":
    case "EAGAIN":
      return "a higher limit: the message names it";
    default:
      return "a newer kernel, or a container whose seccomp profile allows it";
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
