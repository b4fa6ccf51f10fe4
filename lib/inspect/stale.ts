/**
 * When something is stale: who made it has ended for certain, and nobody has it. In doubt it is not.
 *
 * @module
 */

import type { Holder, StructFacts } from "./object.ts";

/** Why memory with a struct of this library is stale; `undefined` when it is not. */
export function staleStruct(struct: StructFacts | undefined, holders: readonly Holder[]): string | undefined {
  if (struct === undefined || struct.creator.state !== "gone" || holders.length > 0) return undefined;
  const when = struct.state === "unfinished" ? "ended before it was finished" : "has ended";
  return `its creator, process ${struct.creator.pid}, ${when}, and nobody has it open`;
}

/** Why a System V segment is stale. The kernel counts who has it attached, those included who cannot be seen. */
export function staleSegment(attached: number, creatorPid: number, isGone: boolean): string | undefined {
  if (attached > 0 || !isGone) return undefined;
  return `its creator, process ${creatorPid}, has ended, and nobody has it attached`;
}

/** Why the name of a socket is stale: the kernel refuses to connect to it, whoever asks. */
export const STALE_SOCKET = "no process has a socket of this name";

/** Why a draft is stale: only its creator ever opens one. */
export const STALE_DRAFT = "its creator ended before it had a name, and nobody has it open";
