/** The steps of a semaphore, interleaved one by one: what two processes would hit once in a million times. */
import { assert, assertEquals, assertGreater, assertLessOrEqual } from "@std/assert";
import { createAnonymousMemory, type Memory } from "../../lib/memory/mod.ts";
import { mappingOf } from "../../lib/memory/memory.ts";
import { anyChanged } from "../../lib/sync/futex.ts";
import { participantsAt } from "../../lib/sync/participants.ts";
import { robustList } from "../../lib/sync/robust_list.ts";
import { SemaphoreSteps } from "../../lib/sync/semaphore_steps.ts";
import type { WatchList } from "../../lib/sync/word_wait.ts";
import { PERMITS, Shared } from "../fixtures/semaphore_shared_struct.ts";
import { interleave } from "./interleaving.ts";

/** Two mappings of one semaphore: two participants in one thread. */
function start() {
  const memory = createAnonymousMemory({ size: Shared.byteLength });
  Shared.create(memory);
  const same = memory.duplicate();
  return { memory, same, here: open(memory), there: open(same) };
}

function open(memory: Memory) {
  const mapping = mappingOf(memory);
  const { permits } = Shared.open(memory);
  const place = { memory, buffer: mapping.buffer, offset: 64, participants: 64 + Shared.offsets["participants"]! };
  const participants = participantsAt(place, mapping, 8);
  const member = participants.join("test");
  return { permits, member, steps: new SemaphoreSteps(memory, mapping, 64, participants, PERMITS) };
}

type State = ReturnType<typeof start>;

function finish({ memory, same }: State, ...permits: ({ release(): void } | undefined)[]): void {
  for (const permit of permits) permit?.release();
  same.close();
  memory.close();
}

/** Takes the gate, as whoever looks for a permit does. */
function withGate<Result>(steps: SemaphoreSteps, work: () => Result): Result {
  const list = robustList();
  list.begin(steps.gate);
  steps.gate.take(list, 0);
  list.end();
  const result = work();
  steps.gate.release(list);
  return result;
}

Deno.test("Semaphore: two takers at any step of each other never get more permits than there are", async () => {
  let both = 0;
  const steps = await interleave(
    () => {
      const state = start();
      return { ...state, first: state.here.permits.acquireSync() };
    },
    ({ here }) => here.permits.tryAcquire(),
    ({ there }) => there.permits.tryAcquire(),
    (state, one, other, step) => {
      const taken = [state.first, one, other].filter((permit) => permit !== undefined).length;
      assertLessOrEqual(taken, PERMITS, `step ${step}`);
      both += taken;
      finish(state, state.first, one, other);
    },
  );
  assertGreater(steps, 5);
  // The last permit always goes to one of the two.
  assertEquals(both, (steps + 1) * PERMITS);
});

/** What is given while somebody finds nothing. */
const GIVING: [name: string, give: (state: State) => void][] = [
  ["a permit is given back", ({ there }) => void there.steps.giveBack(there.member, 1)],
  ["one is posted", ({ there }) => void there.permits.post()],
];

for (const [name, give] of GIVING) {
  Deno.test(`Semaphore: nobody falls asleep when ${name} at any step of it`, async () => {
    const seen = new Set<string>();
    await interleave(
      () => {
        const state = start();
        withGate(state.there.steps, () => state.there.steps.hold(state.there.member, PERMITS));
        return state;
      },
      ({ here }) => withGate(here.steps, () => here.steps.sleepers(0)),
      give,
      (state, watched) => {
        assert(watched === undefined || anyChanged(watched));
        seen.add(watched === undefined ? "found" : "does not sleep");
        finish(state);
      },
    );
    assertEquals([...seen].sort(), ["does not sleep", "found"]);
  });

  Deno.test(`Semaphore: nobody falls asleep who looks at any step while ${name}`, async () => {
    await interleave(
      () => {
        const state = start();
        withGate(state.there.steps, () => state.there.steps.hold(state.there.member, PERMITS));
        return state;
      },
      give,
      ({ here }) => withGate(here.steps, () => here.steps.sleepers(0)),
      (state, _given, watched) => {
        assert(watched === undefined || anyChanged(watched));
        finish(state);
      },
    );
  });
}

Deno.test("Semaphore: a sleeper whose announcement is wiped out for a permit that is gone still hears of the next", async () => {
  /** All permits are held, and somebody has announced himself before. */
  const startBusy = () => {
    const state = start();
    withGate(state.there.steps, () => state.there.steps.hold(state.there.member, PERMITS));
    withGate(state.here.steps, () => state.here.steps.sleepers(0));
    return state;
  };
  /** Somebody else has used the posted permit up already when its giver comes to wake the sleepers. */
  const giveLate = ({ there, memory }: State) => {
    const words = new Int32Array(memory.bytes.buffer, 64, 10);
    words[3]!--;
    there.permits.post();
  };
  const look = ({ here }: State) => withGate(here.steps, () => here.steps.sleepers(0));
  const check = (state: State, watched: WatchList | undefined) => {
    const words = new Int32Array(state.memory.bytes.buffer, 64, 10);
    assertEquals(words[3], 0);
    assert(watched !== undefined && (anyChanged(watched) || words[2] !== 0));
    finish(state);
  };
  await interleave(startBusy, look, giveLate, (state, watched) => check(state, watched));
  await interleave(startBusy, giveLate, look, (state, _given, watched) => check(state, watched));
});

Deno.test("Semaphore: nobody falls asleep on a holder whose slot is given up at any step of it", async () => {
  await interleave(
    () => {
      const state = start();
      withGate(state.there.steps, () => state.there.steps.hold(state.there.member, PERMITS));
      return state;
    },
    ({ here }) => withGate(here.steps, () => here.steps.sleepers(0)),
    // The record stays, as after a death.
    ({ same }) => same.close(),
    (state, watched) => {
      assert(watched === undefined || anyChanged(watched));
      assertEquals(state.here.permits.value, PERMITS);
      finish(state);
    },
  );
});

Deno.test("Semaphore: a permit that is taken at any step while another is given back is counted once", async () => {
  await interleave(
    () => {
      const state = start();
      return { ...state, held: [state.there.permits.acquireSync(), state.there.permits.acquireSync()] };
    },
    ({ held }) => held.pop()?.release(),
    ({ here }) => here.permits.tryAcquire(),
    (state, _released, permit) => {
      assertEquals(state.here.permits.value, permit === undefined ? 1 : 0);
      finish(state, permit, ...state.held);
    },
  );
});
