/** A call to a child and its answer, over a channelPair: one at a time, or many in flight. */

import { channelPair, command, type PairRoad, parentChannel, remote, serve } from "../../mod.ts";
import { denoWords, pinned } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

/** Calls that are in flight at once. */
const IN_FLIGHT = 500;

const api = { add: (a: number, b: number): number => a + b };

const [cpu = "-1", form = "one", road = "ring", child] = Deno.args;
if (child === undefined) await ask(road === "socket" ? "socket" : "ring");
else await serve(await parentChannel<unknown, unknown>(), api).finished;

async function ask(road: PairRoad): Promise<void> {
  const { parent, child } = channelPair<unknown, unknown>({ road });
  const [program, ...args] = pinned([...denoWords("rpc_round_trip.ts"), cpu, form, road, "child"], Number(cpu));
  await using running = command(program, args, { inherit: [child], stderr: "inherit" }).spawn();
  {
    using peer = remote<typeof api>(parent);
    await serveRounds(async (operations) => {
      if (form === "one") {
        for (let i = 0; i < operations; i++) right(await peer.add(i, 1), i + 1);
        return;
      }
      for (let i = 0; i < operations; i += IN_FLIGHT) {
        const calls = Array.from({ length: Math.min(IN_FLIGHT, operations - i) }, (_, j) => peer.add(i + j, 1));
        (await Promise.all(calls)).forEach((sum, j) => right(sum, i + j + 1));
      }
    });
  }
  await running.status;
}

function right(sum: number, expected: number): void {
  if (sum !== expected) throw new Error(`${sum} is not ${expected}`);
}
