/**
 * `causeway up`: runs the services of a Procfile, or of another description, until one fails or somebody stops them.
 *
 * @module
 */

import { PosixError } from "../errors.ts";
import {
  type ServiceFailedError,
  shellCode,
  supervise,
  type Supervisor,
  type SupervisorEvent,
  type SupervisorResult,
} from "../process/mod.ts";
import { StartOrder } from "../process/start_order.ts";
import { hasFfi } from "../sys/platform.ts";
import { CommandError } from "./command_line.ts";
import { Printer } from "./each/printer.ts";
import { Interruption } from "./interruption.ts";
import { control } from "./up/control_client.ts";
import { controlPath } from "./up/control_address.ts";
import { ControlServer } from "./up/control_server.ts";
import { descriptionPath, readDescription } from "./up/description.ts";
import { Log, recordOf } from "./up/log.ts";
import type { Services } from "./up/plain_services.ts";
import { ReaderWatch } from "./up/reader_watch.ts";
import { readRequest, type Request } from "./up/request.ts";

/** What a shell exits with for a program that it did not find, and for one that it could not execute. */
const NOT_FOUND = 127;
const NOT_EXECUTABLE = 126;

/** How long a reader may take for what is left when all services have ended after a signal. */
const LAST_WORDS_MS = 1000;

/** Runs the command. */
export async function run(args: readonly string[]): Promise<number> {
  const request = await readRequest(args, isFile);
  const file = descriptionPath(request.file);
  if (request.verb !== undefined) {
    if (!hasFfi()) throw new CommandError("up: --ctl needs --allow-ffi", 1);
    return await control(request.verb, file, request);
  }
  // Listening comes first: a signal that arrives while services are being started must not end this program alone.
  const running: { supervisor?: Supervisor } = {};
  let signals = 0;
  await using interruption = new Interruption(() => {
    // A second signal is meant.
    if (++signals > 1) running.supervisor?.kill();
    else void running.supervisor?.close();
  });
  const description = chosen(await readDescription(file, request), request);
  await using server = await openServer(file);
  const up = new Up(request, description, server);
  if (interruption.received !== undefined) return await interruption.dieOfIt();
  const supervisor = await up.start(file);
  running.supervisor = supervisor;
  await using _watch = new ReaderWatch(() => void supervisor.close());
  const result = await supervisor.finished;
  await up.flush(interruption.received === undefined ? Infinity : LAST_WORDS_MS);
  if (interruption.received === undefined) return exitCode(result);
  await server?.[Symbol.asyncDispose]();
  return await interruption.dieOfIt();
}

/** One run. */
class Up {
  readonly #request: Request;
  readonly #description: Services;
  readonly #server: ControlServer | undefined;
  readonly #printer = new Printer(undefined);
  readonly #log: Log;
  readonly #names: readonly string[];

  constructor(request: Request, description: Services, server: ControlServer | undefined) {
    const { json, prefix, raw } = request;
    this.#request = request;
    this.#description = description;
    this.#server = server;
    this.#names = Object.keys(description.services);
    const colours = !Deno.noColor && Deno.stdout.isTerminal();
    this.#log = new Log({ names: this.#names, json, prefix, raw, colours });
  }

  /** Starts the services. */
  async start(file: string): Promise<Supervisor> {
    const { keepGoing, names, only } = this.#request;
    const { services, whenFailed } = this.#description;
    try {
      const supervisor = await supervise(services, {
        onEvent: (event) => this.#tell(event),
        ...(names.length > 0 && !only && { only: names }),
        whenFailed: keepGoing ? "keep" : whenFailed,
      });
      this.#server?.serve(supervisor);
      return supervisor;
    } catch (error) {
      if (!(error instanceof TypeError || error instanceof RangeError)) throw error;
      throw new CommandError(`up: ${file}: ${error.message}`, 1, { cause: error });
    }
  }

  /** Waits until everything is printed, but not longer than so many milliseconds. */
  async flush(ms: number): Promise<void> {
    const printed = this.#printer.write("stdout", new Uint8Array());
    if (ms === Infinity) return await printed;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<void>((resolve) => timer = setTimeout(resolve, ms));
    await Promise.race([printed, late]);
    clearTimeout(timer);
  }

  #tell(event: SupervisorEvent): void | Promise<void> {
    const record = recordOf(event);
    this.#server?.publish(record);
    if (event.kind === "service.ready" && this.#description.services[event.name]?.ready === undefined) {
      if (!this.#request.json) return;
    }
    const piece = this.#log.piece(record);
    // Whoever reads slowly holds up the services that speak; nothing is dropped.
    if (piece !== undefined) return this.#printer.write(piece.stream, new TextEncoder().encode(piece.text));
  }
}

/** With `--only`, the services that were named and nothing else: what they need is somebody else's affair. */
function chosen(description: Services, { names, only }: Request): Services {
  const { services } = description;
  const all = Object.keys(services);
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) {
    throw new CommandError(`up: there is no service ${JSON.stringify(unknown)}: there are ${all.join(", ")}`, 2);
  }
  if (!only) return description;
  // What is left out may still be wrong.
  new StartOrder(new Map(Object.entries(services).map(([name, { needs = [] }]) => [name, needs])));
  const left = names.map((name) => {
    const spec = services[name]!;
    return [name, { ...spec, needs: (spec.needs ?? []).filter((need) => names.includes(need)) }] as const;
  });
  return { ...description, services: Object.fromEntries(left) };
}

/** Without FFI nobody can be asked who they are, so there is no socket. */
async function openServer(file: string): Promise<ControlServer | undefined> {
  if (!hasFfi()) return undefined;
  return await ControlServer.open(await controlPath(file, true), file);
}

function exitCode({ error }: SupervisorResult): number {
  if (error === undefined) return 0;
  const cause = causeOf(error);
  if (cause?.syscall === "execve") return cause.code === "ENOENT" ? NOT_FOUND : NOT_EXECUTABLE;
  // A service that ended well and may not, or was ended by us, is a failure all the same.
  return error.status === undefined ? 1 : shellCode(error.status) || 1;
}

function causeOf(error: ServiceFailedError): PosixError | undefined {
  return error.cause instanceof PosixError ? error.cause : undefined;
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch (error) {
    // Whether it is a service's name or a file that must not be looked at: what reads it will tell.
    if (error instanceof Error && !(error instanceof Deno.errors.NotCapable)) return false;
    throw error;
  }
}
