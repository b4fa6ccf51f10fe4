/**
 * The launcher that uses `posix_spawn(3)`, for what `Deno.Command` cannot express.
 *
 * A child is waited for by its pidfd and reaped by it: no other child of this process is ever touched, Deno's own above all.
 *
 * @module
 */

import { kernelPipe } from "../pipe/kernel_pipe.ts";
import { ByteReader } from "../sys/byte_reader.ts";
import { ByteWriter } from "../sys/byte_writer.ts";
import { check } from "../sys/errno.ts";
import { type Fd, setNonblocking } from "../sys/fd.ts";
import { pidFdSignal } from "../sys/identity.ts";
import { libc } from "../sys/libc.ts";
import { F, O, POLL } from "../sys/linux.ts";
import { requireProgram } from "../sys/permission.ts";
import { pollNow } from "../sys/poll.ts";
import { type Ended, reap, spawnRaw, type SpawnRequest } from "../sys/spawn.ts";
import { changesAnything, forExec, valueOf } from "./environment.ts";
import { ExitWatch } from "./exit_watch.ts";
import type { Choice, Launched, LaunchRequest } from "./launcher.ts";
import { type Hold, openOrEnd, takeHold } from "./lifeline.ts";
import { isGroupThere, signalGroup } from "./process_group.ts";
import { findProgram } from "./program_path.ts";
import { exited, signaled, type Status } from "./status.ts";
import { retryWhileBusy } from "./text_busy.ts";
import { spawnThroughTrampoline } from "./trampoline.ts";
import type { Usage } from "./usage.ts";

/** A child that was started, and this process's ends of its pipes. */
export interface PosixChild {
  readonly pid: number;
  readonly pidfd: Fd;
  /** The writing end, non-blocking. */
  readonly stdin: Fd | undefined;
  /** The reading ends, non-blocking. */
  readonly stdout: Fd | undefined;
  readonly stderr: Fd | undefined;
  readonly leadsGroup: boolean;
  readonly hold: Hold | undefined;
}

/**
 * Starts a program.
 *
 * @throws {PosixError} ENOENT, EACCES, E2BIG, EMFILE, ENOEXEC … as `execve(2)` says; `chdir` ENOENT or ENOTDIR when it is the directory. Nothing
 * is left open then.
 * @throws {Deno.errors.NotCapable} Without `--allow-run` or `--allow-ffi`.
 */
export function startByPosixSpawn(request: LaunchRequest, choice: Choice): PosixChild {
  const { settings, environment } = request;
  requireProgram(request.program, Object.keys(environment.set));
  const group = request.terminal === undefined ? settings.group ?? "inherit" : "session";
  using childEnds = new DisposableStack();
  using ownEnds = new DisposableStack();
  const pipes = new Map<number, Fd>();
  const descriptors = new Map<number, number | "null">();
  for (const [number, stdio] of ([request.stdin, request.stdout, request.stderr] as const).entries()) {
    const given = stdio === "piped" ? piped(number, pipes, childEnds, ownEnds) : stdio;
    if (given !== "inherit") descriptors.set(number, given);
  }
  for (const [number, raw] of request.descriptors) descriptors.set(number, raw);
  for (const given of descriptors.values()) if (typeof given === "number" && given > 2) clearNonblocking(given);

  const entries = changesAnything(environment) || choice.trampoline.length > 0 ? forExec(environment) : undefined;
  const spawn: SpawnRequest = {
    program: findProgram(request.program, valueOf(entries ?? forExec(environment), "PATH")),
    argv: [settings.argv0 ?? request.program, ...request.args],
    environment: entries,
    cwd: request.cwd,
    descriptors,
    group,
    terminal: request.terminal,
  };
  const hold = settings.lifeline ? takeHold() : undefined;
  let pid = 0;
  try {
    pid = retryWhileBusy(() => {
      if (entries === undefined || choice.trampoline.length === 0) return spawnRaw(spawn);
      return spawnThroughTrampoline({ spawn: { ...spawn, environment: entries }, settings, hold });
    });
    const pidfd = openOrEnd(pid);
    ownEnds.move();
    return {
      pid,
      pidfd,
      stdin: pipes.get(0),
      stdout: pipes.get(1),
      stderr: pipes.get(2),
      leadsGroup: group !== "inherit",
      hold,
    };
  } catch (error) {
    hold?.releaseSync();
    throw error;
  }
}

/** Starts a program whose end the event loop hears of. */
export function launchByPosixSpawn(request: LaunchRequest, choice: Choice): Launched {
  const child = startByPosixSpawn(request, choice);
  const { pid, pidfd, leadsGroup, hold } = child;
  const watch = new ExitWatch(pidfd);
  let reaped = false;
  let usage: Usage | undefined;

  /** What is left of a group may still have to be signalled, or ended with us. */
  async function release(): Promise<void> {
    if (pidfd.closed) return;
    pidfd.close();
    await hold?.release();
  }

  async function ending(): Promise<Status> {
    await watch.exited();
    const ended = reap(pidfd);
    if (ended === undefined) throw new Error(`Process ${pid} has exited and cannot be reaped`);
    reaped = true;
    if (request.settings.usage) usage = ended.usage;
    if (!leadsGroup || !isGroupThere(pidfd, pid)) await release();
    return statusOf(ended);
  }

  const isAlive = () => !reaped && pollNow(pidfd, POLL.IN) === 0;
  return {
    pid,
    status: ending(),
    stdin: child.stdin && new ByteWriter(child.stdin).writable,
    stdout: child.stdout && new ByteReader(child.stdout).readable,
    stderr: child.stderr && new ByteReader(child.stderr).readable,
    leadsGroup,
    get usage() {
      return usage;
    },
    isAlive,
    signal: (number) => isAlive() && pidFdSignal(pidfd, number),
    signalGroup: (number) => !pidfd.closed && signalGroup(pidfd, pid, reaped, number),
    isGroupThere: () => leadsGroup && !pidfd.closed && isGroupThere(pidfd, pid),
    hold: (held) => watch.hold(held),
    release: async () => {
      if (reaped) await release();
    },
  };
}

/** How a child that was reaped ended. */
export function statusOf(ended: Ended): Status {
  return ended.signal === undefined ? exited(ended.code ?? 0) : signaled(ended.signal);
}

/** A pipe: the child's end stays until it has it, ours is returned to the caller. */
function piped(number: number, pipes: Map<number, Fd>, childEnds: DisposableStack, ownEnds: DisposableStack): number {
  const { reader, writer } = kernelPipe();
  const [theirs, ours] = number === 0 ? [reader, writer] : [writer, reader];
  childEnds.use(theirs);
  pipes.set(number, ownEnds.use(ours));
  setNonblocking(ours);
  return theirs.raw;
}

/** A program expects that reading and writing wait. */
function clearNonblocking(raw: number): void {
  const flags = check(libc().fcntl(raw, F.GETFL, 0), "fcntl(F_GETFL)", raw);
  if ((flags & O.NONBLOCK) !== 0) check(libc().fcntl(raw, F.SETFL, flags & ~O.NONBLOCK), "fcntl(F_SETFL)", raw);
}
