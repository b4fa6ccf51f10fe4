/**
 * The program that a lesson starts as its other process: `peer.ts LESSON ROLE [ARGUMENT...]`.
 *
 * @module
 */

import { PeerReport } from "../demo/peer_report.ts";
import { LESSONS } from "./lesson.ts";

if (import.meta.main) {
  const [name, role = "", ...args] = Deno.args;
  const lesson = await LESSONS.find((each) => each.name === name)?.load();
  const peers = lesson?.peers ?? {};
  const peer = Object.hasOwn(peers, role) ? peers[role] : undefined;
  if (peer === undefined) throw new TypeError(`No lesson has this peer: ${JSON.stringify(Deno.args)}`);
  const report = new PeerReport();
  await peer(report, args);
  report.send();
  Deno.exit();
}
