/** For tests that close what lets others in: its wait ends in a later turn, and the sanitizers count it until then. */
import { socketPair } from "../../mod.ts";

/** Resolves when nobody waits in the epoll thread any more: whoever ends the last wait is told when the thread is back. */
export async function quiet(): Promise<void> {
  const [left, right] = socketPair("seqpacket");
  const waiting = left.receive();
  // It waits in the thread by then; whatever was about to leave it has left.
  await new Promise((resolve) => setTimeout(resolve));
  right.close();
  await waiting;
  left.close();
}
