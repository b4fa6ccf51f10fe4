/** Kills or stops an `mq:` listener at the system calls by which it takes its name, one after the other, and looks how others fare there. */
import "../helpers/open_libc.ts";
import { assert, assertEquals } from "@std/assert";
import { Fd } from "../../lib/sys/fd.ts";
import { type FileFacts, fileFacts } from "../../lib/sys/file_facts.ts";
import { libc } from "../../lib/sys/libc.ts";
import { MQ, O } from "../../lib/sys/linux.ts";
import { cString } from "../../lib/sys/memory.ts";
import { type Channel, channel, PosixError } from "../../mod.ts";
import { until } from "../helpers/patience.ts";
import { type Call, type Living, trace } from "../helpers/traced_life.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { denoCommand } from "../memory/child.ts";

const LIMIT_MS = 60_000;

/** The sticky bit. */
export const MARK = 0o1000;

/** The permissions by which this process's queue can be told from the life's, which has 0o640. */
const OURS = 0o604;
const THEIRS = 0o640;

/** The queues of all of a user's processes together may have so many bytes only. */
const SMALL = { maxMessageBytes: 100 };

/** Chooses some calls of all. */
export type Choose = (calls: Call[]) => Call[];

/** A name that nobody has. */
export function freshName(): string {
  return `/causeway-test-${crypto.randomUUID()}`;
}

/** Makes a queue as one leaves it who dies at once; or another one. */
export function leaveQueue(name: string, mode: number): void {
  queueAt(name, { flags: O.CREAT | O.EXCL, mode })?.fd.close();
}

/** The queue that has a name. */
export function queueAt(
  name: string,
  { flags = 0, mode = 0 }: { flags?: number; mode?: number } = {},
): { fd: Fd; facts: FileFacts } | undefined {
  const attributes = new DataView(new ArrayBuffer(MQ.attr.byteLength));
  for (const field of [MQ.attr.maxmsg, MQ.attr.msgsize]) attributes.setBigInt64(field, 1n, true);
  const raw = libc().mq_open(cString(name, "name"), O.RDWR | flags, mode, attributes);
  if (raw === -1) return undefined;
  const fd = Fd.own(raw, name);
  return { fd, facts: fileFacts(fd) };
}

function modeAt(name: string): number | undefined {
  const found = queueAt(name);
  found?.fd.close();
  return found?.facts.mode;
}

/** Listens at a name, and connects to it, both at the first try; a message goes through, and nothing is left. */
export async function meetAt(name: string): Promise<void> {
  const [receiver, sender] = await watchdog(
    LIMIT_MS,
    Promise.all([
      channel(`mq:${name}`, { ...SMALL, mode: "listen" }),
      channel(`mq:${name}`, { ...SMALL, timeoutMs: LIMIT_MS }),
    ]),
  );
  await passMessage(sender, receiver);
  assertEquals(modeAt(name), undefined);
}

async function passMessage(sender: Channel<unknown>, receiver: Channel<unknown>): Promise<void> {
  await sender.send("here");
  assertEquals(await watchdog(LIMIT_MS, receiver.receive()), "here");
  for (const end of [sender, receiver]) await end[Symbol.asyncDispose]();
}

/**
 * Kills a listener that has found a stale queue, at one call after another. A sender waits for it all the time.
 *
 * @returns How many were killed, of those that came to the call.
 */
export async function killWhileListening(choose: Choose): Promise<number> {
  let killed = 0;
  for (const fatal of choose(await callsOfListening())) {
    const name = freshName();
    leaveQueue(name, MARK | 0o600);
    const { done } = await trace({
      command: life(name),
      fatal,
      meanwhile: (living) => sendUntilOver(name, living),
    });
    if (!done) killed++;
    await meetAt(name).catch((cause) => {
      throw new Error(`killed at ${fatal.name} ${fatal.when}: ${fatal.text}`, { cause });
    });
  }
  return killed;
}

/**
 * Stops a listener after one call after another, and listens there, too, meanwhile: of the two, exactly one has the name in the end, and keeps it.
 *
 * @param stale Whether there is a stale queue for the two to find.
 * @returns How often this process had it.
 */
export async function stopWhileListening(stale: boolean, choose: Choose): Promise<number> {
  let won = 0;
  for (const call of choose(await callsOfListening(stale))) {
    const name = freshName();
    if (stale) leaveQueue(name, MARK | 0o600);
    const { done } = await trace({
      command: life(name),
      faults: ["-e", `inject=${call.name}:signal=SIGSTOP:when=${call.when}`],
      meanwhile: async (living) => {
        if (await contend(name, living)) won++;
      },
    }).catch((cause) => {
      throw new Error(`stopped after ${call.name} ${call.when}: ${call.text}`, { cause });
    });
    assert(done);
    assertEquals(modeAt(name), undefined);
  }
  return won;
}

/** Listens while the other is stopped, and lets it go on. @returns Whether this process has the name. */
async function contend(name: string, living: Living): Promise<boolean> {
  // A call that the runtime makes now and then may shift the count: then it listens without a stop, or is over.
  await until(() => living.isOver || isStopped(living.pid) || modeAt(name) === (MARK | THEIRS));
  let refused = false;
  const listening = channel(`mq:${name}`, { ...SMALL, mode: "listen", permissions: OURS }).catch((error) => {
    if (!(error instanceof PosixError && error.code === "EADDRINUSE")) throw error;
    refused = true;
    return undefined;
  });
  await until(() => refused || modeAt(name) === (MARK | OURS));
  const goOn = () => {
    // A stop can come late.
    if (!living.isOver) Deno.kill(living.pid, "SIGCONT");
    return true;
  };
  if (!refused) {
    // It finds that the name is taken; if it took it all the same, it would wait for a message until the watchdog comes.
    await until(() => goOn() && living.isOver);
    assertEquals(modeAt(name), MARK | OURS);
  }
  const connecting = channel(`mq:${name}`, { ...SMALL, timeoutMs: LIMIT_MS });
  if (refused) await until(() => goOn() && modeAt(name) === undefined);
  const receiver = await listening;
  const sender = await connecting;
  if (receiver !== undefined) await passMessage(sender, receiver);
  else {
    await sender.send("here");
    await sender[Symbol.asyncDispose]();
  }
  return !refused;
}

/** What a listener calls to take a name, from its first look at it until it waits for its sender. */
async function callsOfListening(stale = true): Promise<Call[]> {
  const name = freshName();
  if (stale) leaveQueue(name, MARK | 0o600);
  const { calls, done } = await trace({ command: life(name), meanwhile: (living) => sendUntilOver(name, living) });
  assert(done);
  const first = calls.findIndex(({ text = "" }) => text.includes(name.slice(1)));
  const last = calls.findIndex(({ text = "" }) => text.startsWith("fchmod") && text.includes("01640"));
  assert(first >= 0 && last > first, calls.map(({ text }) => text).join("\n"));
  return calls.slice(first, last + 1).filter(({ name }) => /^(mq_|fcntl|statx|fchmod|close)/.test(name));
}

/** Sends to whoever listens, for as long as somebody lives who may. */
async function sendUntilOver(name: string, living: Living): Promise<void> {
  const over = new AbortController();
  const sending = (async () => {
    using sender = await channel(`mq:${name}`, { ...SMALL, signal: over.signal, timeoutMs: LIMIT_MS });
    await sender.send("here");
  })();
  const sent = sending.catch((error) => {
    // Whoever was met may have died since.
    if (error !== over.signal.reason && error?.name !== "ChannelClosedError") throw error;
  });
  await until(() => living.isOver);
  over.abort();
  await sent;
}

function isStopped(pid: number): boolean {
  try {
    // The thread that is traced shows what the tracer does with it.
    return [...Deno.readDirSync(`/proc/${pid}/task`)].some(({ name }) =>
      /^State:\s+T/m.test(Deno.readTextFileSync(`/proc/${pid}/task/${name}/status`))
    );
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || isGone(error)) return false;
    throw error;
  }
}

/** ESRCH, of a thread that has ended between the opening and the reading. */
function isGone(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ESRCH";
}

function life(name: string): string[] {
  const [program = "", verb = "", ...rest] = denoCommand("mq_life.ts");
  // V8's own threads and its cache would put calls that come and go between those that matter.
  return [program, verb, "--v8-flags=--single-threaded", "--no-code-cache", ...rest, `mq:${name}`];
}
