/**
 * One process of a scene: `scene_process.ts SCENE DIRECTORY first|second [ARGUMENT...]`.
 *
 * @module
 */

import { Interruption } from "../interruption.ts";
import { SCENES } from "./scenes.ts";
import { Stage, type TraceScene } from "./stage.ts";

if (import.meta.main) {
  const [name, directory = "", side, ...args] = Deno.args;
  const entry = SCENES.find((each) => each.name === name);
  if (entry === undefined) throw new TypeError(`No scene is named ${JSON.stringify(name)}`);
  const scene = await entry.load();
  if (side === "first") await playFirst(entry.name, scene, directory);
  else {
    await using stage = new Stage(entry.name, directory, "receiver", args);
    await scene.second(stage);
  }
  Deno.exit();
}

/** The first side has the names that must go, whatever happens. */
async function playFirst(name: string, scene: TraceScene, directory: string): Promise<void> {
  const curtain = Promise.withResolvers<never>();
  curtain.promise.catch(() => {});
  await using interruption = new Interruption(() => curtain.reject(new Error("The scene was interrupted")));
  try {
    await using stage = new Stage(name, directory, "sender", []);
    await Promise.race([scene.first(stage), curtain.promise]);
  } catch (error) {
    if (interruption.received === undefined) throw error;
    await interruption.dieOfIt();
  }
}
