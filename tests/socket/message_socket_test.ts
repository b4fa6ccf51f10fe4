// Needs: socat, python3
/** Behaviour 37 and the promises of `MessageSocket`. */
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import { connectUnix, listenUnix, type MessageSocket, socketPair } from "../../lib/socket/mod.ts";
import { moveDescriptor } from "../../lib/sys/inheritable.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, PeerProcess, Room, textOf } from "./peer_process.ts";

type Kind = "seqpacket" | "datagram";
const KINDS: Kind[] = ["seqpacket", "datagram"];

function pair(kind: Kind): [MessageSocket, MessageSocket] & Disposable {
  const ends = socketPair(kind);
  return Object.assign(ends, { [Symbol.dispose]: () => ends.forEach((end) => end.close()) });
}

/** Fills the way until nothing more goes. Returns how many messages went. */
function fill(socket: MessageSocket, bytes = new Uint8Array(1000)): number {
  let count = 0;
  while (socket.trySend(bytes)) count++;
  return count;
}

for (const kind of KINDS) {
  Deno.test(`MessageSocket ${kind}: boundaries are kept, in all three forms`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      assertEquals(right.type, kind);
      assertEquals(right.tryReceive(), undefined);
      const pending = right.receive();
      await left.send(bytesOf("one"));
      assertEquals(await pending, { bytes: bytesOf("one"), byteLength: 3, truncated: false });
      left.sendSync(bytesOf("two"));
      assert(left.trySend(bytesOf("three")));
      assertEquals(textOf(right.receiveSync()!.bytes), "two");
      assertEquals(textOf(right.tryReceive()!.bytes), "three");
      assertEquals(right.tryReceive(), undefined);
    });
  });

  Deno.test(`MessageSocket ${kind}: a message that does not fit is flagged, and the next one is whole`, async () => {
    using ends = pair(kind);
    const [left, right] = ends;
    const buffer = new Uint8Array(2);
    for (const text of ["abcdef", "abcdef", "ab", "xyz"]) left.sendSync(bytesOf(text));
    assertEquals(await right.receive({ maxBytes: 4 }), { bytes: bytesOf("abcd"), byteLength: 6, truncated: true });
    const into = right.tryReceive({ into: buffer });
    assertEquals(into, { bytes: bytesOf("ab"), byteLength: 6, truncated: true });
    assertEquals(into!.bytes.buffer, buffer.buffer);
    assertEquals(right.receiveSync({ into: buffer }), { bytes: bytesOf("ab"), byteLength: 2, truncated: false });
    assertEquals(textOf(right.receiveSync()!.bytes), "xyz");
  });

  Deno.test(`MessageSocket ${kind}: a message above 64 KiB needs maxBytes`, () => {
    using ends = pair(kind);
    const [left, right] = ends;
    const message = new Uint8Array(100_000).map((_, index) => index);
    left.sendSync(message);
    left.sendSync(message);
    const cut = right.receiveSync()!;
    assertEquals([cut.bytes.byteLength, cut.byteLength, cut.truncated], [65536, 100_000, true]);
    assertEquals(right.receiveSync({ maxBytes: 100_000 })!.bytes, message);
  });

  Deno.test(`MessageSocket ${kind}: a message larger than the sending buffer throws EMSGSIZE, and nothing is sent`, async () => {
    using ends = pair(kind);
    const [left, right] = ends;
    const error = assertThrows(() => left.sendSync(new Uint8Array(10_000_000)), PosixError, "net.core.wmem_default");
    assertEquals([error.code, error.syscall], ["EMSGSIZE", "send"]);
    assertEquals((await assertRejects(() => left.send(new Uint8Array(10_000_000)), PosixError)).code, "EMSGSIZE");
    assertEquals(right.tryReceive(), undefined);
  });

  Deno.test(`MessageSocket ${kind}: a receive that timed out or was aborted takes nothing`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      await assertRejects(() => right.receive({ timeoutMs: 5 }), DOMException, "timed out after 5 ms");
      assertThrows(() => right.receiveSync({ timeoutMs: 5 }), DOMException, "timed out after 5 ms");
      const abort = new AbortController();
      const reason = new Error("enough");
      const pending = right.receive({ signal: abort.signal });
      abort.abort(reason);
      left.sendSync(bytesOf("kept"));
      assertEquals(await pending.catch((error) => error), reason);
      assertEquals(textOf((await right.receive())!.bytes), "kept");
    });
  });

  Deno.test(`MessageSocket ${kind}: receives are served in the order of their calls`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      const abort = new AbortController();
      // The one at the head leaves, and one from the middle.
      const head = right.receive({ signal: abort.signal });
      const first = right.receive();
      const dropped = right.receive({ signal: abort.signal });
      const second = right.receive();
      assertEquals(right.tryReceive(), undefined);
      abort.abort();
      await Promise.all([assertRejects(() => head), assertRejects(() => dropped)]);
      left.sendSync(bytesOf("1"));
      left.sendSync(bytesOf("2"));
      assertEquals(right.tryReceive(), undefined);
      assertEquals([textOf((await first)!.bytes), textOf((await second)!.bytes)], ["1", "2"]);
    });
  });

  Deno.test(`MessageSocket ${kind}: a full queue: trySend says false, send waits its turn, sendSync times out`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      const filled = fill(left);
      assert(filled > 10);
      assertThrows(() => left.sendSync(bytesOf("x"), { timeoutMs: 5 }), DOMException, "timed out");
      await assertRejects(() => left.send(bytesOf("x"), { timeoutMs: 5 }), DOMException, "timed out");
      const sends = ["a", "b", "c"].map((text) => left.send(bytesOf(text)));
      assertEquals(left.trySend(bytesOf("x")), false);
      for (let index = 0; index < filled; index++) assertEquals((await right.receive())!.byteLength, 1000);
      await Promise.all(sends);
      for (const text of ["a", "b", "c"]) assertEquals(textOf((await right.receive())!.bytes), text);
      assertEquals(right.tryReceive(), undefined);
    });
  });

  Deno.test(`MessageSocket ${kind}: close ends pending waits with ClosedError`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left] = ends;
      fill(left);
      const pending = [left.receive(), left.receive(), left.send(bytesOf("x")), left.send(bytesOf("y"))]
        .map((wait: Promise<unknown>) => wait.catch((error: unknown) => error));
      left.close();
      left.close();
      for (const wait of pending) assertInstanceOf(await wait, ClosedError);
      assertThrows(() => left.tryReceive(), ClosedError);
      assertThrows(() => left.trySend(bytesOf("x")), ClosedError);
      assertThrows(() => left.closeWrite(), ClosedError);
    });
  });

  Deno.test(`MessageSocket ${kind}: giving it away closes it here; duplicates compete for messages`, async () => {
    await noLeaks(() => {
      using ends = pair(kind);
      const [left, right] = ends;
      using twin = right.duplicate();
      left.sendSync(bytesOf("1"));
      left.sendSync(bytesOf("2"));
      assertEquals(textOf(twin.receiveSync()!.bytes), "1");
      assertEquals(textOf(right.receiveSync()!.bytes), "2");
      using given = right[moveDescriptor]();
      assert(right.closed && !given.closed);
    });
  });
}

Deno.test("MessageSocket seqpacket: the end comes after what was sent before", async () => {
  await noLeaks(async () => {
    for (const end of [(socket: MessageSocket) => socket.close(), (socket: MessageSocket) => socket.closeWrite()]) {
      using ends = pair("seqpacket");
      const [left, right] = ends;
      left.sendSync(bytesOf("1"));
      left.sendSync(bytesOf("2"));
      end(left);
      const texts: string[] = [];
      for await (const message of right) texts.push(textOf(message.bytes));
      assertEquals(texts, ["1", "2"]);
      assertEquals([await right.receive(), right.receiveSync(), right.tryReceive()], [null, null, null]);
    }
  });
});

Deno.test("MessageSocket seqpacket: closeWrite ends one direction, close both", async () => {
  using ends = pair("seqpacket");
  const [left, right] = ends;
  left.closeWrite();
  assertThrows(() => left.sendSync(bytesOf("x")), ClosedError, "is closed for writing");
  assertEquals(await right.receive(), null);
  await right.send(bytesOf("answer"));
  assertEquals(textOf((await left.receive())!.bytes), "answer");
  left.close();
  assertEquals(assertThrows(() => right.sendSync(bytesOf("x")), PosixError).code, "EPIPE");
});

Deno.test("MessageSocket seqpacket: an empty message is refused here, and told from the end when a peer sends one", async () => {
  await watchdog(20_000, async () => {
    using ends = pair("seqpacket");
    for (const send of ["sendSync", "trySend"] as const) {
      assertThrows(() => ends[0][send](new Uint8Array()), RangeError);
    }
    await assertRejects(() => ends[0].send(new Uint8Array()), RangeError);
    using room = new Room();
    using listener = await listenUnix(room.at("s"), { type: "seqpacket" });
    await using peer = await PeerProcess.python("socket_send_messages.py", listener.path, "seqpacket");
    using socket = await listener.accept();
    for (const text of ["", "", "x"]) await peer.tell(JSON.stringify(text));
    for (let index = 0; index < 3; index++) assertEquals(await peer.line(), "sent");
    assertEquals((await socket.receive())?.byteLength, 0);
    for (const text of ["", "y"]) await peer.tell(JSON.stringify(text));
    for (let index = 0; index < 2; index++) assertEquals(await peer.line(), "sent");
    await peer[Symbol.asyncDispose]();
    const lengths: number[] = [];
    for await (const message of socket) lengths.push(message.byteLength);
    assertEquals(lengths, [0, 1, 0, 1]);
  });
});

Deno.test("MessageSocket datagram: empty messages are messages", () => {
  using ends = pair("datagram");
  const [left, right] = ends;
  left.sendSync(new Uint8Array());
  left.sendSync(bytesOf("x"));
  assertEquals(right.receiveSync(), { bytes: new Uint8Array(), byteLength: 0, truncated: false });
  assertEquals(right.receiveSync()?.byteLength, 1);
});

Deno.test("MessageSocket datagram: the peer's end is not seen by receive, and ECONNREFUSED to send", async () => {
  using ends = pair("datagram");
  const [left, right] = ends;
  right.close();
  assertEquals(left.tryReceive(), undefined);
  await assertRejects(() => left.receive({ timeoutMs: 5 }), DOMException, "timed out");
  assertEquals(assertThrows(() => left.sendSync(bytesOf("x")), PosixError).code, "ECONNREFUSED");
});

Deno.test("MessageSocket seqpacket: a Python peer echoes messages of many lengths, and sees our half-close", async () => {
  await watchdog(60_000, async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"), { type: "seqpacket" });
    await using peer = await PeerProcess.python("socket_echo_messages.py", listener.path);
    using socket = await listener.accept();
    const lengths = [
      1,
      2,
      3,
      100,
      4095,
      4096,
      4097,
      65536,
      100_000,
      ...Array.from({ length: 500 }, (_, index) => index + 1),
    ];
    const sending = (async () => {
      for (const length of lengths) await socket.send(new Uint8Array(length).fill(length));
      socket.closeWrite();
    })();
    let index = 0;
    for (let message = await next(); message !== null; message = await next()) {
      const length = lengths[index++]!;
      assertEquals(message.bytes, new Uint8Array(length).fill(length));
    }
    assertEquals(index, lengths.length);
    await sending;
    assertEquals(await peer.line(), "ended");
    function next() {
      return socket.receive({ maxBytes: 1 << 18 });
    }
  });
});

Deno.test("MessageSocket datagram: a receiver that does not read makes send wait, and its death ends the wait", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    const peer = await PeerProcess.python("socket_listen.py", room.at("s"), "dgram", "bind");
    using socket = await connectUnix(room.at("s"), { type: "datagram" });
    assert(fill(socket, bytesOf("x")) > 0);
    await assertRejects(() => socket.send(bytesOf("x"), { timeoutMs: 5 }), DOMException, "timed out");
    const waiting = socket.send(bytesOf("x")).catch((error: unknown) => error);
    peer.kill("SIGKILL");
    const failure = await waiting;
    assertInstanceOf(failure, PosixError);
    assertEquals(failure.syscall, "send");
    await peer[Symbol.asyncDispose]();
  });
});

Deno.test("MessageSocket seqpacket: the death of the peer is its end", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"), { type: "seqpacket" });
    const peer = await PeerProcess.python("socket_send_messages.py", listener.path, "seqpacket");
    using socket = await listener.accept();
    await peer.tell('"last words"');
    assertEquals(await peer.line(), "sent");
    assertEquals(textOf((await socket.receive())!.bytes), "last words");
    const waiting = socket.receive();
    peer.kill("SIGKILL");
    assertEquals(await waiting, null);
    await peer[Symbol.asyncDispose]();
  });
});

Deno.test("connectUnix with type datagram talks to a bound datagram socket", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    const output = room.at("out");
    const listener = new Deno.Command("socat", { args: ["-u", `UNIX-RECV:${room.at("s")}`, `CREATE:${output}`] })
      .spawn();
    while (!room.names.includes("out")) await new Promise((resolve) => setTimeout(resolve, 1));
    {
      using socket = await connectUnix(room.at("s"), { type: "datagram" });
      await socket.send(bytesOf("to syslog, say"));
      const error = assertThrows(() => socket.peer, PosixError);
      assertEquals(error.code, "ENODATA");
    }
    while (Deno.readTextFileSync(output) !== "to syslog, say") await new Promise((resolve) => setTimeout(resolve, 1));
    listener.kill("SIGTERM");
    await listener.status;
  });
});

const WRONG: [what: string, options: Record<string, unknown>][] = [
  ["maxBytes 0", { maxBytes: 0 }],
  ["maxBytes 1.5", { maxBytes: 1.5 }],
  ["an empty buffer", { into: new Uint8Array() }],
  ["a negative timeout", { timeoutMs: -1 }],
];

for (const [what, options] of WRONG) {
  Deno.test(`MessageSocket.receive refuses ${what}`, async () => {
    using ends = pair("seqpacket");
    await assertRejects(() => ends[0].receive(options), RangeError);
    assertThrows(() => ends[0].receiveSync(options), RangeError);
  });
}

Deno.test("socketPair refuses another type", () => {
  assertThrows(() => socketPair("raw" as "stream"), TypeError, "stream, seqpacket, datagram");
});

Deno.test("MessageSocket: a loop that always finds a message lets timers run", async () => {
  await watchdog(20_000, async () => {
    using ends = pair("seqpacket");
    const [left, right] = ends;
    let fired = false;
    setTimeout(() => fired = true, 1);
    while (!fired) {
      await left.send(bytesOf("x"));
      await right.receive();
    }
  });
});
