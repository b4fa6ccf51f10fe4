/**
 * A door that stays open: whoever comes is let in, until the rendezvous is closed.
 *
 * @module
 */

import { ClosedError, PosixError, ProtocolError } from "../errors.ts";
import { Deadline } from "../sys/clock.ts";
import { pause } from "../sys/back_off.ts";
import { publish } from "../sys/probe.ts";
import { type Guest, type Rendezvous, TermsError } from "./rendezvous.ts";

/** How long nobody is let in when there is no descriptor or no memory left: those who come wait meanwhile. */
const PAUSE_MS = 50;

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
  while (!rendezvous.closed) {
    try {
      const hear = await rendezvous.next();
      const visit = receive(name, hear, letIn, disagreed).finally(() => visits.delete(visit));
      visits.add(visit);
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
  hear: () => Promise<Guest>,
  letIn: (guest: Guest) => Promise<void>,
  disagreed: (error: TermsError) => void,
): Promise<void> {
  try {
    using guest = await hear();
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
