/**
 * What Deno lets this program do.
 *
 * @module
 */

import { isGranted } from "../../sys/permission.ts";
import { type Finding, fine } from "./finding.ts";

/** One permission. */
export interface PermissionReport {
  /** Its name. */
  readonly name: string;
  /** Whether it is there without a list. Deno does not tell a list from nothing when it is asked for the whole. */
  readonly state: "granted" | "missing or limited";
  /** What it is needed for. */
  readonly gives: string;
  /** The flag that grants it. */
  readonly flag: string;
}

const PERMISSIONS = [
  [
    "ffi",
    "everything that goes through libc: pipes, shared memory, locks, sockets, real-time signals (it means full trust)",
  ],
  ["run", "starting programs; without a list of names also signalling processes"],
  ["read", "FIFOs, sockets and mapped files by path, and the limits of the kernel below"],
  ["write", "FIFOs, sockets and mapped files by path"],
  ["env", "looking programs up in PATH safely, removing variables of a child"],
] as const;

/** The permissions that something here needs. Never prompts. */
export function permissionReports(): PermissionReport[] {
  return PERMISSIONS.map(([name, gives]) => {
    const state = isGranted({ name }) ? "granted" : "missing or limited";
    return { name, state, gives, flag: `--allow-${name}` };
  });
}

/** What is missing, and what that breaks. */
export function permissionFindings(permissions: readonly PermissionReport[]): Finding[] {
  const missing = permissions.filter(({ state }) => state !== "granted");
  if (missing.length === 0) return [fine("permissions", "Deno grants everything that something here needs")];
  return missing.map(({ name, gives, flag }) => ({
    level: "note",
    area: "permissions",
    what: `--allow-${name} is missing or limited`,
    breaks: gives,
    fix: `deno run ${flag} …`,
  }));
}
