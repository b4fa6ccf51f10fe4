/**
 * A child of a run that blocks this thread.
 *
 * @module
 */

import { type Signal, signalNumber } from "../signal/names.ts";
import { pidFdSignal } from "../sys/identity.ts";
import { POLL } from "../sys/linux.ts";
import type { Polled } from "../sys/poll_many.ts";
import { type Ended, reap, reapSync } from "../sys/spawn.ts";
import { publishProcess } from "./events.ts";
import type { StageResult } from "./exit_error.ts";
import { type PosixChild, statusOf } from "./posix_spawn.ts";
import { groupMembers, isGroupThere, signalGroup } from "./process_group.ts";
import { pathOf } from "./path_of.ts";
import { type Run, settingsOf, type Stage } from "./stage.ts";

/** A child that was started, until it is reaped. */
export class SyncChild {
  readonly #child: PosixChild;
  readonly #stage: Stage;
  readonly #tellsUsage: boolean;
  readonly #startedAt = performance.now();
  #ended: Ended | undefined;
  #durationMs = 0;
  #remaining: readonly number[] = [];

  constructor(child: PosixChild, stage: Stage, run: Run) {
    this.#child = child;
    this.#stage = stage;
    this.#tellsUsage = settingsOf(stage, run).usage ?? false;
    publishProcess(() => ({ kind: "process.spawn", pid: child.pid, words: stage.words, cwd: this.#cwd() }));
  }

  /** Whether it was reaped. */
  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** What asks it to end. */
  get endSignal(): Signal {
    return this.#stage.options.endSignal ?? "SIGTERM";
  }

  /** A pidfd is readable from the exit on. */
  get polled(): Polled | undefined {
    return this.ended ? undefined : { fd: this.#child.pidfd, events: POLL.IN };
  }

  onReady(): void {
    const ended = reap(this.#child.pidfd);
    if (ended !== undefined) this.#onEnd(ended);
  }

  /** To the group, where it leads one. Returns whether there was anybody. */
  signal(signal: Signal): boolean {
    const { pidfd, pid, leadsGroup } = this.#child;
    const number = signalNumber(signal);
    const sent = leadsGroup ? signalGroup(pidfd, pid, this.ended, number) : !this.ended && pidFdSignal(pidfd, number);
    if (sent) publishProcess(() => ({ kind: "process.signal", pid, signal, group: leadsGroup }));
    return sent;
  }

  /** Kills what is left of the group that it leads. */
  endGroup(): void {
    if (this.#child.leadsGroup) this.signal("SIGKILL");
  }

  /** Kills and reaps it, unless that has happened, and gives up the pidfd and the place in the lifeline. */
  end(): void {
    if (!this.ended) {
      this.signal("SIGKILL");
      this.#onEnd(reapSync(this.#child.pidfd));
    }
    if (this.#child.pidfd.closed) return;
    this.#child.pidfd.close();
    this.#child.hold?.releaseSync();
  }

  /** What is told of it when it is reaped. */
  result(): StageResult {
    const cwd = this.#cwd();
    const ended = this.#ended!;
    return {
      command: this.#stage.words,
      pid: this.#child.pid,
      status: statusOf(ended),
      durationMs: this.#durationMs,
      ...(cwd !== undefined && { cwd }),
      ...(this.#tellsUsage && { usage: ended.usage }),
      ...(this.#remaining.length > 0 && { remaining: this.#remaining }),
    };
  }

  #onEnd(ended: Ended): void {
    const { pid, pidfd, leadsGroup } = this.#child;
    this.#ended = ended;
    this.#durationMs = performance.now() - this.#startedAt;
    if (leadsGroup && isGroupThere(pidfd, pid)) this.#remaining = groupMembers(pid);
    const { command: words, status, durationMs, usage } = this.result();
    publishProcess(() => ({ kind: "process.exit", pid, words, status, durationMs, ...(usage && { usage }) }));
  }

  #cwd(): string | undefined {
    const { cwd } = this.#stage.options;
    return cwd === undefined ? undefined : pathOf(cwd);
  }
}
