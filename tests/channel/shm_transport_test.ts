// Needs: strace
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { openShm, type ShmOptions, type ShmTransport } from "../../lib/channel/shm_transport.ts";
import { ChannelClosedError } from "../../lib/errors.ts";
import {
  array,
  channel,
  channelPair,
  ClosedError,
  f64,
  listenChannel,
  moveDescriptor,
  PosixError,
  ProtocolError,
  socketPair,
  struct,
  u32,
  u8,
} from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { quiet } from "./quiet.ts";

let names = 0;

/** A name that no other test has. */
function name(): string {
  return `channel-test-${Deno.pid}-${++names}`;
}

function ask(mode: "listen" | "connect", options: Partial<ShmOptions> = {}): ShmOptions {
  return { mode, codec: "bytes", fingerprint: 0n, maxMessageBytes: 4096, ...options };
}

async function pair(options: Partial<ShmOptions> = {}): Promise<[ShmTransport, ShmTransport]> {
  const shared = name();
  return await Promise.all([openShm(shared, ask("listen", options)), openShm(shared, ask("connect", options))]);
}

const text = (bytes: Uint8Array | null | undefined) => bytes && new TextDecoder().decode(bytes);
const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("shm: messages both ways, in three ways to wait", async () => {
  const [left, right] = await pair();
  using _left = left;
  using _right = right;
  const waiting = right.receive();
  await left.send(bytes("one"));
  assertEquals(text(await waiting), "one");
  right.sendSync(bytes("two"));
  assertEquals(text(left.receiveSync()), "two");
  assertEquals(left.tryReceive(), undefined);
  assert(left.trySend(bytes("three")));
  assertEquals(text(right.tryReceive()), "three");
  left.closeSending();
  assertEquals(await right.receive(), null);
  await right.send(bytes("still"));
  assertEquals(text(await left.receive()), "still");
});

Deno.test("shm: a loan is received in place", async () => {
  const [left, right] = await pair({ maxMessageBytes: 1 << 20 });
  using _left = left;
  using _right = right;
  const loan = left.sender.loanSync(1 << 20);
  loan.fill(7);
  assertEquals(right.tryReceive(), undefined);
  left.sender.commit();
  using borrowed = right.receiver.borrowSync()!;
  assertEquals([borrowed.bytes.byteLength, borrowed.bytes[0], borrowed.bytes.at(-1)], [1 << 20, 7, 7]);
});

Deno.test("shm: close is null for the peer, and a send to a closed peer says so", async () => {
  const [left, right] = await pair();
  left.sendSync(bytes("last"));
  left.close();
  left.close();
  assertEquals(text(await right.receive()), "last");
  assertEquals(await right.receive(), null);
  const error = await assertRejects(() => right.send(bytes("x")), ChannelClosedError);
  assertEquals(error.reason, "closed");
  assertThrows(() => left.trySend(bytes("x")), ClosedError);
  right.close();
});

Deno.test("shm: connect waits for a listener, until its deadline", async () => {
  const shared = name();
  const early = openShm(shared, ask("connect"));
  using left = await openShm(shared, ask("listen"));
  using right = await early;
  left.trySend(bytes("x"));
  assertEquals(text(await right.receive()), "x");
  const error = await assertRejects(() => openShm(name(), ask("connect", { timeoutMs: 3 })), DOMException);
  assertEquals(error.name, "TimeoutError");
  const none = await assertRejects(() => openShm(name(), ask("listen", { timeoutMs: 3 })), DOMException);
  assertEquals(none.name, "TimeoutError");
});

Deno.test("shm: a name is taken while somebody listens, and free afterwards", async () => {
  const shared = name();
  const listening = openShm(shared, ask("listen"));
  const error = await assertRejects(() => openShm(shared, ask("listen")), PosixError);
  assertEquals(error.code, "EADDRINUSE");
  using first = await openShm(shared, ask("connect"));
  using second = await listening;
  const [third, fourth] = await Promise.all([openShm(shared, ask("listen")), openShm(shared, ask("connect"))]);
  third.trySend(bytes("3"));
  second.trySend(bytes("2"));
  assertEquals([text(await first.receive()), text(await fourth.receive())], ["2", "3"]);
  third.close();
  fourth.close();
});

Deno.test("shm: ends that do not agree are refused on both sides", async () => {
  for (
    const [change, word] of [
      [{ codec: "json" }, "codec"],
      [{ fingerprint: 1n }, "types"],
    ] as const
  ) {
    const shared = name();
    const listening = assertRejects(() => openShm(shared, ask("listen")), ProtocolError, word);
    await assertRejects(() => openShm(shared, ask("connect", change)), ProtocolError, word);
    await listening;
  }
});

Deno.test("shm: the smaller maximum counts", async () => {
  const shared = name();
  const [left, right] = await Promise.all([
    openShm(shared, ask("listen", { maxMessageBytes: 100 })),
    openShm(shared, ask("connect", { maxMessageBytes: 10_000 })),
  ]);
  using _left = left;
  assertEquals([left.maxMessageBytes, right.maxMessageBytes, right.peer?.pid], [100, 100, Deno.pid]);
  assertThrows(() => right.trySend(new Uint8Array(101)), RangeError);
  right.close();
});

Deno.test("shm: nothing is left behind, whatever becomes of the opening", async () => {
  await noLeaks(async () => {
    const [left, right] = await pair();
    const waiting = right.receive();
    await left.send(bytes("x"));
    await waiting;
    const pending = assertRejects(() => right.receive(), ClosedError);
    right.close();
    await pending;
    left.close();
    const shared = name();
    const refused = assertRejects(() => openShm(shared, ask("listen")), ProtocolError);
    await assertRejects(() => openShm(shared, ask("connect", { codec: "json" })), ProtocolError);
    await refused;
    await assertRejects(() => openShm(name(), ask("listen", { timeoutMs: 1 })), DOMException);
    const controller = new AbortController();
    const aborted = openShm(name(), ask("connect", { signal: controller.signal }));
    controller.abort(new RangeError("enough"));
    await assertRejects(() => aborted, RangeError);
  });
});

Deno.test("shm: the death of either end is told apart from a close", async () => {
  for (const role of ["receive", "send"] as const) {
    const shared = name();
    const child = new Deno.Command(Deno.execPath(), {
      args: ["run", "-A", "--no-check", new URL("../fixtures/shm_peer.ts", import.meta.url).pathname, shared, role],
      stdout: "null",
    }).spawn();
    using end = await openShm(shared, ask("listen"));
    if (role === "send") {
      // What it had sent comes first, in order and whole.
      let count = 0;
      const error = await watchdog(
        30_000,
        assertRejects(async () => {
          while (true) {
            const message = await end.receive();
            assertEquals(message && new Uint32Array(message.slice().buffer), new Uint32Array(25).fill(count++));
            if (count === 1000) child.kill("SIGKILL");
          }
        }, ChannelClosedError),
      );
      assertEquals(error.reason, "died");
    } else {
      const error = await watchdog(
        30_000,
        assertRejects(async () => {
          for (let count = 0;; count++) {
            await end.send(new Uint8Array(100));
            if (count === 1000) child.kill("SIGKILL");
          }
        }, ChannelClosedError),
      );
      assertEquals(error.reason, "died");
    }
    await child.status;
  }
});

Deno.test("channel and channelPair spins: a blocking wait looks as often as was asked for before it sleeps", async () => {
  const { pause } = Atomics;
  let pauses = 0;
  const pausesOf = (end: { receiveSync(options: { timeoutMs: number }): unknown }): number => {
    pauses = 0;
    assertThrows(() => end.receiveSync({ timeoutMs: 1 }), DOMException, "timed out");
    return pauses;
  };
  try {
    Atomics.pause = (): void => void pauses++;
    for (const [spins, least, most] of [[0, 0, 0], [5000, 4900, 10_000]] as const) {
      const address = `shm:${name()}`;
      using pair = channelPair<number>({ road: "ring", spins });
      const ends = await Promise.all([
        channel<number>(address, { mode: "listen", spins }),
        channel<number>(address, { spins }),
      ]);
      for (const end of [...ends, pair.parent]) {
        const counted = pausesOf(end);
        assert(counted >= least && counted <= most, `${counted} pauses with ${spins} spins`);
      }
      for (const end of ends) end.close();
    }
  } finally {
    Atomics.pause = pause;
  }
  for (const spins of [-1, 0.5, NaN]) {
    await assertRejects(() => channel(`shm:${name()}`, { spins }), RangeError, "spins");
    assertThrows(() => channelPair({ road: "ring", spins }), RangeError, "spins");
  }
});

Deno.test("shm: listenChannel lets many come, each with a channel of its own", async () => {
  await noLeaks(async () => {
    using listener = await listenChannel<number>(`shm:${name()}`);
    const served: Promise<void>[] = [];
    const serving = (async () => {
      for await (const client of listener) {
        served.push((async () => {
          for await (const n of client) await client.send(n * 2);
          client.close();
        })());
      }
    })();
    const clients = await Promise.all([1, 2, 3].map(() => channel<number>(listener.address)));
    for (const [index, client] of clients.entries()) await client.send(index);
    assertEquals(await Promise.all(clients.map((client) => client.receive())), [0, 2, 4]);
    for (const client of clients) {
      client.closeSending();
      assertEquals(await client.receive(), null);
      client.close();
    }
    listener.close();
    await serving;
    await Promise.all(served);
    await quiet();
  });
});

Deno.test("shm: channel.inPlace writes and reads structs where they lie", async () => {
  const Frame = struct({ sequence: u32, sum: f64, pixels: array(u8, 100_000) });
  const address = `shm:${name()}`;
  const options = { codec: Frame };
  const [camera, screen] = await Promise.all([
    channel(address, { ...options, mode: "listen" }),
    channel(address, options),
  ]);
  const { inPlace: out } = camera;
  const { inPlace: into } = screen;
  assert(out !== undefined && into !== undefined);
  for (let sequence = 0; sequence < 100; sequence++) {
    using frame = out.tryLoan() ?? out.loanSync();
    frame.value.sequence = sequence;
    frame.value.sum = sequence / 2;
    frame.value.pixels.set(new Uint8Array(100_000).fill(sequence));
    assertEquals(into.tryBorrow(), undefined);
    frame.send();
    using seen = sequence % 2 === 0 ? into.borrowSync() : await into.borrow();
    assertEquals([seen?.value.sequence, seen?.value.sum, seen?.bytes.byteLength], [sequence, sequence / 2, Frame.size]);
    assertEquals([seen?.value.pixels.at(0), seen?.value.pixels.at(-1)], [sequence, sequence]);
  }
  const unsent = await out.loan();
  unsent.value.sequence = 7;
  unsent[Symbol.dispose]();
  await camera.send({ sequence: 1, sum: 2, pixels: new Uint8Array(100_000) });
  using last = await into.borrow();
  const view = last?.value;
  assertEquals(view?.sequence, 1);
  camera.close();
  assertEquals(await into.borrow(), null);
  screen.close();
  assertThrows(() => view?.sequence, ClosedError);
  assertThrows(() => into.tryBorrow(), ClosedError);
});

Deno.test("shm: channel.inPlace is not there on other roads, and has bytes for other codecs", async () => {
  const address = `shm:${name()}`;
  const [left, right] = await Promise.all([channel(address, { mode: "listen" }), channel(address)]);
  using _left = left;
  using _right = right;
  assertThrows(() => left.inPlace?.tryLoan(), TypeError);
  using loan = left.inPlace?.tryLoan(4);
  loan?.bytes.set(bytes("true"));
  assertThrows(() => loan?.value, TypeError);
  loan?.send();
  assertEquals(await right.receive(), true);
  const [end, other] = socketPair("stream");
  other.close();
  const fd = end[moveDescriptor]();
  const raw = fd.raw;
  fd.closeWith(() => {});
  fd.close();
  await assertRejects(() => channel(`fd:${raw}`), ChannelClosedError);
});

Deno.test("shm: sending and receiving, blocking, makes no system call while there is something to do", async () => {
  const fixture = new URL("../fixtures/shm_quiet.ts", import.meta.url).pathname;
  const { code, stderr } = await new Deno.Command("strace", {
    args: ["-f", "-e", "trace=all", Deno.execPath(), "run", "-A", "--no-check", fixture, `shm:${name()}`],
    stdout: "null",
    stderr: "piped",
  }).output();
  const trace = new TextDecoder().decode(stderr);
  assertEquals(code, 0, trace.slice(-2000));
  const calls = trace.slice(trace.indexOf("BEGIN HOT"), trace.indexOf("END HOT")).split("\n");
  assert(trace.includes("BEGIN HOT") && trace.includes("END HOT"));
  // Deno's own threads have locks of their own, which are PRIVATE. 20,000 messages went through.
  assertEquals(calls.filter((line) => /FUTEX_(WAKE|WAIT)[,)]/.test(line)), []);
  assert(calls.length < 2000, `${calls.length} calls`);
});
