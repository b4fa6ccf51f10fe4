/**
 * The tasks of one thread that wait for one primitive on the event loop, in the order in which they asked. Only the first contends with the world.
 *
 * @module
 */

import { cancellable, type WaitOptions } from "../sys/clock.ts";
import { NextTurn } from "../sys/next_turn.ts";
import { sleepersSettled, sleepOn } from "./futex_sleeper.ts";
import { passOn } from "./participants.ts";
import type { WatchList } from "./word_wait.ts";

/**
 * What an attempt for the first task came to: what it wanted; words to sleep on until another attempt makes sense; another attempt in the next turn
 * of the event loop; or when something happens in this thread, which calls `advance()` then.
 */
export type Attempt<Grant> = { readonly grant: Grant } | { readonly sleepOn: WatchList } | "next turn" | "later";

/** What the tasks wait for. */
export interface Attempted<Wish, Grant> {
  /** Tries to give the first task what it wants. What it throws is that task's. */
  attempt(wish: Wish): Attempt<Grant>;
  /** The first task has given up. */
  abandon?(wish: Wish): void;
}

interface Task<Wish, Grant> {
  readonly wish: Wish;
  readonly resolve: (grant: Grant) => void;
  readonly reject: (reason: unknown) => void;
}

/** The queue of one primitive in one thread. */
export class TaskQueue<Wish, Grant> {
  readonly #attempted: Attempted<Wish, Grant>;
  readonly #tasks: Task<Wish, Grant>[] = [];
  #asleep: { readonly on: WatchList; readonly stop: () => void } | undefined;
  readonly #nextTurn = new NextTurn();

  constructor(attempted: Attempted<Wish, Grant>) {
    this.#attempted = attempted;
  }

  /** How many wait. */
  get length(): number {
    return this.#tasks.length;
  }

  /** Waits in the queue. A wait that ends early leaves no later grant. */
  async wait(what: string, wish: Wish, options: WaitOptions): Promise<Grant> {
    try {
      return await cancellable<Grant>(what, options, (resolve, reject) => {
        const task = { wish, resolve, reject };
        this.#tasks.push(task);
        if (this.#tasks.length === 1) this.advance();
        return () => this.#withdraw(task);
      });
    } finally {
      // Nothing may be pending for a wait that is over.
      await sleepersSettled();
    }
  }

  /** Serves the queue as far as it goes now. */
  advance(): void {
    for (let task = this.#tasks[0]; task !== undefined; task = this.#tasks[0]) {
      try {
        const attempt = this.#attempted.attempt(task.wish);
        if (attempt === "later") break;
        if (attempt === "next turn") return this.#lookNextTurn();
        if ("sleepOn" in attempt) return this.#sleep(attempt.sleepOn);
        this.#tasks.shift();
        task.resolve(attempt.grant);
      } catch (error) {
        this.#tasks.shift();
        this.#attempted.abandon?.(task.wish);
        task.reject(error);
      }
    }
    this.#rest();
  }

  #sleep(on: WatchList): void {
    this.#nextTurn.callOff();
    if (this.#asleep !== undefined && same(this.#asleep.on, on)) return;
    this.#wakeUp();
    const [first, ...also] = on;
    const stop = sleepOn({
      ...first,
      also,
      wake: () => {
        this.#asleep = undefined;
        passOn(on);
        this.advance();
      },
      fail: (reason) => {
        this.#asleep = undefined;
        const tasks = this.#tasks.splice(0);
        if (tasks[0] !== undefined) this.#attempted.abandon?.(tasks[0].wish);
        for (const task of tasks) task.reject(reason);
        this.#rest();
      },
    });
    this.#asleep = { on, stop };
  }

  #lookNextTurn(): void {
    this.#wakeUp();
    this.#nextTurn.ask(() => this.advance());
  }

  #withdraw(task: Task<Wish, Grant>): void {
    const index = this.#tasks.indexOf(task);
    if (index === -1) return;
    this.#tasks.splice(index, 1);
    if (index !== 0) return;
    this.#attempted.abandon?.(task.wish);
    this.advance();
  }

  /** Nobody of this thread waits for the world now. */
  #rest(): void {
    this.#wakeUp();
    this.#nextTurn.callOff();
  }

  #wakeUp(): void {
    if (this.#asleep === undefined) return;
    const { on, stop } = this.#asleep;
    this.#asleep = undefined;
    stop();
    // The kernel may have woken this sleep of all for a death.
    passOn(on);
  }
}

function same(one: WatchList, other: WatchList): boolean {
  if (one.length !== other.length) return false;
  return one.every(({ address, expected }, index) =>
    address === other[index]?.address && expected === other[index]?.expected
  );
}
