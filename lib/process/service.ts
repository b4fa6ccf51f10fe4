/**
 * One service: its process, and what becomes of it when that ends.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import type { Child } from "./child.ts";
import { untilUnhealthy } from "./health.ts";
import { DEFAULT_GRACE_MS } from "./options.ts";
import { pauseFor, ReadinessWait } from "./readiness.ts";
import { RestartCounter, type RestartPolicy, restartPolicy } from "./restart_policy.ts";
import { ServiceFailedError, type ServiceFailure } from "./service_failed_error.ts";
import { type OutputName, ServiceOutput } from "./service_output.ts";
import type { Protection } from "./service_protection.ts";
import type { ServiceState, ServiceStatus } from "./service_status.ts";
import { describeStatus, isSuccess, type Status } from "./status.ts";
import { supervisedCommand } from "./supervised_command.ts";
import type { ServiceStoppingEvent, SupervisorEvent } from "./supervisor_events.ts";
import type { ServiceSpec } from "./supervisor_options.ts";

/** What a service is given by its supervisor. */
export interface ServiceContext {
  readonly protection: Protection;
  /** Tells an event. */
  tell(event: SupervisorEvent): void | Promise<void>;
  /** The service is in another state now. */
  changed(service: Service): void;
}

/** Why a process is ended that would run on. */
interface Trouble {
  readonly told: Pick<ServiceStoppingEvent, "because" | "reason">;
  /** Whether another start cannot help. */
  readonly final?: boolean;
}

/** A start that worked. */
interface Started {
  readonly child: Child;
  readonly readiness: ReadinessWait;
  /** The outputs that are piped. */
  readonly streams: readonly OutputName[];
}

/** The reason of an abort: there is nobody to wait for any more. */
const ENDED = new Error("The service has ended");

/** How long whoever hears of lines may hold up a service that was asked to stop. */
const LAST_WORDS_MS = 1000;

/** Errors of a start that may be over a moment later. */
const PASSING = ["EAGAIN", "ENOMEM", "EMFILE", "ENFILE"];

/** A service, as its supervisor sees it. */
export class Service {
  /** Its name. */
  readonly name: string;
  /** What was said about it. */
  readonly spec: ServiceSpec;
  readonly #context: ServiceContext;
  readonly #policy: RestartPolicy;
  #counter: RestartCounter;
  #state: ServiceState = "stopped";
  #child: Child | undefined;
  #startedAt = 0;
  #readyAt: number | undefined;
  #restarts = 0;
  #lastStatus: Status | undefined;
  #lastLines: readonly string[] = [];
  #error: ServiceFailedError | undefined;
  #stop = new AbortController();
  #run: Promise<void> = Promise.resolve();
  #killed = false;

  /** It is stopped at first. */
  constructor(name: string, spec: ServiceSpec, context: ServiceContext) {
    this.name = name;
    this.spec = spec;
    this.#context = context;
    this.#policy = restartPolicy(spec.restart);
    this.#counter = new RestartCounter(this.#policy);
  }

  /** Where it is. */
  get state(): ServiceState {
    return this.#state;
  }

  /** Whether there is nothing that has to end. */
  get idle(): boolean {
    return this.#state === "stopped" || this.#state === "exited" || this.#state === "failed";
  }

  /** Whether those that need it may start. */
  get satisfies(): boolean {
    return this.#state === "ready" || this.#state === "exited";
  }

  /** Why it has failed. */
  get error(): ServiceFailedError | undefined {
    return this.#error;
  }

  /** What is known of it now. */
  get status(): ServiceStatus {
    const child = this.#child;
    return {
      name: this.name,
      state: this.#state,
      ...(child !== undefined && { pid: child.pid, uptimeMs: performance.now() - this.#startedAt }),
      restarts: this.#restarts,
      ...(this.#lastStatus !== undefined && { status: this.#lastStatus }),
      ...(this.#error !== undefined && { error: this.#error }),
    };
  }

  /** It is wanted: from now on it waits for what it needs. An idle one forgets what happened before. */
  want(): void {
    if (!this.idle) return;
    this.#counter = new RestartCounter(this.#policy);
    this.#error = undefined;
    this.#set("waiting");
  }

  /** Starts the process of one that waits. */
  start(): void {
    if (this.#counter.start()) {
      this.#stop = new AbortController();
      this.#run = this.#live().catch((error) => {
        this.#child?.killGroup("SIGKILL");
        this.fail({ what: `could not be looked after: ${messageOf(error)}`, cause: error });
      });
      return;
    }
    const { maxStarts, withinMs } = this.#policy;
    const last = this.#lastStatus === undefined ? "" : `; at last it ${describeStatus(this.#lastStatus)}`;
    this.fail({ what: `was started ${maxStarts} times within ${withinMs} ms, which is too often${last}` });
  }

  /**
   * Ends the process: SIGTERM, and SIGKILL after the grace. Resolves when nothing is left of it.
   *
   * @param then Whether it is wanted after that.
   */
  async stop(then: "stopped" | "waiting" = "stopped"): Promise<void> {
    if (this.idle) return;
    this.#stop.abort(ENDED);
    await this.#run;
    if (this.idle && this.#state !== "stopped") return;
    if (then === "waiting") this.#counter = new RestartCounter(this.#policy);
    this.#set(then);
  }

  /** As after `stop("waiting")`, and it counts as a restart. */
  countRestart(): void {
    this.#restarts++;
  }

  /** SIGKILL at once, to all of its group; it is not started again. */
  kill(): void {
    this.#killed = true;
    this.#stop.abort(ENDED);
    if (this.#child !== undefined) this.#child.killGroup("SIGKILL");
  }

  /** It has failed for good. */
  fail(failure: Omit<ServiceFailure, "service">): void {
    const error = new ServiceFailedError({
      service: this.name,
      status: this.#lastStatus,
      stderrLines: this.#lastLines,
      ...failure,
    });
    this.#error = error;
    this.#tell({ kind: "service.failed", name: this.name, error });
    this.#set("failed");
  }

  #set(state: ServiceState): void {
    if (state === this.#state) return;
    this.#state = state;
    this.#context.changed(this);
  }

  #tell(event: SupervisorEvent): void {
    this.#context.tell(event);
  }

  /** From one start to the decision about the next. */
  async #live(): Promise<void> {
    const stop = this.#stop.signal;
    const started = this.#spawn();
    if ("error" in started) return await this.#startFailed(started.error);
    const { child, streams } = started;
    using readiness = started.readiness;
    const output = new ServiceOutput(child, streams, (stream, text) => {
      readiness.onLine(stream, text);
      return this.#context.tell({ kind: "service.line", name: this.name, stream, text });
    });
    const trouble = await this.#attend(child, readiness);
    const readyMs = this.#readyAt === undefined ? 0 : performance.now() - this.#readyAt;
    const told = trouble?.told ?? (stop.aborted ? { because: "stop" as const } : undefined);
    if (told !== undefined) {
      this.#set("stopping");
      this.#tell({ kind: "service.stopping", name: this.name, pid: child.pid, ...told });
    }
    // Also when it has ended: what it left in its group must not be in the way of the next one.
    const ending = child.terminate(this.#killed ? 0 : this.spec.graceMs ?? DEFAULT_GRACE_MS);
    const [status, forced] = await Promise.all([child.status, ending]);
    await this.#lastWords(output);
    await child.release();
    // Not only at the end of this scope, which may be a restart away.
    readiness[Symbol.dispose]();
    this.#child = undefined;
    this.#readyAt = undefined;
    this.#lastStatus = status;
    this.#lastLines = output.lastLines;
    const durationMs = await child.exited;
    const { name } = this;
    const stopped = told?.because === "stop";
    const killed = forced || this.#killed;
    this.#tell({ kind: "service.exit", name, pid: child.pid, status, durationMs, stopped, forced: killed });
    if (!stop.aborted) await this.#decide(status, trouble, readyMs);
  }

  #spawn(): Started | { readonly error: unknown } {
    using undo = new DisposableStack();
    try {
      const { command, ready } = this.spec;
      const { protection } = this.#context;
      const readiness = undo.use(new ReadinessWait(ready, protection.options));
      const description = typeof command === "function" ? command() : command;
      const { streams, supervised } = supervisedCommand(description, ready, readiness, protection);
      const child = supervised.spawn();
      undo.move();
      this.#child = child;
      this.#startedAt = performance.now();
      this.#lastLines = [];
      this.#set("starting");
      this.#tell({ kind: "service.start", name: this.name, pid: child.pid, restarts: this.#restarts });
      return { child, readiness, streams };
    } catch (error) {
      return { error };
    }
  }

  async #startFailed(error: unknown): Promise<void> {
    const isPassing = error instanceof PosixError && PASSING.includes(error.code);
    if (isPassing && this.#policy.when !== "never") await this.#restartLater(0);
    else this.fail({ what: `could not be started: ${messageOf(error)}`, cause: error });
  }

  /** Resolves when the process has ended or must end; with the trouble, when there is one. */
  async #attend(child: Child, readiness: ReadinessWait): Promise<Trouble | undefined> {
    const gone = new AbortController();
    const onEnd = () => gone.abort(ENDED);
    child.status.then(onEnd, onEnd);
    const signal = AbortSignal.any([this.#stop.signal, gone.signal]);
    try {
      await readiness.wait(child.pid, signal);
      signal.throwIfAborted();
      this.#readyAt = performance.now();
      const { name, spec: { health } } = this;
      this.#tell({ kind: "service.ready", name, pid: child.pid, afterMs: this.#readyAt - this.#startedAt });
      this.#set("ready");
      if (health === undefined) await aborted(signal);
      else {
        const onFailure = (failures: number, reason: string) =>
          this.#tell({ kind: "service.unhealthy", name, failures, reason });
        const patient = { pid: child.pid, protection: this.#context.protection.options, onFailure };
        const reason = await untilUnhealthy(health, patient, signal);
        return { told: { because: "unhealthy", reason } };
      }
      return undefined;
    } catch (error) {
      // Also when a check was under way, and says so in words of its own.
      if (signal.aborted) return undefined;
      const because = this.#readyAt === undefined ? "not-ready" : "unhealthy";
      return { told: { because, reason: messageOf(error) }, final: isFinal(error) };
    }
  }

  /** Waits until every line was taken, as long as nobody wants it to stop. */
  async #lastWords(output: ServiceOutput): Promise<void> {
    const { signal } = this.#stop;
    const patience = new AbortController();
    const limit = aborted(signal).then(() => pauseFor(this.#killed ? 0 : LAST_WORDS_MS, patience.signal)).catch(
      () => {},
    );
    await Promise.race([output.over, limit]);
    patience.abort();
  }

  async #decide(status: Status, trouble: Trouble | undefined, readyMs: number): Promise<void> {
    const { when } = this.#policy;
    const failed = trouble !== undefined || !isSuccess(status);
    const again = trouble?.final !== true && (when === "always" || (when === "on-failure" && failed));
    if (again) await this.#restartLater(readyMs);
    else if (failed) this.fail({ what: whatHappened(status, trouble) });
    else this.#set("exited");
  }

  async #restartLater(readyMs: number): Promise<void> {
    const delayMs = this.#counter.delayMs(readyMs);
    this.#restarts++;
    this.#tell({ kind: "service.restart", name: this.name, restarts: this.#restarts, delayMs });
    this.#set("restarting");
    try {
      await pauseFor(delayMs, this.#stop.signal);
    } catch (error) {
      if (!this.#stop.signal.aborted) throw error;
      return;
    }
    this.#set("waiting");
  }
}

function whatHappened(status: Status, trouble: Trouble | undefined): string {
  if (trouble === undefined) return describeStatus(status);
  const { because, reason = "" } = trouble.told;
  if (because === "unhealthy") return `was not well: ${reason}`;
  return trouble.final ? `cannot become ready: ${reason}` : reason;
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
}

/** A question that cannot be asked: a permission is missing, or the program that asks. */
function isFinal(error: unknown): boolean {
  return error instanceof Deno.errors.NotCapable || (error instanceof PosixError && error.syscall === "execve");
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
