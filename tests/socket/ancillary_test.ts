// Needs: python3, root
/** Behaviours 36 and 37: descriptors and credentials. */
import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PosixError, ProtocolError } from "../../lib/errors.ts";
import {
  connectUnix,
  type DescriptorMessage,
  listenUnix,
  type MessageSocket,
  socketFromDescriptor,
  socketPair,
  type StreamSocket,
} from "../../lib/socket/mod.ts";
import { check } from "../../lib/sys/errno.ts";
import { Fd } from "../../lib/sys/fd.ts";
import { moveDescriptor } from "../../lib/sys/inheritable.ts";
import { libc } from "../../lib/sys/libc.ts";
import { O } from "../../lib/sys/linux.ts";
import { cString } from "../../lib/sys/memory.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, PeerProcess, Room, textOf } from "./peer_process.ts";

type Kind = "stream" | "seqpacket" | "datagram";
const KINDS: Kind[] = ["stream", "seqpacket", "datagram"];
type Carrier = StreamSocket | MessageSocket;

function pair(kind: Kind): [Carrier, Carrier] & Disposable {
  const options = { descriptors: true };
  const ends: [Carrier, Carrier] = kind === "stream" ? socketPair(kind, options) : socketPair(kind, options);
  return Object.assign(ends, { [Symbol.dispose]: () => ends.forEach((end) => end.close()) });
}

/** A descriptor of a new file. */
function openFile(room: Room, name: string): Fd {
  const flags = O.RDONLY | O.CREAT | O.CLOEXEC;
  return Fd.own(check(libc().open(cString(room.at(name), "Path"), flags, 0o600), "open", name), name);
}

/** Device and inode of an open file, as the Python fixtures say them. */
function identityOf(fd: Fd): string {
  const { dev, ino } = Deno.statSync(`/proc/self/fd/${fd.raw}`);
  return `${dev}:${ino}`;
}

function isCloseOnExec(fd: Fd): boolean {
  const flags = Deno.readTextFileSync(`/proc/self/fdinfo/${fd.raw}`).match(/^flags:\s*(\d+)/m)![1]!;
  return (parseInt(flags, 8) & 0o2000000) !== 0;
}

function countDescriptors(): number {
  return [...Deno.readDirSync("/proc/self/fd")].length;
}

for (const kind of ["stream", "seqpacket"] as const) {
  for (const count of [1, 2, 253]) {
    Deno.test(`receiveDescriptors on ${kind}: ${count} from Python are the same open files, close-on-exec`, async () => {
      await watchdog(20_000, () => noLeaks(() => receiveFromPython(kind, count)));
    });

    Deno.test(`sendDescriptors on ${kind}: ${count} to Python are the same open files, and stay open here`, async () => {
      await watchdog(20_000, () => noLeaks(() => sendToPython(kind, count)));
    });
  }
}

async function receiveFromPython(kind: "stream" | "seqpacket", count: number): Promise<void> {
  using room = new Room();
  using listener = await listen(room, kind);
  await using peer = await PeerProcess.python("socket_send_descriptors.py", listener.path, kind);
  using socket = await listener.accept();
  await peer.tell(JSON.stringify(["hello", count]));
  const sent = await peer.json<string[]>();
  using message = await socket.receiveDescriptors();
  assert(message !== null);
  assertEquals([textOf(message.bytes), message.truncated], ["hello", false]);
  assertEquals(message.descriptors.map(identityOf), sent);
  assert(message.descriptors.every(isCloseOnExec));
}

async function sendToPython(kind: "stream" | "seqpacket", count: number): Promise<void> {
  using room = new Room();
  using listener = await listen(room, kind);
  await using peer = await PeerProcess.python("socket_receive_descriptors.py", listener.path, kind);
  using socket = await listener.accept();
  using files = new DisposableStack();
  const descriptors = Array.from({ length: count }, (_, index) => files.use(openFile(room, `file${index}`)));
  await socket.sendDescriptors(bytesOf("hello"), descriptors);
  await peer.tell("receive");
  const received = await peer.json<{ text: string; files: string[]; flags: number }>();
  assertEquals([received.text, received.files], ["hello", descriptors.map(identityOf)]);
  assert(descriptors.every((descriptor) => !descriptor.closed));
}

function listen(room: Room, kind: "stream" | "seqpacket") {
  const options = { descriptors: true };
  return kind === "stream" ? listenUnix(room.at("s"), options) : listenUnix(room.at("s"), { ...options, type: kind });
}

Deno.test("receiveDescriptors on a stream stops before the byte that descriptors are attached to", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"), { descriptors: true });
    await using peer = await PeerProcess.python("socket_send_descriptors.py", listener.path, "stream");
    using socket = await listener.accept();
    const sent: string[][] = [];
    for (const [text, count] of [["plain", 0], ["A", 1], ["more", 0], ["B!", 2], ["C", 1]]) {
      await peer.tell(JSON.stringify([text, count]));
      sent.push(await peer.json<string[]>());
    }
    const seen: [string, string[]][] = [];
    for (let index = 0; index < 4; index++) {
      using message = await socket.receiveDescriptors();
      seen.push([textOf(message!.bytes), message!.descriptors.map(identityOf)]);
    }
    assertEquals(seen, [["plain", []], ["Amore", sent[1]!], ["B!", sent[3]!], ["C", sent[4]!]]);
  });
});

Deno.test("receiveDescriptors on a stream finds the byte in a long run, whatever the buffer", () => {
  for (const maxBytes of [1, 2, 3, 7, 64, 1000, 65536]) {
    using ends = pair("stream");
    const [left, right] = [asStream(ends[0]), asStream(ends[1])];
    let text = "";
    const marks: number[] = [];
    for (let run = 0; run < 40; run++) {
      const plain = "p".repeat((run * 37) % 101);
      if (plain !== "") left.writeSync(bytesOf(plain));
      text += plain;
      marks.push(text.length);
      const attached = "D" + "d".repeat(run % 3);
      using twin = right.duplicate()[moveDescriptor]();
      left.sendDescriptorsSync(bytesOf(attached), [twin]);
      text += attached;
    }
    left.closeWrite();
    let seen = "";
    const found: number[] = [];
    for (let message = right.receiveDescriptorsSync({ maxBytes }); message !== null;) {
      if (message.descriptors.length > 0) found.push(seen.length);
      seen += textOf(message.bytes);
      message[Symbol.dispose]();
      message = right.receiveDescriptorsSync({ maxBytes });
    }
    assertEquals([seen, found], [text, marks], `maxBytes ${maxBytes}`);
  }
});

for (const kind of KINDS) {
  Deno.test(`sendDescriptors on ${kind}: 254 are EINVAL, and nothing is sent`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      using one = right.duplicate()[moveDescriptor]();
      const many = Array.from({ length: 254 }, () => one);
      const error = assertThrows(() => left.sendDescriptorsSync(bytesOf("x"), many), PosixError, "at most 253");
      assertEquals([error.code, error.syscall], ["EINVAL", "sendmsg"]);
      assertEquals((await assertRejects(() => left.sendDescriptors(bytesOf("x"), many), PosixError)).code, "EINVAL");
      assertEquals(assertThrows(() => left.trySendDescriptors(bytesOf("x"), many), PosixError).code, "EINVAL");
      assertEquals(right.tryReceiveDescriptors(), undefined);
    });
  });

  for (const [limit, sent] of [[1, 2], [2, 3], [3, 4], [1, 253]] as const) {
    Deno.test(`receiveDescriptors on ${kind}: ${sent} where ${limit} may come: all are closed, ProtocolError`, async () => {
      await noLeaks(async () => {
        using ends = pair(kind);
        const [left, right] = ends;
        using one = left.duplicate()[moveDescriptor]();
        for (let round = 0; round < 3; round++) left.sendDescriptorsSync(bytesOf("x"), new Array(sent).fill(one));
        const before = countDescriptors();
        assertThrows(
          () => right.receiveDescriptorsSync({ maxDescriptors: limit }),
          ProtocolError,
          `the ${limit} allowed`,
        );
        assertThrows(() => right.tryReceiveDescriptors({ maxDescriptors: limit }), ProtocolError);
        await assertRejects(() => right.receiveDescriptors({ maxDescriptors: limit }), ProtocolError);
        assertEquals(countDescriptors(), before);
        left.sendDescriptorsSync(bytesOf("y"), new Array(limit).fill(one));
        using message = right.receiveDescriptorsSync({ maxDescriptors: limit });
        assertEquals(message?.descriptors.length, limit);
      });
    });
  }

  Deno.test(`sendDescriptors on ${kind}: another end is moved, a descriptor stays`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      const [a, b] = socketPair("stream");
      using kept = b[moveDescriptor]();
      await left.sendDescriptors(bytesOf("x"), [a, kept]);
      assert(a.closed && !kept.closed);
      using message = await right.receiveDescriptors();
      assertEquals(message!.descriptors.length, 2);
      assertEquals(identityOf(message!.descriptors[1]!), identityOf(kept));
    });
  });

  Deno.test(`sendDescriptors on ${kind}: what was moved is closed when the send fails, too`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      right.close();
      const [a, b] = socketPair("stream");
      await assertRejects(() => left.sendDescriptors(bytesOf("x"), [a]), PosixError);
      assert(a.closed);
      assertThrows(() => left.sendDescriptorsSync(bytesOf("x"), [b]), PosixError);
      assert(b.closed);
    });
  });

  Deno.test(`receiveDescriptors on ${kind} may time out, be aborted, and be closed`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      await assertRejects(() => right.receiveDescriptors({ timeoutMs: 5 }), DOMException, "timed out");
      assertThrows(() => right.receiveDescriptorsSync({ timeoutMs: 5 }), DOMException, "timed out");
      const abort = new AbortController();
      const aborted = right.receiveDescriptors({ signal: abort.signal });
      const first = right.receiveDescriptors();
      abort.abort();
      await assertRejects(() => aborted);
      left.sendDescriptorsSync(bytesOf("x"), []);
      assertEquals((await first)?.descriptors, []);
      const pending = right.receiveDescriptors();
      right.close();
      await assertRejects(() => pending);
    });
  });

  Deno.test(`a ${kind} socket without { descriptors: true } neither sends nor receives descriptors`, async () => {
    const ends: [Carrier, Carrier] = kind === "stream" ? socketPair(kind) : socketPair(kind);
    using left = ends[0];
    using right = ends[1];
    using twin = left.duplicate()[moveDescriptor]();
    assertThrows(() => left.sendDescriptorsSync(bytesOf("x"), [twin]), TypeError, "{ descriptors: true }");
    assertThrows(() => left.trySendDescriptors(bytesOf("x"), [twin]), TypeError);
    await assertRejects(() => left.sendDescriptors(bytesOf("x"), [twin]), TypeError);
    assertThrows(() => right.receiveDescriptorsSync(), TypeError);
    assertThrows(() => right.tryReceiveDescriptors(), TypeError);
    await assertRejects(() => right.receiveDescriptors(), TypeError);
  });

  Deno.test(`sendDescriptors on ${kind} refuses what is no descriptor before it moves anything`, () => {
    using ends = pair(kind);
    const [a, b] = socketPair("stream");
    using _a = a;
    using _b = b;
    assertThrows(() => ends[0].sendDescriptorsSync(bytesOf("x"), [a, 3 as unknown as Fd]), TypeError);
    assert(!a.closed);
    assertThrows(() => ends[1].receiveDescriptorsSync({ maxDescriptors: 254 }), RangeError);
    assertThrows(() => ends[1].receiveDescriptorsSync({ maxDescriptors: 0 }), RangeError);
  });
}

/** Ways to take the bytes only. */
const TAKERS: [name: string, kind: Kind, descriptors: boolean, take: (socket: Carrier) => unknown][] = [
  ["read on the event loop", "stream", false, (socket) => asStream(socket).read(new Uint8Array(8))],
  ["readSync", "stream", false, (socket) => asStream(socket).readSync(new Uint8Array(8))],
  ["tryRead", "stream", false, (socket) => asStream(socket).tryRead(new Uint8Array(8))],
  ["read of a carrier", "stream", true, (socket) => asStream(socket).read(new Uint8Array(8))],
  ["readSync of a carrier", "stream", true, (socket) => asStream(socket).readSync(new Uint8Array(8))],
  ["receive", "seqpacket", false, (socket) => asMessages(socket).receive()],
  ["receiveSync", "seqpacket", false, (socket) => asMessages(socket).receiveSync()],
  ["receive of a carrier", "datagram", true, (socket) => asMessages(socket).receive()],
];

for (const [name, kind, descriptors, take] of TAKERS) {
  Deno.test(`descriptors that arrive uninvited are closed by ${name}`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left] = ends;
      using right = socketFromDescriptor(ends[1][moveDescriptor](), { descriptors });
      // The other end sees the end of its bytes when the last descriptor of this one is closed.
      const [sentinel, far] = socketPair("stream");
      using witness = far;
      const before = name.includes("event loop") ? take(right) : undefined;
      await left.sendDescriptors(bytesOf("x"), [sentinel]);
      assertEquals(witness.tryRead(new Uint8Array(1)), undefined);
      await (before ?? take(right));
      assertEquals(witness.tryRead(new Uint8Array(1)), null);
    });
  });
}

function asStream(socket: Carrier): StreamSocket {
  assert(socket.type === "stream");
  return socket;
}

function asMessages(socket: Carrier): MessageSocket {
  assert(socket.type !== "stream");
  return socket;
}

Deno.test("sendDescriptors on a stream needs a byte", () => {
  using ends = pair("stream");
  assertThrows(() => ends[0].sendDescriptorsSync(new Uint8Array(), []), RangeError, "at least one byte");
});

Deno.test("sendDescriptors on a stream: many bytes go whole, in order with writes that wait", async () => {
  await noLeaks(async () => {
    using ends = pair("stream");
    const [left, right] = [asStream(ends[0]), asStream(ends[1])];
    const big = new Uint8Array(1_000_000).map((_, index) => index * 13);
    const [sentinel, far] = socketPair("stream");
    using _witness = far;
    const sends = [left.write(big), left.sendDescriptors(big, [sentinel]), left.write(big)];
    let seen = 0;
    const at: number[] = [];
    while (seen < 3 * big.byteLength) {
      using message: DescriptorMessage | null = await right.receiveDescriptors();
      assert(message !== null);
      if (message.descriptors.length > 0) at.push(seen);
      for (const [index, byte] of message.bytes.entries()) {
        if (byte !== big[(seen + index) % big.byteLength]) throw new Error(`Byte ${seen + index} is wrong`);
      }
      seen += message.bytes.byteLength;
    }
    await Promise.all(sends);
    assertEquals(at, [big.byteLength]);
  });
});

Deno.test("receiveDescriptors flags a message that does not fit, with its descriptors", () => {
  using ends = pair("seqpacket");
  const [left, right] = ends;
  left.sendDescriptorsSync(bytesOf("abcdef"), [left.duplicate()]);
  using message = right.receiveDescriptorsSync({ maxBytes: 2 });
  assertEquals([message!.byteLength, message!.truncated, message!.descriptors.length], [6, true, 1]);
});

Deno.test("receiveDescriptors in a process out of descriptors: all are closed, ProtocolError", async () => {
  await watchdog(30_000, async () => {
    const fixture = new URL("../fixtures/socket_out_of_descriptors.ts", import.meta.url).pathname;
    const args = ["--nofile=100:100", Deno.execPath(), "run", "--allow-all", fixture];
    const output = await new Deno.Command("prlimit", { args, env: { NO_COLOR: "1" } }).output();
    assertEquals(
      textOf(output.stdout),
      "seqpacket: ProtocolError 0\nstream: 1 1\nstream: ProtocolError 0\n",
      textOf(output.stderr),
    );
  });
});

Deno.test("peer is what the kernel knows of another user's process", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    Deno.chmodSync(room.path, 0o755);
    using listener = await listenUnix(room.at("s"), { mode: 0o666 });
    const code = "import socket, sys; s = socket.socket(socket.AF_UNIX); s.connect(sys.argv[1]); s.recv(1)";
    const user = ["--reuid", "65534", "--regid", "65533", "--clear-groups"];
    const child = new Deno.Command("setpriv", { args: [...user, "/usr/bin/python3", "-c", code, listener.path] })
      .spawn();
    {
      using socket = await listener.accept();
      assertEquals(socket.peer, { pid: child.pid, uid: 65534, gid: 65533 });
    }
    assertEquals((await child.status).code, 0);
  });
});

Deno.test("peer of a connected, an accepted and a paired socket is this process", async () => {
  using room = new Room();
  using listener = await listenUnix(room.at("s"), { type: "seqpacket" });
  using client = await connectUnix(room.at("s"), { type: "seqpacket" });
  using server = await listener.accept();
  const self = { pid: Deno.pid, uid: Deno.uid(), gid: Deno.gid() };
  assertEquals([client.peer, server.peer], [self, self]);
  for (const kind of KINDS) {
    using ends = pair(kind);
    assertEquals(ends[0].peer, self);
  }
});
