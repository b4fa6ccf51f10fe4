/**
 * Everything around this process that is neither a limit nor a feature: what was read, and what was found.
 *
 * @module
 */

import { PosixError } from "../../errors.ts";
import { readLink, requireProc } from "../../inspect/proc.ts";
import { fileSystemSpace } from "../../sys/capacity.ts";
import { directoryNames } from "../../sys/directory.ts";
import { realUser } from "../../sys/process_list.ts";
import { userName } from "../../sys/user_names.ts";
import { containerFindings, type ContainerReport, containerReport } from "./container.ts";
import type { Files, Finding } from "./finding.ts";
import { kernelFile, missingForLooking } from "./kernel_file.ts";
import { loginFindings } from "./login.ts";
import { mountFindings } from "./mounts.ts";
import { processorFindings, type ProcessorReport, processorReport } from "./processor.ts";
import { protectionFindings } from "./protection.ts";

/** What was read. */
export interface Surroundings {
  /** Walls around this process; `null` when that cannot be told. */
  readonly container: ContainerReport | null;
  /** The CPU; `null` when that cannot be told. */
  readonly processor: ProcessorReport | null;
  /** What was found, in the order of the areas. */
  readonly findings: readonly Finding[];
}

/** Looks around. Never prompts, and never throws for what is missing. */
export function surroundings(): Surroundings {
  const missing = missingForLooking();
  if (missing !== undefined) {
    const what = "mounts, logins, containers, CPU and protections were not looked at";
    return {
      container: null,
      processor: null,
      findings: [{ level: "note", area: "permissions", what, breaks: null, fix: missing }],
    };
  }
  requireProc();
  const read: Files = (path) => kernelFile(path).text;
  const link: Files = (path) => {
    const target = readLink(path);
    return typeof target === "string" ? target : undefined;
  };
  const container = containerReport(read, link);
  const processor = processorReport(read);
  const mounts = read("/proc/self/mounts");
  const findings = [
    ...(mounts === undefined ? [] : mountFindings(mounts, space())),
    ...loginFindings(login(read)),
    ...containerFindings(container),
    ...processorFindings(processor),
    ...protectionFindings(read),
  ];
  return { container, processor, findings };
}

function login(read: Files): Parameters<typeof loginFindings>[0] {
  const uid = realUser();
  const names = (path: string) => orNothing(() => directoryNames(path)) ?? [];
  const inOrder = ["/usr/lib/systemd", "/run/systemd", "/etc/systemd"].flatMap((root) =>
    names(`${root}/logind.conf.d`).filter((name) => name.endsWith(".conf")).map((name) =>
      [name, `${root}/logind.conf.d/${name}`] as const
    )
  );
  // Drop-ins count by their names, wherever they are; of one name that in /etc wins, for it comes last here.
  const dropIns = new Map(inOrder.toSorted(([left], [right]) => left < right ? -1 : left > right ? 1 : 0));
  return {
    // Its own file of this user, or of any: what logind makes when it starts.
    logind: names("/run/systemd/seats").length > 0 || names("/run/systemd/users").length > 0,
    configuration: ["/etc/systemd/logind.conf", ...dropIns.values()].flatMap((path) => read(path) ?? []),
    uid,
    lingers: names("/var/lib/systemd/linger").includes(userName(uid) ?? ""),
  };
}

function space(): { totalBytes: number; freeBytes: number } | undefined {
  return orNothing(() => fileSystemSpace("/dev/shm"));
}

function orNothing<T>(measure: () => T): T | undefined {
  try {
    return measure();
  } catch (error) {
    if (error instanceof PosixError) return undefined;
    throw error;
  }
}
