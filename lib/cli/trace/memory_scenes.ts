/**
 * Memory that both processes have: no copies, and the kernel only wakes.
 *
 * @module
 */

import { atomic, createAnonymousMemory, type Infer, openAnonymousMemory, struct, u32, utf8 } from "../../memory/mod.ts";
import { autoResetEvent, event, type Mutex, mutex } from "../../sync/mod.ts";
import { nextTurn } from "../../sys/clock.ts";
import { fromDescriptor } from "../../sys/fd.ts";
import { tellCurtain, tellLoad, tellStore } from "../../trace/tell.ts";
import { PATIENCE_MS, REHEARSALS, type TraceScene } from "./stage.ts";

const Letter = struct({ rehearsed: autoResetEvent, posted: event, text: utf8(64) });
const Shared = struct({ lock: mutex, taken: atomic(u32), wanted: atomic(u32) });

const TEXT = "hello, other process";

/** A text that one stores and the other reads where it is. */
export const SHARED_MEMORY: TraceScene = {
  title: "A message in shared memory: no copy; the kernel only wakes who waits",

  async first(stage) {
    const memory = stage.use(createAnonymousMemory({ size: Letter.byteLength }));
    const letter = Letter.create(memory);
    const child = await stage.start([], { stdin: memory.duplicate() });
    stage.record();
    for (let times = 0; times < REHEARSALS; times++) {
      post(letter);
      letter.rehearsed.set();
      // An event that is set twice is set.
      await stage.cue();
    }
    await stage.cueAsleep(child);
    tellCurtain();
    post(letter);
    letter.posted.set();
    stage.cut();
    await stage.over(child);
  },

  second(stage) {
    using memory = openAnonymousMemory(fromDescriptor(0));
    const letter = Letter.open(memory);
    stage.record();
    stage.ready();
    for (let times = 0; times < REHEARSALS; times++) {
      letter.rehearsed.waitSync({ timeoutMs: PATIENCE_MS });
      read(letter);
      stage.ready();
    }
    tellCurtain();
    stage.ready();
    letter.posted.waitSync({ timeoutMs: PATIENCE_MS });
    read(letter);
  },
};

function post(letter: Infer<typeof Letter>): void {
  letter.text = TEXT;
  tellStore({ memory: "letter", offset: 0, bytes: TEXT.length });
}

function read(letter: Infer<typeof Letter>): void {
  const { text } = letter;
  tellLoad({ memory: "letter", offset: 0, bytes: text.length });
}

/** A lock that goes from one to the other. */
export const MUTEX: TraceScene = {
  title: "A lock between two processes: no system call, unless somebody has to wait",

  async first(stage) {
    const memory = stage.use(createAnonymousMemory({ size: Shared.byteLength }));
    const { lock, taken, wanted } = Shared.create(memory);
    const child = await stage.start([], { stdin: memory.duplicate() });
    stage.record();
    rehearse(lock);
    tellCurtain();
    const guard = lock.lockSync();
    taken.store(1);
    await becomes(wanted, 1);
    await stage.suspense();
    guard.unlock();
    stage.cut();
    await stage.over(child);
  },

  async second(stage) {
    using memory = openAnonymousMemory(fromDescriptor(0));
    const { lock, taken, wanted } = Shared.open(memory);
    stage.record();
    rehearse(lock);
    stage.ready();
    await becomes(taken, 1);
    wanted.store(1);
    tellCurtain();
    using _guard = lock.lockSync({ timeoutMs: PATIENCE_MS });
  },
};

/** Waits without a lock, and so without anything to be seen in a trace, until a word has got so far. */
export async function becomes(word: Infer<typeof Shared>["taken"], least: number): Promise<void> {
  for (const until = performance.now() + PATIENCE_MS; word.load() < least;) {
    if (performance.now() > until) throw new Error("The other process does not go on");
    await nextTurn();
  }
}

function rehearse(lock: Mutex): void {
  for (let times = 0; times < REHEARSALS; times++) lock.lockSync().unlock();
}
