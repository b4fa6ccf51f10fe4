/**
 * What the kernel keeps from programs for safety's sake.
 *
 * @module
 */

import { type Files, type Finding, fine } from "./finding.ts";

/** What is switched on. */
export function protectionFindings(read: Files): Finding[] {
  const setting = (name: string) => {
    const text = read(`/proc/sys/${name.replaceAll(".", "/")}`)?.trim();
    return text === undefined ? undefined : Number(text);
  };
  const findings: Finding[] = [];
  const scope = setting("kernel.yama.ptrace_scope") ?? 0;
  if (scope >= 2) {
    findings.push({
      level: "warning",
      area: "protection",
      what: `kernel.yama.ptrace_scope = ${scope}`,
      breaks: "causeway trace --syscalls, strace and gdb, for all but root; at 3 for root too",
      fix: scope === 3 ? "only a reboot changes it" : "sysctl -w kernel.yama.ptrace_scope=1",
    });
  } else {
    const what = `kernel.yama.ptrace_scope = ${scope}: programs may trace ${
      scope === 0 ? "those of the same user" : "what they started"
    }`;
    findings.push(fine("protection", what));
  }
  if (setting("kernel.shm_rmid_forced") === 1) {
    findings.push({
      level: "warning",
      area: "protection",
      what: "kernel.shm_rmid_forced = 1",
      breaks: "System V shared memory that nobody has attached is destroyed at once: none outlives its processes",
      fix: "sysctl -w kernel.shm_rmid_forced=0",
    });
  }
  const fifos = setting("fs.protected_fifos") ?? 0;
  if (fifos > 0) {
    const what =
      `fs.protected_fifos = ${fifos}: in sticky directories such as /tmp another user's FIFO is not opened with O_CREAT`;
    findings.push(fine("protection", what));
  }
  if (setting("vm.overcommit_memory") === 2) {
    findings.push({
      level: "note",
      area: "protection",
      what: "vm.overcommit_memory = 2",
      breaks: "large private mappings fail early (ENOMEM), also where they would never be touched",
      fix: "sysctl -w vm.overcommit_memory=0",
    });
  }
  return findings;
}
