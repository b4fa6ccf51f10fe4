/** The steps of a barrier, with a death after each of them. */
import { assert, assertEquals } from "@std/assert";
import { createAnonymousMemory, type Memory } from "../../lib/memory/mod.ts";
import { mappingOf } from "../../lib/memory/memory.ts";
import { BarrierSteps } from "../../lib/sync/barrier_steps.ts";
import { participantsAt } from "../../lib/sync/participants.ts";
import { SIZE, Team } from "../fixtures/barrier_struct.ts";
import { after } from "./interleaving.ts";

class Death extends Error {}

/** One member of a barrier of four; each mapping has its own. */
function open(memory: Memory) {
  const mapping = mappingOf(memory);
  const place = { memory, buffer: mapping.buffer, offset: 64, participants: 64 + Team.offsets["participants"]! };
  const participants = participantsAt(place, mapping, 8);
  const steps = new BarrierSteps(mapping, 64 + Team.offsets["step"]!, participants, SIZE);
  return { steps, member: participants.join("test") };
}

Deno.test("Barrier: whoever resets and dies at any step, those who had come with one that is dead hear of one or the other", () => {
  for (let step = 0, over = false; !over; step++) {
    using memory = createAnonymousMemory({ size: Team.byteLength });
    Team.create(memory);
    const here = open(memory);
    // It comes, and its slot is free then as after a death.
    {
      using other = memory.duplicate();
      const dead = open(other);
      dead.steps.join(dead.member, "test");
      assert(!dead.steps.arrive(dead.member));
    }
    here.steps.join(here.member, "test");
    assert(!here.steps.arrive(here.member));
    const { phase } = here.steps;
    const resetter = open(memory).steps;
    const restore = after(step, () => {
      throw new Death();
    });
    try {
      resetter.reset();
      over = true;
    } catch (error) {
      assert(error instanceof Death);
    } finally {
      restore();
    }
    if (here.steps.phase === phase) assertEquals(here.steps.watchList(here.member), undefined, `died at ${step}`);
    else assert(here.steps.ended(here.member, phase) > 0, `died at ${step}`);
  }
});
