/**
 * Programs that should run as long as they are wanted.
 *
 * @module
 */

import { ClosedError } from "../errors.ts";
import { publish } from "../sys/probe.ts";
import { checkSpecs } from "./check_services.ts";
import { keepAlive } from "./keep_alive.ts";
import { Service } from "./service.ts";
import type { ServiceFailedError } from "./service_failed_error.ts";
import { protection } from "./service_protection.ts";
import type { ServiceStatus } from "./service_status.ts";
import { StartOrder } from "./start_order.ts";
import type { SupervisorEvent, SupervisorStoppingEvent } from "./supervisor_events.ts";
import type { ServiceSpec, ServiceSpecs, SuperviseOptions } from "./supervisor_options.ts";

/** What became of all services. */
export interface SupervisorResult {
  /** All have ended by themselves and well; or one has failed for good; or they were stopped. */
  readonly reason: "exited" | "failed" | "stopped";
  /** The first that failed for good, if one did. */
  readonly error?: ServiceFailedError;
  /** Every service. */
  readonly services: readonly ServiceStatus[];
}

/**
 * `supervise(specs, options)`: starts services, those that need others when these are ready, keeps them running, and stops them in order.
 *
 * Each service leads a process group of its own: Ctrl-C does not reach it, and whatever it has started is ended with it, also before it is started
 * again. All have a lifeline: when this process ends in whatever way, SIGKILL included, so do they. (Without `--allow-ffi` or Perl there is none; an
 * event says so.) They are stopped by SIGTERM, and SIGKILL after a grace; those that need others are stopped before these.
 *
 * A service that ends is started again or has failed for good, as its `restart` says. A service that is stopped (SIGSTOP) or slow is never taken for
 * dead: only its exit, a time limit or a health check that were asked for end it.
 *
 * This process is kept alive until every service has ended; disposing of the supervisor stops them all.
 *
 * @returns The supervisor, when the first services have been started; `ready` tells when all are ready.
 * @throws {TypeError} For names that do not exist and for a cycle, which it names, before anything is started; for what makes no sense.
 * @throws {RangeError} For numbers that make no sense.
 *
 * @tags allow-run, allow-ffi
 *
 * @example A server that needs another one
 * ```ts
 * import { command, supervise } from "@causeway/causeway";
 * import { assertEquals } from "@std/assert";
 *
 * const order: string[] = [];
 * {
 *   await using s = await supervise({
 *     web: { command: command("sleep", ["1000"]), needs: ["db"], restart: "always" },
 *     db: { command: command("sh", ["-c", "echo ready; exec sleep 1000"]), ready: { line: "ready" } },
 *   }, {
 *     onEvent(event) {
 *       if (event.kind === "service.ready" || event.kind === "service.exit") order.push(`${event.name} ${event.kind}`);
 *     },
 *   });
 *   await s.ready;
 *   assertEquals(s.status.map(({ name, state }) => `${name} ${state}`), ["web ready", "db ready"]);
 * }
 * assertEquals(order, ["db service.ready", "web service.ready", "web service.exit", "db service.exit"]);
 * ```
 */
export async function supervise<const Name extends string>(
  specs: ServiceSpecs<Name>,
  options: SuperviseOptions = {},
): Promise<Supervisor<Name>> {
  // Whatever is wrong rejects, as in every function that returns a promise.
  return await Promise.resolve(new Supervisor(specs, options));
}

/** Looks after services, made by {@linkcode supervise}. */
export class Supervisor<Name extends string = string> implements AsyncDisposable {
  /** Resolves when all services are ready for the first time; rejects when one fails for good, or all are stopped, before. */
  readonly ready: Promise<void>;
  /** Resolves when no process is left and none will be started. Rejects with what `onEvent` threw. */
  readonly finished: Promise<SupervisorResult>;
  readonly #services: ReadonlyMap<string, Service>;
  readonly #order: StartOrder;
  readonly #options: SuperviseOptions;
  readonly #ready = Promise.withResolvers<void>();
  readonly #finished = Promise.withResolvers<SupervisorResult>();
  readonly #release: () => void;
  readonly #watchers = new Set<() => void>();
  /** Stopped by name, and not started by name since. */
  readonly #held = new Set<string>();
  /** On the way to be stopped: nobody that needs them may start any more. */
  readonly #leaving = new Set<string>();
  readonly #onAbort = () => void this.#stopAll("abort");
  #isReady = false;
  #isFinished = false;
  #passing = false;
  #inPass = false;
  #passAgain = false;
  #stopping: Promise<void> | undefined;
  #culprit: ServiceFailedError | undefined;
  #listenerError: { readonly error: unknown } | undefined;

  /** Made by {@linkcode supervise}. */
  constructor(specs: ServiceSpecs<Name>, options: SuperviseOptions) {
    const all = Object.entries<ServiceSpec<Name>>(specs);
    checkSpecs(all, options);
    this.#options = options;
    this.#order = new StartOrder(new Map(all.map(([name, { needs = [] }]) => [name, needs])));
    const wanted = this.#order.withNeeds(options.only ?? Object.keys(specs));
    const guard = protection();
    const context = {
      protection: guard,
      tell: (event: SupervisorEvent) => this.#tell(event),
      changed: (service: Service) => this.#changed(service),
    };
    this.#services = new Map(all.map(([name, spec]) => [name, new Service(name, spec, context)]));
    this.ready = this.#ready.promise;
    this.finished = this.#finished.promise;
    // Nobody is forced to wait for them.
    this.ready.catch(() => {});
    this.finished.catch(() => {});
    this.#release = keepAlive();
    if (guard.missing !== undefined) this.#tell({ kind: "supervisor.unprotected", reason: guard.missing });
    const { signal } = options;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    if (signal?.aborted) this.#onAbort();
    else for (const name of wanted) this.#service(name).want();
    this.#pass();
  }

  /** What is known of every service now, in the order in which they were described. */
  get status(): readonly ServiceStatus[] {
    return [...this.#services.values()].map((service) => service.status);
  }

  /**
   * Starts a service that has ended or was stopped, and what it needs. Its storm guard begins anew.
   *
   * @returns When it is ready, or has exited well.
   * @throws {TypeError} For a name that does not exist.
   * @throws {ServiceFailedError} When it fails for good.
   * @throws {ClosedError} When all services are being stopped, or have ended.
   */
  async start(name: Name): Promise<void> {
    const service = this.#openService(name);
    for (const other of this.#order.withNeeds([name])) {
      const needed = this.#service(other);
      this.#held.delete(other);
      if (needed.state === "stopping") await needed.stop("waiting");
      else if (other === name || needed.state !== "exited") needed.want();
    }
    await this.#untilReady(service);
  }

  /**
   * Stops a service, and before it those that need it and were described with `whenNeedsRestart: "restart"`: they wait for it then.
   *
   * @returns When nothing is left of them.
   * @throws {TypeError} For a name that does not exist.
   * @throws {ClosedError} When all services have ended.
   */
  async stop(name: Name): Promise<void> {
    this.#openService(name);
    this.#held.add(name);
    await this.#leave(name, "stopped");
  }

  /**
   * Stops a service as `stop()` does, and starts it and what was stopped with it again. Its storm guard begins anew.
   *
   * @returns When it is ready again, or has exited well.
   * @throws As `start()` does.
   */
  async restart(name: Name): Promise<void> {
    const service = this.#openService(name);
    if (!service.idle) {
      service.countRestart();
      await this.#leave(name, "waiting");
    }
    await this.start(name);
  }

  /** Stops all services, those that need others before these. Resolves when nothing is left of them. May be called twice. */
  async close(): Promise<void> {
    await this.#stopAll("close");
  }

  /** SIGKILL to all services and what they have started, at once and in no order. `finished` resolves when they are gone. */
  kill(): void {
    for (const service of this.#services.values()) service.kill();
    void this.#stopAll("close");
  }

  /** Same as `close()`. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #service(name: string): Service {
    const service = this.#services.get(name);
    if (service !== undefined) return service;
    const known = [...this.#services.keys()].map((other) => JSON.stringify(other)).join(", ");
    throw new TypeError(`There is no service ${JSON.stringify(name)}: there are ${known}`);
  }

  #openService(name: string): Service {
    const service = this.#service(name);
    if (this.#stopping !== undefined || this.#isFinished) throw new ClosedError("Supervisor");
    return service;
  }

  #tell(event: SupervisorEvent): void | Promise<void> {
    if (event.kind !== "service.line") publish(() => ({ ...event }));
    const { onEvent } = this.#options;
    if (onEvent === undefined || this.#listenerError !== undefined) return;
    try {
      const taken = onEvent(event);
      if (taken instanceof Promise) return taken.catch((error) => this.#listenerFailed(error));
    } catch (error) {
      this.#listenerFailed(error);
    }
  }

  #listenerFailed(error: unknown): void {
    this.#listenerError ??= { error };
    void this.#stopAll("close");
  }

  #changed(service: Service): void {
    if (service.state === "restarting" || service.state === "failed") void this.#pauseDependents(service.name);
    if (service.state === "failed" && service.error !== undefined) {
      this.#culprit ??= service.error;
      if (!this.#isReady) this.#ready.reject(service.error);
      if (this.#options.whenFailed !== "keep") void this.#stopAll("failed");
    }
    this.#schedulePass();
    for (const watcher of [...this.#watchers]) watcher();
  }

  /** What changes in one turn is looked at together, and never in the middle of a change. */
  #schedulePass(): void {
    if (this.#passing) return;
    this.#passing = true;
    queueMicrotask(() => {
      this.#passing = false;
      this.#pass();
    });
  }

  /**
   * Looks at all services. The first start of a program loads Deno's Node layer, and that runs microtasks in the midst of it: one that comes here then
   * would find a service still waiting that is being started, and comes again when this is over.
   */
  #pass(): void {
    this.#passAgain = this.#inPass;
    if (this.#inPass) return;
    this.#inPass = true;
    try {
      this.#lookAtAll();
    } finally {
      this.#inPass = false;
    }
    if (this.#passAgain) this.#schedulePass();
  }

  /** Starts what can start, and tells what is true of all. */
  #lookAtAll(): void {
    if (this.#isFinished) return;
    const services = [...this.#services.values()];
    if (this.#stopping === undefined) {
      for (const service of services) {
        if (service.state !== "waiting") continue;
        const needed = this.#order.needs(service.name).map((name) => this.#service(name));
        const lost = needed.find(({ state }) => state === "failed");
        if (lost !== undefined) {
          service.fail({
            what: `needs ${JSON.stringify(lost.name)}, which has failed`,
            stderrLines: [],
            cause: lost.error,
          });
        } else if (needed.every((other) => this.#isThere(other))) service.start();
      }
      const wanted = services.filter(({ state }) => state !== "stopped");
      if (!this.#isReady && wanted.length > 0 && this.#held.size === 0 && wanted.every(({ satisfies }) => satisfies)) {
        this.#isReady = true;
        this.#tell({ kind: "supervisor.ready" });
        this.#ready.resolve();
      }
    }
    // Somebody who was stopped by name may be started by name again.
    const isOver = this.#stopping === undefined && this.#held.size === 0 && services.every(({ idle }) => idle);
    if (isOver) this.#finish("exited");
  }

  #isThere(service: Service): boolean {
    return service.satisfies && !this.#leaving.has(service.name);
  }

  async #untilReady(service: Service): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const look = () => {
      if (service.satisfies) resolve();
      else if (service.state === "failed") reject(service.error);
      else if (this.#stopping !== undefined) reject(new ClosedError("Supervisor"));
      else if (service.state === "stopped") {
        reject(new Error(`Service ${JSON.stringify(service.name)} was stopped before it was ready`));
      }
    };
    this.#watchers.add(look);
    try {
      look();
      await promise;
    } finally {
      this.#watchers.delete(look);
    }
  }

  /** Stops a service, and before it those that want to be restarted with it. */
  async #leave(name: string, then: "stopped" | "waiting"): Promise<void> {
    this.#leaving.add(name);
    try {
      await this.#pauseDependents(name);
      await this.#service(name).stop(then);
    } finally {
      this.#leaving.delete(name);
      this.#schedulePass();
    }
  }

  /** Stops those that want to be restarted with a service, and those that want to with them; they wait then. */
  async #pauseDependents(name: string): Promise<void> {
    await Promise.all(
      this.#order.dependents(name).map(async (other) => {
        const service = this.#service(other);
        if (service.spec.whenNeedsRestart !== "restart" || service.idle || service.state === "waiting") return;
        service.countRestart();
        await this.#leave(other, this.#held.has(other) || this.#stopping !== undefined ? "stopped" : "waiting");
      }),
    );
  }

  #stopAll(because: SupervisorStoppingEvent["because"]): Promise<void> {
    if (this.#isFinished) return Promise.resolve();
    if (this.#stopping !== undefined) return this.#stopping;
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.#stopping = promise;
    promise.catch(() => {});
    this.#tell({ kind: "supervisor.stopping", because });
    for (const watcher of [...this.#watchers]) watcher();
    const stops = new Map<string, Promise<void>>();
    const stop = (name: string): Promise<void> => {
      const known = stops.get(name);
      if (known !== undefined) return known;
      const stopping = (async () => {
        await Promise.all(this.#order.dependents(name).map(stop));
        const service = this.#service(name);
        // Whoever was being restarted a moment ago may have become wanted again.
        while (!service.idle) await service.stop();
      })();
      stops.set(name, stopping);
      return stopping;
    };
    Promise.all([...this.#services.keys()].map(stop)).then(() => {
      this.#finish("stopped");
      resolve();
    }, reject);
    return promise;
  }

  #finish(reason: SupervisorResult["reason"]): void {
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#options.signal?.removeEventListener("abort", this.#onAbort);
    this.#ready.reject(new ClosedError("Supervisor"));
    this.#release();
    if (this.#listenerError !== undefined) this.#finished.reject(this.#listenerError.error);
    else {
      const error = this.#culprit;
      this.#finished.resolve({
        reason: error === undefined ? reason : "failed",
        ...(error !== undefined && { error }),
        services: this.status,
      });
    }
  }
}
