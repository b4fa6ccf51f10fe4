/** The steps of a reader-writer lock, interleaved one by one: what two processes would hit once in a million times. */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { createAnonymousMemory, type Memory } from "../../lib/memory/mod.ts";
import { mappingOf } from "../../lib/memory/memory.ts";
import { anyChanged } from "../../lib/sync/futex.ts";
import { participantsAt } from "../../lib/sync/participants.ts";
import { RwLockSteps } from "../../lib/sync/rw_lock_steps.ts";
import type { WatchList } from "../../lib/sync/word_wait.ts";
import { Shared } from "../fixtures/rw_lock_struct.ts";
import { after, interleave } from "./interleaving.ts";

/** Two mappings of one lock: two participants in one thread. */
function start() {
  const memory = createAnonymousMemory({ size: Shared.byteLength });
  Shared.create(memory);
  const same = memory.duplicate();
  return { memory, same, here: open(memory), there: open(same) };
}

function open(memory: Memory) {
  const mapping = mappingOf(memory);
  const { lock } = Shared.open(memory);
  const place = { memory, buffer: mapping.buffer, offset: 64, participants: 64 + Shared.offsets["participants"]! };
  const participants = participantsAt(place, mapping, 8);
  const member = participants.join("test");
  return { lock, member, steps: new RwLockSteps(memory, mapping, 64, participants) };
}

type State = ReturnType<typeof start>;

function finish({ memory, same }: State, ...guards: ({ unlock(): void } | undefined)[]): void {
  for (const guard of guards) guard?.unlock();
  same.close();
  memory.close();
}

Deno.test("RwLock: a writer that comes at any step of a reader, or a reader at any step of a writer: never both", async () => {
  let [readerFirst, writerFirst] = [0, 0];
  const steps = await interleave(
    start,
    ({ here }) => here.lock.tryRead(),
    ({ there }) => there.lock.tryWrite(),
    (state, reading, writing, step) => {
      assert(reading === undefined || writing === undefined, `both after step ${step}`);
      if (reading !== undefined) readerFirst++;
      if (writing !== undefined) writerFirst++;
      finish(state, reading, writing);
    },
  );
  assertGreater(steps, 3);
  assertGreater(readerFirst, 0);
  assertGreater(writerFirst, 0);
  [readerFirst, writerFirst] = [0, 0];
  await interleave(
    start,
    ({ here }) => here.lock.tryWrite(),
    ({ there }) => there.lock.tryRead(),
    (state, writing, reading, step) => {
      assert(reading === undefined || writing === undefined, `both after step ${step}`);
      if (reading !== undefined) readerFirst++;
      if (writing !== undefined) writerFirst++;
      finish(state, reading, writing);
    },
  );
  assertGreater(readerFirst, 0);
  assertGreater(writerFirst, 0);
});

Deno.test("RwLock: a writer never falls asleep on a reader that leaves at any step of it", async () => {
  const seen = new Set<string>();
  await interleave(
    () => {
      const state = start();
      assert(state.there.steps.enter(state.there.member, "test"));
      assert(state.here.steps.take(0, "test"));
      return state;
    },
    ({ here }) => here.steps.readers(false),
    ({ there }) => there.steps.leave(there.member),
    (state, watched, sound) => {
      assert(sound);
      // Either it saw that nobody reads, or the kernel would not let it sleep.
      assert(watched === undefined || anyChanged(watched));
      seen.add(watched === undefined ? "nobody reads" : "does not sleep");
      state.here.steps.release();
      finish(state);
    },
  );
  assertEquals([...seen].sort(), ["does not sleep", "nobody reads"]);
});

Deno.test("RwLock: a reader that leaves at its own pace is never slept on: the writer looks at any step of it", async () => {
  await interleave(
    () => {
      const state = start();
      assert(state.there.steps.enter(state.there.member, "test"));
      assert(state.here.steps.take(0, "test"));
      return state;
    },
    ({ there }) => there.steps.leave(there.member),
    ({ here }) => here.steps.readers(false),
    (state, sound, watched) => {
      assert(sound);
      assert(watched === undefined || anyChanged(watched));
      state.here.steps.release();
      finish(state);
    },
  );
});

/** Two readers, of which the second stays, and a writer that has announced itself before. */
function startBusy() {
  const state = start();
  const third = state.memory.duplicate();
  const stays = open(third);
  assert(state.there.steps.enter(state.there.member, "test"));
  assert(stays.steps.enter(stays.member, "test"));
  assert(state.here.steps.take(0, "test"));
  assert(state.here.steps.readers(false) !== undefined);
  return { ...state, third, stays };
}

/** Whoever sleeps must be woken by the next who leaves: that one looks at `waiting`. */
function sleepsSafely({ memory }: State, watched: WatchList | undefined): void {
  const waiting = new Int32Array(memory.bytes.buffer, 64, 10)[4];
  assert(watched !== undefined);
  assert(anyChanged(watched) || waiting !== 0);
}

Deno.test("RwLock: a writer whose announcement one reader wipes out still hears of the next", async () => {
  const finishBusy = (state: ReturnType<typeof startBusy>, watched: WatchList | undefined) => {
    sleepsSafely(state, watched);
    state.stays.steps.leave(state.stays.member);
    state.here.steps.release();
    state.third.close();
    finish(state);
  };
  await interleave(
    startBusy,
    ({ here }) => here.steps.readers(false),
    ({ there }) => there.steps.leave(there.member),
    (state, watched) => finishBusy(state, watched),
  );
  await interleave(
    startBusy,
    ({ there }) => there.steps.leave(there.member),
    ({ here }) => here.steps.readers(false),
    (state, _left, watched) => finishBusy(state, watched),
  );
});

Deno.test("RwLock: a reader that dies at any step of its leaving, whenever the writer looked, leaves the announcement or the news", async () => {
  for (let steps = 0; steps < 5; steps++) {
    let die: (() => void) | undefined;
    await interleave(
      startBusy,
      ({ there }) => {
        try {
          there.steps.leave(there.member);
        } catch (error) {
          if (!(error instanceof Death)) throw error;
        } finally {
          die?.();
          die = undefined;
        }
      },
      ({ here }) => {
        const watched = here.steps.readers(false);
        die = after(steps, () => {
          throw new Death();
        });
        return watched;
      },
      (state, _left, watched) => {
        die?.();
        sleepsSafely(state, watched);
        state.stays.steps.leave(state.stays.member);
        assert(watched === undefined || anyChanged(watched));
        state.here.steps.release();
        state.third.close();
        finish(state);
      },
    );
  }
});

class Death extends Error {}

Deno.test("RwLock: a writer never falls asleep on a reader whose slot is given up at any step of it", async () => {
  await interleave(
    () => {
      const state = start();
      assert(state.there.steps.enter(state.there.member, "test"));
      assert(state.here.steps.take(0, "test"));
      return state;
    },
    ({ here }) => here.steps.readers(false),
    // The record stays, as after a death: the lock itself holds nothing.
    ({ same }) => same.close(),
    (state, watched) => {
      assert(watched === undefined || anyChanged(watched));
      assertEquals(state.here.steps.readers(false), undefined);
      state.here.steps.release();
      finish(state);
    },
  );
});

Deno.test("RwLock: of two writers at any step of each other one gets the lock, or none", async () => {
  let got = 0;
  await interleave(
    start,
    ({ here }) => here.steps.take(0, "test"),
    ({ there }) => there.lock.tryWrite(),
    (state, taken, other) => {
      assert(!(taken && other !== undefined));
      if (taken || other !== undefined) got++;
      if (taken) state.here.steps.release();
      finish(state, other);
    },
  );
  assertGreater(got, 0);
});
