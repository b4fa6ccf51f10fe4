/** What is not the same on every road: names, many peers, hostile peers, Workers. */
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import {
  channel,
  ChannelClosedError,
  ClosedError,
  connectUnix,
  createFifo,
  listenChannel,
  listenUnix,
  moveDescriptor,
  mutex,
  parseChannelAddress,
  PosixError,
  ProtocolError,
  socketPair,
  type StreamSocket,
  struct,
} from "../../mod.ts";
import { encodeHello, HEADER_BYTES, KIND, putFrame } from "../../lib/channel/frame.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { TempFolder } from "../sys/run_fixture.ts";
import { release } from "./roads.ts";

const LIMIT_MS = 120_000;

Deno.test("parseChannelAddress takes every form apart, and nothing else", () => {
  const forms: [string, unknown][] = [
    ["unix:/run/app.sock", { road: "unix", path: "/run/app.sock" }],
    ["unix:relative:with:colons", { road: "unix", path: "relative:with:colons" }],
    ["fifo:/tmp/x", { road: "fifo", path: "/tmp/x" }],
    ["shm:jobs", { road: "shm", name: "jobs" }],
    ["mq:/jobs", { road: "mq", name: "/jobs" }],
    ["fd:3", { road: "fd", descriptor: 3 }],
    ["tcp:localhost:80", { road: "tcp", host: "localhost", port: 80 }],
    ["tcp:[::1]:7000", { road: "tcp", host: "::1", port: 7000 }],
  ];
  for (const [address, parsed] of forms) assertEquals(parseChannelAddress(address), parsed);
  const wrong = [
    "",
    "x",
    ":x",
    "unix:",
    "http:x",
    "mq:jobs",
    "mq:/a/b",
    "fd:-1",
    "fd:03",
    "fd:x",
    "tcp:host",
    "tcp:h:99999",
  ];
  for (const address of [...wrong, "tcp:::1:80", "unix:a\0b"]) {
    assertThrows(() => parseChannelAddress(address), TypeError, "An address is");
  }
});

Deno.test("channel refuses wrong options before anything is made", async () => {
  using folder = new TempFolder();
  const address = `unix:${folder.at("road")}`;
  const wrong: [object, typeof TypeError][] = [
    [{ mode: "both" }, TypeError],
    [{ codec: "xml" }, TypeError],
    [{ codec: { name: "with space", encode: () => 0, decode: () => 0 } }, TypeError],
    [{ codec: struct({ lock: mutex }) }, TypeError],
    [{ whenFull: "wait" }, TypeError],
    [{ schema: {} }, TypeError],
    [{ maxMessageBytes: 0 }, RangeError],
    [{ highWaterMark: 0.5 }, RangeError],
    [{ timeoutMs: -1 }, RangeError],
    [{ mode: "listen", permissions: 0o1777 }, RangeError],
  ];
  for (const [options, error] of wrong) await assertRejects(() => channel(address, options), error);
  assertEquals(folder.names, []);
});

Deno.test("channel waits for a listener until its deadline, and can be aborted", async () => {
  using folder = new TempFolder();
  for (
    const address of [
      `unix:${folder.at("unix")}`,
      `fifo:${folder.at("fifo")}`,
      `mq:/causeway-nobody-${Deno.pid}`,
      "tcp:127.0.0.1:1",
    ]
  ) {
    const error = await assertRejects(() => channel(address, { timeoutMs: 30 }), DOMException, address);
    assertEquals(error.name, "TimeoutError");
    const why = new Error("enough");
    await assertRejects(() => channel(address, { signal: AbortSignal.abort(why) }), Error, "enough");
    const controller = new AbortController();
    const waiting = channel(address, { signal: controller.signal });
    setTimeout(() => controller.abort(why));
    await assertRejects(() => waiting, Error, "enough");
  }
  await assertRejects(
    () => channel(`mq:/causeway-nobody-${Deno.pid}`, { mode: "listen", timeoutMs: 20 }),
    DOMException,
  );
  await assertRejects(() => channel(`fifo:${folder.at("fifo")}`, { mode: "listen", timeoutMs: 20 }), DOMException);
  assertEquals(folder.names, []);
});

Deno.test("channel takes one peer, and the name is free again", async () => {
  using folder = new TempFolder();
  for (const road of ["unix", "fifo"]) {
    const address = `${road}:${folder.at(road)}`;
    for (let round = 0; round < 2; round++) {
      const [listener, connector] = await Promise.all([channel(address, { mode: "listen" }), channel(address)]);
      assertEquals(folder.names, []);
      await connector.send(round);
      assertEquals(await listener.receive(), round);
      listener.close();
      connector.close();
    }
  }
});

Deno.test("channel over a FIFO that somebody else made leaves it there", async () => {
  using folder = new TempFolder();
  createFifo(folder.at("fifo"));
  const address = `fifo:${folder.at("fifo")}`;
  const [listener, connector] = await Promise.all([channel(address, { mode: "listen" }), channel(address)]);
  connector.close();
  assertEquals(await listener.receive(), null);
  listener.close();
  assertEquals(folder.names, ["fifo"]);
});

Deno.test("channel over unix knows who is there, and a name in use", async () => {
  using folder = new TempFolder();
  const address = `unix:${folder.at("road")}`;
  using listener = await listenChannel<string>(address);
  const error = await assertRejects(() => channel(address, { mode: "listen" }), PosixError);
  assertEquals(error.code, "EADDRINUSE");
  const [one, other] = await Promise.all([listener.accept(), channel<string>(address)]);
  using _one = one;
  using _other = other;
  assertEquals(one.peer?.pid, Deno.pid);
  assertEquals(one.peer?.uid, Deno.uid());
  await assertRejects(() => listenChannel(`fifo:${folder.at("fifo")}`), TypeError, "only two ends");
});

Deno.test("await using of a listener leaves nobody at the door", () =>
  watchdog(LIMIT_MS, async () => {
    using folder = new TempFolder();
    let refused: Promise<unknown>;
    let silent: StreamSocket;
    const into = new Uint8Array(1024);
    {
      await using listener = await listenChannel<number>(`unix:${folder.at("road")}`);
      refused = assertRejects(() => listener.accept(), ClosedError);
      silent = await connectUnix(folder.at("road"));
      // It hears a hello when it has been let in, and does not answer.
      await silent.read(into);
    }
    using _silent = silent;
    assertEquals([silent.tryRead(into), folder.names], [null, []]);
    await refused;
  }));

Deno.test("listenChannel hears the others while one says nothing, and turns strangers away", async () => {
  using folder = new TempFolder();
  await noLeaks(() =>
    watchdog(LIMIT_MS, async () => {
      using listener = await listenChannel<number>(`unix:${folder.at("road")}`);
      const accepting = [listener.accept(), listener.accept(), listener.accept()];
      using silent = await connectUnix(folder.at("road"));
      using rude = await connectUnix(folder.at("road"));
      await rude.write(new TextEncoder().encode("GET / HTTP/1.1\r\n\r\n"));
      await assertRejects(() => channel(listener.address, { codec: "text" }), ProtocolError, "codec");
      const clients = await Promise.all([1, 2, 3].map(() => channel<number>(listener.address)));
      const servers = await Promise.all(accepting);
      for (const [index, client] of clients.entries()) await client.send(index);
      const seen = await Promise.all(servers.map((server) => server.receive()));
      assertEquals(seen.sort(), [0, 1, 2]);
      for (const end of [...clients, ...servers]) end.close();
      const pending = assertRejects(() => listener.accept(), ClosedError);
      await null;
      listener.close();
      await pending;
      assert(!silent.closed);
    })
  );
  assertEquals(folder.names, []);
});

/** A peer that knows how to say hello, and then does not behave. */
async function withHostile(
  work: (write: (...bytes: (Uint8Array | number[])[]) => Promise<void>, road: HostileRoad) => Promise<void>,
): Promise<void> {
  using folder = new TempFolder();
  const path = folder.at("road");
  const hello = { codec: "json", fingerprint: 0n, maxMessageBytes: 1024 * 1024 };
  const opening = channel(`unix:${path}`, { mode: "listen", maxMessageBytes: 100_000 });
  let connected: StreamSocket | undefined;
  while (connected === undefined) {
    connected = await connectUnix(path, { descriptors: true }).catch(() => undefined);
    if (connected === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  using socket = connected;
  const frame = new Uint8Array(200);
  await socket.write(frame.subarray(0, putFrame(frame, 0, KIND.HELLO, encodeHello(hello))));
  using end = await opening;
  const write = async (...parts: (Uint8Array | number[])[]) => {
    for (const part of parts) await socket.write(part instanceof Uint8Array ? part : new Uint8Array(part));
  };
  await work(write, { end, socket });
}

interface HostileRoad {
  readonly end: Awaited<ReturnType<typeof channel>>;
  readonly socket: StreamSocket;
}

const HOSTILE: [what: string, bytes: number[], why: string][] = [
  ["a length above the declared maximum", [0xa1, 0x86, 1, 0, KIND.DATA], "frame of 100001 bytes"],
  ["the longest length", [255, 255, 255, 255, KIND.DATA], "frame of 4294967295 bytes"],
  ["an unknown kind", [0, 0, 0, 0, 77], "unknown kind 77"],
  ["an end with a payload", [1, 0, 0, 0, KIND.BYE, 0], "at most 0"],
  ["a second hello", [0, 0, 0, 0, KIND.HELLO], "second hello"],
];

for (const [what, bytes, why] of HOSTILE) {
  Deno.test(`channel refuses ${what}, for good`, () =>
    withHostile(async (write, { end }) => {
      await write(bytes);
      await assertRejects(() => end.receive(), ProtocolError, why);
      await assertRejects(() => end.receive(), ProtocolError, why);
      assertThrows(() => end.receiveSync(), ProtocolError, why);
    }));
}

Deno.test("channel takes a frame half by half, and half a frame at the end for a death", () =>
  withHostile(async (write, { end, socket }) => {
    const message = new TextEncoder().encode('"slow"');
    const frame = new Uint8Array(HEADER_BYTES + message.byteLength);
    putFrame(frame, 0, KIND.DATA, message);
    for (const byte of frame.subarray(0, -1)) {
      await write([byte]);
      assertEquals(end.tryReceive(), undefined);
    }
    await write(frame.subarray(-1));
    assertEquals(end.tryReceive(), "slow");
    await write(frame.subarray(0, -1));
    socket.closeWrite();
    assertEquals((await assertRejects(() => end.receive(), ChannelClosedError)).reason, "died");
  }));

Deno.test("channel takes memory for what has come, not for what was announced", () =>
  withHostile(async (write, { end }) => {
    const before = Deno.memoryUsage();
    await write([0xa0, 0x86, 1, 0, KIND.DATA], new Uint8Array(1000));
    assertEquals(end.tryReceive(), undefined);
    const after = Deno.memoryUsage();
    assert(after.external - before.external < 100_000, `${after.external - before.external} bytes were taken`);
  }));

Deno.test("channel closes descriptors that nobody asked for", () =>
  withHostile(async (_write, { end, socket }) => {
    using folder = new TempFolder();
    const [left, right] = socketPair("stream");
    using _left = left;
    const message = new TextEncoder().encode('"gift"');
    const frame = new Uint8Array(HEADER_BYTES + message.byteLength);
    putFrame(frame, 0, KIND.DATA, message);
    await socket.sendDescriptors(frame, [right]);
    assertEquals(await end.receive(), "gift");
    // The other end of the pair has nobody any more: the descriptor is nowhere.
    assertEquals(await left.read(new Uint8Array(1)), null);
    assertEquals(folder.names, []);
  }));

Deno.test("channel over fd refuses what is no road, and what has an owner", async () => {
  using folder = new TempFolder();
  using listener = await listenUnix(folder.at("listening"));
  const listening = release(listener[moveDescriptor]());
  await assertRejects(() => channel(`fd:${listening}`), TypeError, "listening socket");
  using file = Deno.openSync(folder.at("file"), { create: true, write: true });
  assertInstanceOf(file, Deno.FsFile);
  await assertRejects(() => channel("fd:999"), PosixError, "EBADF");
  const [left, right] = socketPair("datagram");
  using _right = right;
  await assertRejects(() => channel(`fd:${release(left[moveDescriptor]())}`), TypeError, "datagram");
});

for (const road of ["unix", "fd"] as const) {
  Deno.test(`channel over ${road} joins a Worker that blocks its thread`, () =>
    watchdog(LIMIT_MS, async () => {
      using folder = new TempFolder();
      const [left, right] = socketPair("stream");
      using _left = left;
      using _right = right;
      const [ours, theirs] = road === "unix"
        ? [`unix:${folder.at("road")}`, `unix:${folder.at("road")}`]
        : [`fd:${release(left[moveDescriptor]())}`, `fd:${release(right[moveDescriptor]())}`];
      const worker = new Worker(new URL("../fixtures/channel_worker.ts", import.meta.url), { type: "module" });
      const done = new Promise((resolve) => worker.onmessage = resolve);
      worker.postMessage(theirs);
      const end = await channel<number>(ours, { mode: "listen" });
      for (let number = 0; number < 200; number++) {
        await end.send(number);
        assertEquals(await end.receive(), 2 * number);
      }
      // And both block.
      end.sendSync(7);
      assertEquals(end.receiveSync({ timeoutMs: LIMIT_MS }), 14);
      end.closeSending();
      assertEquals(await end.receive(), null);
      await done;
      end.close();
      worker.terminate();
    }));
}
