// Needs: python3, strace, root
/** The promises of `bindUnix` and `DatagramSocket`. */
import { assert, assertEquals, assertInstanceOf, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { ClosedError, PosixError, ProtocolError } from "../../lib/errors.ts";
import {
  bindUnix,
  connectUnix,
  type DatagramSocket,
  listenUnix,
  socketPair,
  unixAddress,
} from "../../lib/socket/mod.ts";
import { moveDescriptor } from "../../lib/sys/inheritable.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, modeOf, PeerProcess, Room, textOf } from "./peer_process.ts";

/** Sends until the receiver's queue is full. */
function fill(socket: DatagramSocket, to: string): number {
  let count = 0;
  while (socket.trySend(bytesOf("x"), { to })) count++;
  return count;
}

Deno.test("DatagramSocket keeps boundaries, order and senders, in all three forms", async () => {
  await noLeaks(async () => {
    using room = new Room();
    using server = await bindUnix(room.at("server"));
    using client = await bindUnix(room.at("client"));
    const to = room.at("server");
    assertEquals(server.tryReceive(), undefined);
    const pending = server.receive();
    await client.send(bytesOf("one"), { to });
    const first = await pending;
    assertEquals([textOf(first.bytes), first.from?.name, first.from?.namespace], ["one", room.at("client"), "path"]);
    assertEquals([first.byteLength, first.truncated, first.credentials], [3, false, undefined]);
    client.sendSync(bytesOf("two"), { to: unixAddress(to) });
    assert(client.trySend(new Uint8Array(), { to }));
    assertEquals(textOf(server.receiveSync().bytes), "two");
    assertEquals(server.tryReceive()?.byteLength, 0);
    assertEquals(server.tryReceive(), undefined);
    await server.send(bytesOf("answer"), { to: first.from! });
    assertEquals(textOf((await client.receive()).bytes), "answer");
  });
});

Deno.test("DatagramSocket talks with Python: with a path, an abstract name, and none", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    using server = await bindUnix(room.at("s"));
    const abstract = `@causeway-${Deno.pid}`;
    for (const [own, namespace] of [[room.at("p"), "path"], [abstract, "abstract"], ["", undefined]] as const) {
      await using peer = await PeerProcess.python("socket_datagrams.py", own);
      await peer.tell(JSON.stringify(["send", room.at("s"), "hello"]));
      assertEquals(await peer.json(), "sent");
      const { bytes, from } = await server.receive();
      assertEquals([textOf(bytes), from?.namespace, from?.shown], ["hello", namespace, own || undefined]);
      if (from === undefined) continue;
      await peer.tell(JSON.stringify(["receive"]));
      await server.send(bytesOf("back"), { to: from });
      assertEquals(await peer.json(), ["back", room.at("s")]);
    }
  });
});

Deno.test("a name that is no text can be answered", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    using server = await bindUnix(room.at("s"));
    const code = `
import socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(b"\\0\\xff\\0\\xfe causeway")
s.sendto(b"?", sys.argv[1])
print(s.recv(10).decode())
`;
    const peer = new Deno.Command("python3", { args: ["-c", code, room.at("s")], stdout: "piped" }).output();
    const { from } = await server.receive();
    assertEquals(from?.bytes.subarray(2, 6), new Uint8Array([0, 0xff, 0, 0xfe]));
    await server.send(bytesOf("!"), { to: from! });
    assertEquals(textOf((await peer).stdout), "!\n");
  });
});

Deno.test("DatagramSocket with { credentials: true } learns pid, uid and gid of each message from the kernel", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    Deno.chmodSync(room.path, 0o755);
    using server = await bindUnix(room.at("s"), { credentials: true, mode: 0o666 });
    await using root = await PeerProcess.python("socket_datagrams.py", "");
    const fixture = new URL("../fixtures/socket_datagrams.py", import.meta.url).pathname;
    const user = ["--reuid", "65534", "--regid", "65533", "--clear-groups"];
    await using nobody = await PeerProcess.start("setpriv", [
      ...user,
      "/usr/bin/python3",
      "-c",
      Deno.readTextFileSync(fixture),
      "",
    ]);
    for (const [peer, uid, gid] of [[root, 0, 0], [nobody, 65534, 65533]] as const) {
      await peer.tell(JSON.stringify(["send", room.at("s"), "hello"]));
      assertEquals(await peer.json(), "sent");
      assertEquals((await server.receive()).credentials, { pid: peer.pid, uid, gid });
    }
    // Who says that he is somebody else is refused by the kernel.
    await nobody.tell(JSON.stringify(["forge", room.at("s"), nobody.pid, 0, 0]));
    assertEquals(await nobody.json(), "Operation not permitted");
    assertEquals(server.tryReceive(), undefined);
  });
});

Deno.test("DatagramSocket flags a message that does not fit, and the next one is whole", async () => {
  using room = new Room();
  using server = await bindUnix(room.at("s"));
  const buffer = new Uint8Array(2);
  for (const text of ["abcdef", "abcdef", "xy"]) server.sendSync(bytesOf(text), { to: room.at("s") });
  const cut = await server.receive({ maxBytes: 4 });
  assertEquals([textOf(cut.bytes), cut.byteLength, cut.truncated], ["abcd", 6, true]);
  const into = server.receiveSync({ into: buffer });
  assertEquals([into.bytes.buffer, into.byteLength, into.truncated], [buffer.buffer, 6, true]);
  assertEquals(server.tryReceive()?.truncated, false);
  await assertRejects(() => server.receive({ maxBytes: 0 }), RangeError);
});

Deno.test("DatagramSocket: what the manual pages say goes wrong with a send", async () => {
  await noLeaks(async () => {
    using room = new Room();
    using server = await bindUnix(room.at("s"));
    using other = await bindUnix(room.at("other"));
    (await bindUnix(room.at("stale"))).close();
    Deno.writeTextFileSync(room.at("file"), "");
    using _listener = await listenUnix(room.at("listener"));
    using _packets = await listenUnix(room.at("packets"), { type: "seqpacket" });
    // A socket that is connected takes messages from its peer only.
    using _client = await connectUnix(room.at("s"), { type: "datagram", autobind: true });
    const connected = await autoboundName(room.at("s"), server);
    const cases: [code: string, to: Parameters<DatagramSocket["sendSync"]>[1]["to"]][] = [
      ["ENOENT", room.at("none")],
      ["ENOTDIR", room.at("file/s")],
      ["ECONNREFUSED", room.at("stale")],
      ["ECONNREFUSED", room.at("file")],
      ["EPROTOTYPE", room.at("listener")],
      ["EPROTOTYPE", room.at("packets")],
      ["ECONNREFUSED", unixAddress(`causeway-nobody-${Deno.pid}`, "abstract")],
      ["EPERM", connected.address],
    ];
    for (const [code, to] of cases) {
      const failures = [
        assertThrows(() => other.sendSync(bytesOf("x"), { to }), PosixError),
        assertThrows(() => other.trySend(bytesOf("x"), { to }), PosixError),
        await assertRejects(() => other.send(bytesOf("x"), { to }), PosixError),
      ];
      for (const error of failures) assertEquals([error.code, error.syscall], [code, "sendmsg"], String(to));
    }
    connected.close();
    const big = new Uint8Array(10_000_000);
    const error = assertThrows(() => other.sendSync(big, { to: room.at("s") }), PosixError, "net.core.wmem_default");
    assertEquals(error.code, "EMSGSIZE");
    for (const to of [undefined, 3, null]) {
      assertThrows(() => other.sendSync(bytesOf("x"), { to: to as unknown as string }), TypeError);
    }
    assertThrows(() => other.sendSync(bytesOf("x"), { to: "" }), RangeError);
    assertEquals(server.tryReceive(), undefined);
  });
});

/** A connected socket of this process, and its name, which its first message told. */
async function autoboundName(path: string, server: DatagramSocket) {
  const client = await connectUnix(path, { type: "datagram", autobind: true });
  await client.send(bytesOf("who am I"));
  const { from } = await server.receive();
  assertMatch(from!.shown, /^@[0-9a-f]{5}$/);
  return { address: from!, close: () => client.close() };
}

for (const errno of ["ENOBUFS", "ENOMEM", "EINTR"]) {
  Deno.test(`DatagramSocket.send when the kernel says ${errno}`, async () => {
    await watchdog(30_000, async () => {
      using room = new Room();
      const source = `
        import { bindUnix } from ${JSON.stringify(import.meta.resolve("../../lib/socket/mod.ts"))};
        using socket = await bindUnix(Deno.args[0]);
        const said = await socket.send(new Uint8Array(1), { to: Deno.args[0] }).then(() => "sent", (error) => error.code);
        console.log(said, (await socket.send(new Uint8Array(1), { to: Deno.args[0] }), "sent"));
      `;
      Deno.writeTextFileSync(room.at("main.ts"), source);
      const inject = ["-f", "-qq", "-o", "/dev/null", "-e", `inject=sendmsg:error=${errno}:when=1`];
      const deno = [Deno.execPath(), "run", "--allow-all", "--no-lock", "--quiet", room.at("main.ts"), room.at("s")];
      const { stdout, stderr } = await new Deno.Command("strace", { args: [...inject, ...deno] }).output();
      assertEquals(textOf(stdout), `${errno === "EINTR" ? "sent" : errno} sent\n`, textOf(stderr));
    });
  });
}

Deno.test("DatagramSocket to a full queue: try says false, the others wait, and each message arrives once", async () => {
  await watchdog(30_000, async () => {
    await noLeaks(async () => {
      using room = new Room();
      using server = await bindUnix(room.at("s"));
      using client = await bindUnix(room.at("c"));
      const to = room.at("s");
      const filled = fill(client, to);
      assert(filled > 1);
      assertThrows(() => client.sendSync(bytesOf("x"), { to, timeoutMs: 5 }), DOMException, "timed out after 5 ms");
      await assertRejects(() => client.send(bytesOf("x"), { to, timeoutMs: 5 }), DOMException, "timed out after 5 ms");
      const abort = new AbortController();
      const aborted = client.send(bytesOf("x"), { to, signal: abort.signal });
      const waiting = client.send(bytesOf("last"), { to });
      abort.abort(new Error("enough"));
      await assertRejects(() => aborted, Error, "enough");
      for (let index = 0; index < filled; index++) assertEquals(textOf((await server.receive()).bytes), "x");
      await waiting;
      assertEquals(textOf((await server.receive()).bytes), "last");
      assertEquals(server.tryReceive(), undefined);
    });
  });
});

Deno.test("DatagramSocket: a receive that timed out or was aborted takes nothing; close ends waits with ClosedError", async () => {
  await noLeaks(async () => {
    using room = new Room();
    const server = await bindUnix(room.at("s"));
    await assertRejects(() => server.receive({ timeoutMs: 5 }), DOMException, "timed out after 5 ms");
    assertThrows(() => server.receiveSync({ timeoutMs: 5 }), DOMException, "timed out after 5 ms");
    const abort = new AbortController();
    const first = server.receive();
    const dropped = server.receive({ signal: abort.signal });
    const second = server.receive();
    assertEquals(server.tryReceive(), undefined);
    abort.abort();
    await assertRejects(() => dropped);
    for (const text of ["1", "2"]) server.sendSync(bytesOf(text), { to: room.at("s") });
    assertEquals([textOf((await first).bytes), textOf((await second).bytes)], ["1", "2"]);
    const pending = server.receive().catch((error: unknown) => error);
    const iteration = (async () => {
      for await (const datagram of server) datagram.bytes;
      return "ended";
    })();
    server.close();
    server.close();
    assertInstanceOf(await pending, ClosedError);
    assertEquals(await iteration, "ended");
    assertThrows(() => server.tryReceive(), ClosedError);
    assertThrows(() => server.trySend(bytesOf("x"), { to: room.at("s") }), ClosedError);
    assertThrows(() => server.unlink(), ClosedError);
    assertEquals(room.names, ["s"]);
  });
});

Deno.test("DatagramSocket carries descriptors, within their limit, and closes what is uninvited", async () => {
  await watchdog(20_000, async () => {
    await noLeaks(async () => {
      using room = new Room();
      using server = await bindUnix(room.at("s"), { descriptors: true, credentials: true });
      const to = room.at("s");
      const [sentinel, far] = socketPair("stream");
      using witness = far;
      await server.sendDescriptors(bytesOf("a"), { to, descriptors: [sentinel] });
      assert(sentinel.closed);
      {
        using message = await server.receiveDescriptors();
        assertEquals([message.descriptors.length, message.credentials?.pid], [1, Deno.pid]);
        assertEquals(witness.tryRead(new Uint8Array(1)), undefined);
      }
      assertEquals(witness.tryRead(new Uint8Array(1)), null);
      using one = witness.duplicate()[moveDescriptor]();
      server.sendDescriptorsSync(bytesOf("b"), { to, descriptors: new Array(3).fill(one) });
      assertThrows(() => server.receiveDescriptorsSync({ maxDescriptors: 2 }), ProtocolError, "the 2 allowed");
      assert(server.trySendDescriptors(bytesOf("c"), { to, descriptors: [one, one] }));
      using two = server.tryReceiveDescriptors({ maxDescriptors: 2 });
      assertEquals(two?.descriptors.length, 2);
      server.sendDescriptorsSync(bytesOf("d"), { to, descriptors: [one] });
      assertEquals(textOf((await server.receive()).bytes), "d");
      const many = new Array(254).fill(one);
      assertEquals(
        assertThrows(() => server.sendDescriptorsSync(bytesOf("e"), { to, descriptors: many }), PosixError).code,
        "EINVAL",
      );
    });
  });
});

for (const credentials of [false, true]) {
  Deno.test(`DatagramSocket without { descriptors: true } closes uninvited ones, credentials ${credentials}`, async () => {
    await watchdog(20_000, async () => {
      using room = new Room();
      await using peer = await PeerProcess.python("socket_datagrams.py", "");
      await noLeaks(async () => {
        using server = await bindUnix(room.at("s"), { credentials });
        for (const count of [1, 2, 4, 253]) {
          await peer.tell(JSON.stringify(["files", room.at("s"), count]));
          assertEquals(await peer.json(), "sent");
          const before = [...Deno.readDirSync("/proc/self/fd")].length;
          assertEquals(textOf(server.receiveSync().bytes), "files");
          assertEquals([...Deno.readDirSync("/proc/self/fd")].length, before);
        }
        assertThrows(() => server.tryReceiveDescriptors(), TypeError, "{ descriptors: true }");
        await assertRejects(() => server.receiveDescriptors(), TypeError);
        await assertRejects(
          () => server.sendDescriptors(bytesOf("x"), { to: room.at("s"), descriptors: [] }),
          TypeError,
        );
      });
    });
  });
}

Deno.test("bindUnix: a live name is never replaced, a stale one is, and the mode is exact", async () => {
  await noLeaks(async () => {
    using room = new Room();
    {
      using first = await bindUnix(room.at("s"), { mode: 0o622 });
      assertEquals(modeOf(room.at("s")), 0o622);
      for (const work of [() => bindUnix(room.at("s")), () => listenUnix(room.at("s"))]) {
        assertEquals((await assertRejects(work, PosixError)).code, "EADDRINUSE");
      }
      first.close();
    }
    const stale = Deno.lstatSync(room.at("s")).ino;
    const strict = await assertRejects(() => bindUnix(room.at("s"), { whenStale: "throw" }), PosixError);
    assertEquals([strict.code, Deno.lstatSync(room.at("s")).ino], ["EADDRINUSE", stale]);
    {
      using second = await bindUnix(room.at("s"));
      assertEquals([modeOf(room.at("s")), room.names], [0o600, ["s"]]);
      second.sendSync(bytesOf("x"), { to: room.at("s") });
      assertEquals(second.receiveSync().byteLength, 1);
    }
    assertEquals(room.names, []);
    Deno.writeTextFileSync(room.at("file"), "");
    assertEquals((await assertRejects(() => bindUnix(room.at("file")), PosixError)).code, "EADDRINUSE");
    assertEquals((await assertRejects(() => bindUnix(room.at("no/s")), PosixError)).code, "ENOENT");
    assertEquals((await assertRejects(() => bindUnix(room.at("file/s")), PosixError)).code, "ENOTDIR");
    await assertRejects(() => bindUnix("x".repeat(108)), RangeError);
    await assertRejects(() => bindUnix(room.at("t"), { mode: 0o1777 }), RangeError);
    await assertRejects(() => bindUnix(room.at("t"), { signal: AbortSignal.abort(new Error("no")) }), Error, "no");
    assertEquals(room.names, ["file"]);
  });
});

Deno.test("bindUnix to an abstract name: in use while it is open, gone with its socket", async () => {
  await noLeaks(async () => {
    const name = `causeway-bind-${Deno.pid}`;
    for (let round = 0; round < 2; round++) {
      using server = await bindUnix(name, { namespace: "abstract" });
      const error = await assertRejects(() => bindUnix(name, { namespace: "abstract" }), PosixError);
      assertEquals([error.code, error.target], ["EADDRINUSE", `@${name}`]);
      server.unlink();
    }
  });
});

Deno.test("DatagramSocket: duplicates compete, and only the first owns the name; giving it away closes it", async () => {
  await noLeaks(async () => {
    using room = new Room();
    using server = await bindUnix(room.at("s"));
    {
      using twin = server.duplicate();
      for (const text of ["1", "2"]) twin.sendSync(bytesOf(text), { to: room.at("s") });
      assertEquals([textOf(twin.receiveSync().bytes), textOf(server.receiveSync().bytes)], ["1", "2"]);
    }
    assertEquals(room.names, ["s"]);
    using given = server[moveDescriptor]();
    assert(server.closed && !given.closed);
  });
});

Deno.test("connectUnix with autobind is for datagrams, and without it there is no address to answer to", async () => {
  using room = new Room();
  using server = await bindUnix(room.at("s"));
  await assertRejects(() => connectUnix(room.at("s"), { autobind: true } as Record<string, unknown>), TypeError);
  using client = await connectUnix(room.at("s"), { type: "datagram" });
  client.sendSync(bytesOf("x"));
  assertEquals((await server.receive()).from, undefined);
});

Deno.test("bindUnix and send ask Deno for the path before FFI touches it", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    const source = `
      import { bindUnix } from ${JSON.stringify(import.meta.resolve("../../lib/socket/mod.ts"))};
      using socket = await bindUnix("causeway-asks-" + Deno.pid, { namespace: "abstract" });
      const say = (work) => work.then(() => "granted", (error) => error.name);
      console.log(await say(bindUnix(Deno.args[0])), await say(socket.send(new Uint8Array(1), { to: Deno.args[0] })));
    `;
    Deno.writeTextFileSync(room.at("main.ts"), source);
    const args = ["run", "--no-prompt", "--allow-ffi", "--no-lock", "--quiet", room.at("main.ts"), room.at("s")];
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, env: { NO_COLOR: "1" } }).output();
    assertEquals(textOf(stdout), "NotCapable NotCapable\n", textOf(stderr));
  });
});
