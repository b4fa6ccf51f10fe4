/** The roads that the conformance test runs over: how two ends of each meet, in this process and across two. */
import { type Channel, channel, type ChannelOptions, command, moveDescriptor, pipe, socketPair } from "../../mod.ts";
import type { Child } from "../../lib/process/mod.ts";
import { Fd } from "../../lib/sys/fd.ts";
import { libc } from "../../lib/sys/libc.ts";
import { fromFileUrl } from "@std/path";

const PEER = fromFileUrl(new URL("../fixtures/channel_peer.ts", import.meta.url));

/** A road under test. */
export interface RoadUnderTest {
  readonly name: string;
  /** Whether messages go both ways. */
  readonly twoWay: boolean;
  /** A length of message of which the road holds only a few. */
  readonly largeBytes: number;
  /** Whether an end learns that it is refused. */
  readonly refusalIsMutual: boolean;
  /** A place where two ends can meet. */
  place(): Place;
}

/** Where two ends meet. */
export interface Place extends Disposable {
  /** Address and options of the end that listens, or receives. */
  readonly listener: string;
  readonly connector: string;
  /** Gives the child one of the ends; what it finds there is what it is told in its arguments. */
  inherit?(mode: "listen" | "connect"): { readonly address: string; readonly fd: Fd };
}

/** Two connected ends of one program. The first listens: on a one-way road it receives. */
export interface Ends<In, Out> extends AsyncDisposable {
  readonly receiver: Channel<In, Out>;
  readonly sender: Channel<Out, In>;
}

type Options = Omit<ChannelOptions, "mode">;

/** Opens two ends in this process. */
export async function openEnds<In = unknown, Out = unknown>(
  road: RoadUnderTest,
  receiving: Options = {},
  sending: Options = receiving,
): Promise<Ends<In, Out>> {
  const place = road.place();
  const opened = await Promise.allSettled([
    channel<In, Out>(place.listener, { ...receiving, mode: "listen" } as ChannelOptions<In, Out>),
    channel<Out, In>(place.connector, { timeoutMs: 60_000, ...sending } as ChannelOptions<Out, In>),
  ]);
  const [receiver, sender] = opened;
  if (receiver.status === "rejected" || sender.status === "rejected") {
    for (const end of opened) if (end.status === "fulfilled") end.value.close();
    place[Symbol.dispose]();
    throw new OpeningFailed(opened.map((end) => end.status === "rejected" ? end.reason : undefined));
  }
  return {
    receiver: receiver.value,
    sender: sender.value,
    [Symbol.asyncDispose]: async () => {
      await sender.value[Symbol.asyncDispose]();
      await receiver.value[Symbol.asyncDispose]();
      place[Symbol.dispose]();
    },
  };
}

/** What each end that could not be opened says: the listener, the connector. */
export class OpeningFailed extends Error {
  readonly reasons: readonly unknown[];

  constructor(reasons: readonly unknown[]) {
    super(`Opening failed: ${reasons.map(String).join("; ")}`);
    this.reasons = reasons;
  }
}

/** A process that has the other end. */
export interface PeerProcess extends AsyncDisposable {
  readonly end: Channel<unknown>;
  readonly child: Child;
  /** The child's next line. */
  line(): Promise<string | undefined>;
}

/** Opens one end here and the other in a new process, which plays a role. */
export async function openWithPeer(
  road: RoadUnderTest,
  mode: "listen" | "connect",
  role: string,
  count = 0,
): Promise<PeerProcess> {
  const place = road.place();
  const theirMode = mode === "listen" ? "connect" : "listen";
  const given = place.inherit?.(theirMode);
  const theirs = given?.address ?? (theirMode === "listen" ? place.listener : place.connector);
  const child = command(Deno.execPath(), ["run", "-A", "--quiet", PEER, theirs, theirMode, role, String(count)], {
    stdin: "piped",
    stdout: "piped",
    env: { NO_COLOR: "1" },
    ...given && { inherit: [{ descriptors: [given.fd], env: {} }] },
  }).spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(lineStream()).getReader();
  const ours = mode === "listen" ? place.listener : place.connector;
  const end = await channel<unknown>(ours, { mode, timeoutMs: 120_000 });
  return {
    end,
    child,
    line: async () => (await lines.read()).value,
    [Symbol.asyncDispose]: async () => {
      end.close();
      child.kill("SIGKILL");
      await child.exited;
      await lines.cancel();
      await child[Symbol.asyncDispose]();
      given?.fd.close();
      place[Symbol.dispose]();
    },
  };
}

function lineStream(): TransformStream<string, string> {
  let rest = "";
  return new TransformStream({
    transform(chunk, controller) {
      const lines = (rest + chunk).split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) controller.enqueue(line);
    },
  });
}

/** Gives an end up without closing its descriptor: a number that nobody owns, as an inherited one is. */
export function release(fd: Fd): number {
  const raw = libc().fcntl(fd.raw, 0, 64);
  fd.close();
  return raw;
}

/** A directory for names, removed whatever is left in it. */
function nameIn(prefix: string): Place {
  const directory = Deno.makeTempDirSync({ prefix: "causeway-channel-" });
  const address = `${prefix}${directory}/road`;
  return {
    listener: address,
    connector: address,
    [Symbol.dispose]: () => Deno.removeSync(directory, { recursive: true }),
  };
}

function named(address: string): Place {
  return { listener: address, connector: address, [Symbol.dispose]: () => {} };
}

function descriptors(receiving: Fd, sending: Fd): Place {
  const numbers = { listen: release(receiving), connect: release(sending) };
  return {
    listener: `fd:${numbers.listen}`,
    connector: `fd:${numbers.connect}`,
    inherit: (mode) => ({ address: "fd:3", fd: Fd.own(numbers[mode], "Given end") }),
    [Symbol.dispose]: () => {},
  };
}

/** An address of this machine that nobody else uses: all of 127.0.0.0/8 is. */
function ownHost(): string {
  return `127.${[...crypto.getRandomValues(new Uint8Array(3))].map((byte) => byte % 254 + 1).join(".")}`;
}

/** Every road of channel.ts. */
export const ROADS: readonly RoadUnderTest[] = [
  { name: "unix", twoWay: true, largeBytes: 60_000, refusalIsMutual: true, place: () => nameIn("unix:") },
  {
    name: "tcp",
    twoWay: true,
    largeBytes: 900_000,
    refusalIsMutual: true,
    place: () => named(`tcp:${ownHost()}:7001`),
  },
  { name: "fifo", twoWay: false, largeBytes: 30_000, refusalIsMutual: false, place: () => nameIn("fifo:") },
  {
    name: "mq",
    twoWay: false,
    largeBytes: 8000,
    refusalIsMutual: false,
    place: () => named(`mq:/causeway-test-${crypto.randomUUID()}`),
  },
  {
    name: "fd of a stream socket",
    twoWay: true,
    largeBytes: 60_000,
    refusalIsMutual: true,
    place: () => {
      const [left, right] = socketPair("stream");
      return descriptors(left[moveDescriptor](), right[moveDescriptor]());
    },
  },
  {
    name: "fd of a seqpacket socket",
    twoWay: true,
    largeBytes: 60_000,
    refusalIsMutual: true,
    place: () => {
      const [left, right] = socketPair("seqpacket");
      return descriptors(left[moveDescriptor](), right[moveDescriptor]());
    },
  },
  {
    name: "fd of a pipe",
    twoWay: false,
    largeBytes: 30_000,
    refusalIsMutual: false,
    place: () => {
      const { reader, writer } = pipe();
      return descriptors(reader[moveDescriptor](), writer[moveDescriptor]());
    },
  },
];
