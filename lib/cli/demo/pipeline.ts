/**
 * Plain programs joined by kernel pipes.
 *
 * @module
 */

import { pipeline } from "../../process/pipeline.ts";
import { describeStatus, type Status } from "../../process/status.ts";
import { subscribe } from "../../sys/probe.ts";
import type { Mechanism } from "./mechanism.ts";

/** `sort` must have read everything before `head` gets a line, and writes more than `head` wants. */
export const PIPELINE: Mechanism = {
  model: "synchronous, through the kernel",
  about: "programs joined by pipes; no byte passes through JavaScript; every program's end is told",

  async play(scene) {
    const names = new Map<unknown, string>();
    scene.defer(subscribe((event) => {
      if (event.kind === "process.spawn" && Array.isArray(event.words)) {
        names.set(event.pid, `${event.words[0]}(${event.pid})`);
        scene.did(`starts ${event.words.join(" ")}`);
      }
      const who = names.get(event.pid);
      if (event.kind === "process.exit" && who !== undefined) {
        // The event is the process room's own: its status is a Status.
        scene.note(who, `${describeStatus(event.status as Status)} (seen from the parent)`);
      }
    }));
    const { stdout, stages } = await pipeline(["seq", "1", "100000"], ["sort", "-rn"], ["head", "-n", "3"]).output();
    scene.did(`has the output: ${JSON.stringify(stdout)}`);
    scene.check("the output is right", stdout === "100000\n99999\n99998\n");
    const [first, , last] = stages.map(({ status }) => status);
    const isClean = [first, last].every((status) => status?.kind === "exited" && status.code === 0);
    scene.check("every program has ended, and none has failed", stages.length === 3 && isClean);
  },
};
