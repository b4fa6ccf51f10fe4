/**
 * The program that a demonstration starts as its other process: `peer.ts MECHANISM [ARGUMENT...]`.
 *
 * @module
 */

import { MECHANISMS } from "./mechanism.ts";
import { PeerReport } from "./peer_report.ts";

if (import.meta.main) {
  const [name, ...args] = Deno.args;
  const mechanism = await MECHANISMS.find((each) => each.name === name)?.load();
  if (mechanism?.peer === undefined) throw new TypeError(`No mechanism with a peer is named ${JSON.stringify(name)}`);
  const report = new PeerReport();
  await mechanism.peer(report, args);
  report.send();
  Deno.exit();
}
