/** Hostile peers on every road get an error, leave nothing open, and cost less than 16 MB of memory. */
import { assertEquals, assertLess } from "@std/assert";
import {
  channel,
  connectUnix,
  type MessageQueue,
  moveDescriptor,
  openFifo,
  openMessageQueue,
  remote,
  socketPair,
  unlinkMessageQueue,
} from "../../mod.ts";
import { meetingPath } from "../../lib/channel/rendezvous_path.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Besieged, BYTE_ATTACKS, frame, hello, MOST_BYTES, packet, PACKET_ATTACKS, type Raw } from "./siege.ts";
import { KIND } from "../../lib/channel/frame.ts";

const LIMIT_MS = 120_000;
const LET_IN = 20;

/** Connects to an address of a road of bytes and says hello, as a program does that has no channels. */
async function connectRaw(address: string): Promise<Raw> {
  const [road = "", rest = ""] = [address.slice(0, address.indexOf(":")), address.slice(address.indexOf(":") + 1)];
  if (road === "tcp") {
    const at = rest.lastIndexOf(":");
    const connection = await Deno.connect({ hostname: rest.slice(0, at), port: Number(rest.slice(at + 1)) });
    await connection.write(frame(KIND.HELLO, hello));
    // Who closes with something unread resets the connection, and what it has sent may be lost.
    void drained(connection).finally(() => connection.close());
    return {
      async write(bytes) {
        for (let rest = bytes; rest.byteLength > 0;) rest = rest.subarray(await connection.write(rest));
      },
      [Symbol.dispose]: once(() => void connection.closeWrite().catch(() => {})),
    };
  }
  if (road === "unix") {
    const socket = await connectUnix(rest);
    await socket.write(frame(KIND.HELLO, hello));
    // Who does not wait for the other's hello may be gone before it is let in.
    await socket.read(new Uint8Array(1024));
    return { write: (bytes) => socket.write(bytes), [Symbol.dispose]: () => socket.close() };
  }
  while (true) {
    try {
      const writer = await openFifo(rest, "write", { timeoutMs: LIMIT_MS });
      await writer.write(frame(KIND.HELLO, hello));
      return { write: (bytes) => writer.write(bytes), [Symbol.dispose]: () => writer.close() };
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

async function drained(connection: Deno.Conn): Promise<void> {
  const buffer = new Uint8Array(1024);
  try {
    while (await connection.read(buffer) !== null);
  } catch {
    // Reset: the other side has had enough.
  }
}

function once(work: () => void): () => void {
  let done = false;
  return () => {
    if (!done) work();
    done = true;
  };
}

/** A queue that the besieged process is about to make. */
async function openQueue(name: string): Promise<MessageQueue> {
  while (true) {
    try {
      return openMessageQueue(name);
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT")) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

/** A peer that has gone is no error of ours. */
async function quietly(work: Promise<void>): Promise<void> {
  await work.catch(() => {});
}

for (const road of ["unix", "tcp", "fifo"] as const) {
  Deno.test(`channel over ${road}: hostile peers get an error, and cost less than 16 MB and no descriptor`, () =>
    watchdog(LIMIT_MS, async () => {
      const directory = await Deno.makeTempDir();
      const address = road === "tcp" ? "tcp:127.0.0.1:0" : `${road}:${directory}/road`;
      {
        await using besieged = await Besieged.start(address, road === "fifo" ? "listen" : "many");
        const round = async () => {
          for (const [what, says, attack] of BYTE_ATTACKS) {
            using raw = await connectRaw(besieged.address);
            await quietly(attack(raw));
            raw[Symbol.dispose]();
            assertEquals(await besieged.says(), says, what);
          }
        };
        await round();
        await besieged.warm();
        const { descriptors } = besieged;
        for (let time = 0; time < 3; time++) await round();
        assertLess(await besieged.cost(), MOST_BYTES);
        // It may be about to close, and to open for the next one.
        while (besieged.descriptors > descriptors + 4) await new Promise((resolve) => setTimeout(resolve, 1));
      }
      await Deno.remove(directory, { recursive: true });
    }));
}

for (const road of ["unix", "tcp", "shm"] as const) {
  Deno.test(`listenChannel over ${road}: many who connect and say nothing cost less than 16 MB`, () =>
    watchdog(LIMIT_MS, async () => {
      const directory = await Deno.makeTempDir();
      const name = `siege-${crypto.randomUUID()}`;
      const address = road === "tcp" ? "tcp:127.0.0.1:0" : road === "shm" ? `shm:${name}` : `unix:${directory}/road`;
      {
        await using besieged = await Besieged.start(address, "many");
        const connect = async (): Promise<Disposable> => {
          if (road === "unix") return await connectUnix(`${directory}/road`);
          if (road === "shm") return await connectUnix(meetingPath(name), { type: "seqpacket" });
          const at = besieged.address.lastIndexOf(":");
          return await Deno.connect({ hostname: "127.0.0.1", port: Number(besieged.address.slice(at + 1)) });
        };
        (await connect())[Symbol.dispose]();
        using others = new DisposableStack();
        for (let guest = 0; guest < 5; guest++) others.use(await connect());
        await besieged.warm();
        const { descriptors } = besieged;
        for (let guest = 0; guest < 100; guest++) others.use(await connect());
        // So many at least are let in at once; the rest waits in the kernel.
        while (besieged.descriptors < descriptors + LET_IN) await new Promise((resolve) => setTimeout(resolve, 1));
        assertLess(await besieged.cost(), MOST_BYTES);
        others[Symbol.dispose]();
        (await channel(besieged.address, { timeoutMs: LIMIT_MS })).close();
        assertEquals(await besieged.says(), "closed");
      }
      await Deno.remove(directory, { recursive: true });
    }));
}

Deno.test("channel over a seqpacket socket: hostile peers get an error, and cost less than 16 MB", () =>
  watchdog(LIMIT_MS, async () => {
    const attacks: typeof PACKET_ATTACKS = [
      ...PACKET_ATTACKS,
      ["a packet above the maximum", "ProtocolError", [packet(KIND.DATA, "1".repeat(140_000))]],
      ["an empty packet", "ChannelClosedError", [new Uint8Array(0)]],
      ["many tiny messages", "closed", [
        ...Array.from({ length: 20_000 }, () => packet(KIND.DATA, "1")),
        packet(KIND.BYE),
      ]],
    ];
    for (const [what, says, packets] of attacks) {
      const [ours, theirs] = socketPair("seqpacket");
      using socket = ours;
      using fd = theirs[moveDescriptor]();
      await using besieged = await Besieged.start("fd:3", "listen", [fd]);
      await socket.send(packet(KIND.HELLO, hello));
      await socket.receive();
      await socket.send(packet(KIND.DATA, "1"));
      await besieged.warm();
      for (const each of packets) await quietly(socket.send(each));
      socket.close();
      assertEquals(await besieged.says(), says, what);
      assertLess(await besieged.cost(), MOST_BYTES, what);
    }
  }));

Deno.test("channel over a seqpacket socket closes descriptors that nobody asked for", () =>
  watchdog(LIMIT_MS, async () => {
    const [ours, theirs] = socketPair("seqpacket", { descriptors: true });
    using socket = ours;
    using fd = theirs[moveDescriptor]();
    await using besieged = await Besieged.start("fd:3", "listen", [fd]);
    const [left, right] = socketPair("stream");
    using _left = left;
    using _right = right;
    await socket.send(packet(KIND.HELLO, hello));
    await socket.receive();
    await socket.sendDescriptors(packet(KIND.DATA, "1"), [right]);
    // The other end of the pair has nobody any more: the descriptor is nowhere.
    assertEquals(await left.read(new Uint8Array(1)), null);
    await socket.send(packet(KIND.BYE));
    assertEquals(await besieged.says(), "closed");
  }));

Deno.test("channel over mq: hostile peers get an error, and cost less than 16 MB and no descriptor", () =>
  watchdog(LIMIT_MS, async () => {
    const name = `/siege-${crypto.randomUUID()}`;
    // Who is killed leaves the name to the next listener, and here there is none.
    using kept = new DisposableStack();
    kept.defer(() => unlinkMessageQueue(name));
    await using besieged = await Besieged.start(`mq:${name}`, "listen");
    const round = async () => {
      for (const [what, says, packets] of PACKET_ATTACKS) {
        using queue = await openQueue(name);
        await queue.send(packet(KIND.HELLO, hello));
        for (const each of packets) await queue.send(each, { timeoutMs: LIMIT_MS });
        queue.close();
        assertEquals(await besieged.says(), says, what);
      }
    };
    await round();
    await besieged.warm();
    const { descriptors } = besieged;
    for (let time = 0; time < 2; time++) await round();
    assertLess(await besieged.cost(), MOST_BYTES);
    while (besieged.descriptors > descriptors + 4) await new Promise((resolve) => setTimeout(resolve, 1));
  }));

/** What a caller asks for and does not read, or sends and never lets go of. */
const CALLS: readonly [what: string, count: number, call: (id: number) => unknown][] = [
  ["answers of a megabyte, at once", 1000, (id) => ({ kind: "call", id, method: "now", args: [1_000_000] })],
  ["answers of a megabyte, later", 1000, (id) => ({ kind: "call", id, method: "text", args: [1_000_000] })],
  [
    "streams of long items",
    500,
    (id) =>
      id % 2 === 1
        ? { kind: "call", id, method: "items", args: [50_000] }
        : { kind: "pull", stream: id / 2, count: 1024 },
  ],
  ["arguments of a megabyte", 60, (id) => ({ kind: "call", id, method: "never", args: ["x".repeat(1_000_000)] })],
];

for (const [what, count, call] of CALLS) {
  Deno.test(`serve: ${what}, for a caller that does not read, cost less than 16 MB`, () =>
    watchdog(LIMIT_MS, async () => {
      const directory = await Deno.makeTempDir();
      {
        await using besieged = await Besieged.start(`unix:${directory}/api`, "serve");
        using honest = remote<Honest>(await channel(besieged.address));
        for (let time = 0; time < 20; time++) await honest.now(1_000_000);
        await besieged.warm();
        using raw = await connectRaw(besieged.address);
        const frames = Array.from({ length: count }, (_, index) => frame(KIND.DATA, JSON.stringify(call(index + 1))));
        // Small ones together: the kernel holds them when nobody reads them.
        const together = frames[0]!.byteLength < 1000;
        for (const bytes of together ? [new Uint8Array(frames.flatMap((each) => [...each]))] : frames) {
          await raw.write(bytes);
        }
        await answered(honest, 50);
        assertLess(await besieged.cost(), MOST_BYTES);
        raw[Symbol.dispose]();
        assertEquals(await besieged.says(), "ChannelClosedError");
      }
      await Deno.remove(directory, { recursive: true });
    }));
}

interface Honest {
  now(length: number): string;
  text(length: number): Promise<string>;
}

/** Others are served all the same, and so many times in a row that everything that could happen has. */
async function answered(api: { text(length: number): Promise<string> }, times: number): Promise<void> {
  for (let time = 0; time < times; time++) assertEquals((await api.text(10)).length, 10);
}
