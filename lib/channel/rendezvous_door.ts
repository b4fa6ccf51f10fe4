/**
 * A door that stays open: whoever comes is let in, until the rendezvous is closed.
 *
 * @module
 */

import { ClosedError, PosixError, ProtocolError } from "../errors.ts";
import { Deadline } from "../sys/clock.ts";
import { pause } from "../sys/back_off.ts";
import { publish } from "../sys/probe.ts";
import { type Guest, type Rendezvous, TermsError, type Visitor } from "./rendezvous.ts";

/** How long nobody is let in when there is no descriptor or no memory left: those who come wait meanwhile. */
const PAUSE_MS = 50;

/** So many may be at the door at once. When there are more, the one who has stood there longest goes: whoever is honest is in within milliseconds. */
const MOST_VISITS = 64;

/**
 * Lets guests in, several at a time: one who takes his time does not keep the others waiting.
 *
 * A stranger's mistake (other terms, nonsense, silence, a death) is not ours: he is turned away, whoever listens to the probe hears of it, and the door
 * stays open.
 *
 * @param letIn Welcomes a guest, or refuses him.
 * @param disagreed Told of guests who speak the protocol and have other terms.
 * @returns When the rendezvous is closed and nobody is at the door any more.
 */
export async function keepDoor(
  rendezvous: Rendezvous,
  letIn: (guest: Guest) => Promise<void>,
  disagreed: (error: TermsError) => void = () => {},
): Promise<void> {
  const { name } = rendezvous;
  const visits = new Set<Promise<void>>();
  const standing = new Set<Visitor>();
  while (!rendezvous.closed) {
    try {
      const visitor = await rendezvous.next();
      standing.add(visitor);
      const visit = receive(name, visitor, letIn, disagreed).finally(() => {
        visits.delete(visit);
        standing.delete(visitor);
      });
      visits.add(visit);
      const [longest] = standing;
      if (standing.size <= MOST_VISITS || longest === undefined) continue;
      standing.delete(longest);
      longest.turnAway("too many are at the door");
    } catch (error) {
      if (error instanceof ClosedError) break;
      if (!isShortage(error)) throw error;
      publish(() => ({ kind: "rendezvous.shortage", name, error }));
      await pause("Waiting for descriptors", PAUSE_MS, {}, new Deadline("Waiting for descriptors"));
    }
  }
  await Promise.all(visits);
}

async function receive(
  name: string,
  visitor: Visitor,
  letIn: (guest: Guest) => Promise<void>,
  disagreed: (error: TermsError) => void,
): Promise<void> {
  try {
    using guest = await visitor.hear();
    await letIn(guest);
  } catch (error) {
    if (error instanceof ClosedError) return;
    if (!(error instanceof ProtocolError) && !isShortage(error)) throw error;
    publish(() => ({ kind: "rendezvous.refuse", name, error }));
    if (error instanceof TermsError) disagreed(error);
  }
}

/** EAGAIN: this thread holds as many ends as the kernel can release. ETOOMANYREFS: too many descriptors are on their way. */
const SHORTAGES = ["EMFILE", "ENFILE", "ENOMEM", "ENOBUFS", "ENOSPC", "EAGAIN", "ETOOMANYREFS"];

function isShortage(error: unknown): boolean {
  return error instanceof PosixError && SHORTAGES.includes(error.code);
}
