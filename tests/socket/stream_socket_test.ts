// Needs: socat, python3
/** Behaviour 37 and the promises of `StreamSocket`. */
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { createHash, randomFillSync } from "node:crypto";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import { listenUnix, socketPair, type StreamSocket } from "../../lib/socket/mod.ts";
import { fromDescriptor } from "../../lib/sys/fd.ts";
import { moveDescriptor } from "../../lib/sys/inheritable.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, PeerProcess, Room, textOf } from "./peer_process.ts";

/** Both kinds of stream socket: one whose reads the event loop takes, one that carries descriptors. */
const KINDS = [{ descriptors: false }, { descriptors: true }];

function pair(options: { descriptors: boolean }): [StreamSocket, StreamSocket] & Disposable {
  const ends = socketPair("stream", options);
  return Object.assign(ends, { [Symbol.dispose]: () => ends.forEach((end) => end.close()) });
}

async function readText(socket: StreamSocket, options = {}): Promise<string | null> {
  const buffer = new Uint8Array(64);
  const count = await socket.read(buffer, options);
  return count === null ? null : textOf(buffer.subarray(0, count));
}

for (const kind of KINDS) {
  const name = kind.descriptors ? "StreamSocket that carries descriptors" : "StreamSocket";

  Deno.test(`${name}: read, readSync and tryRead agree on data, nothing and the end`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      const buffer = new Uint8Array(8);
      assertEquals(right.tryRead(buffer), undefined);
      const pending = right.read(buffer);
      await left.write(bytesOf("ab"));
      assertEquals(await pending, 2);
      left.writeSync(bytesOf("cde"));
      assertEquals(right.readSync(buffer), 3);
      assertEquals(left.tryWrite(bytesOf("f")), 1);
      assertEquals(right.tryRead(buffer), 1);
      assertEquals(textOf(buffer.subarray(0, 1)), "f");
      left.writeSync(bytesOf("last"));
      left.close();
      assertEquals(await readText(right), "last");
      assertEquals(await right.read(buffer), null);
      assertEquals(right.readSync(buffer), null);
      assertEquals(right.tryRead(buffer), null);
    });
  });

  Deno.test(`${name}: closeWrite ends one direction`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      await left.write(bytesOf("request"));
      left.closeWrite();
      left.closeWrite();
      assertEquals(await readText(right), "request");
      assertEquals(await readText(right), null);
      await right.write(bytesOf("answer"));
      assertEquals(await readText(left), "answer");
      await assertRejects(() => left.write(bytesOf("x")), ClosedError, "is closed for writing");
      assertThrows(() => left.tryWrite(bytesOf("x")), ClosedError, "is closed for writing");
      right.closeWrite();
      assertEquals(await readText(left), null);
    });
  });

  Deno.test(`${name}: a read that timed out or was aborted loses nothing`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      const timeout = await assertRejects(
        () => readText(right, { timeoutMs: 5 }),
        DOMException,
        "timed out after 5 ms",
      );
      assertEquals(timeout.name, "TimeoutError");
      const reason = new Error("enough");
      const abort = new AbortController();
      const pending = readText(right, { signal: abort.signal });
      abort.abort(reason);
      assertEquals(await pending.catch((error) => error), reason);
      assertEquals(await readText(right, { signal: abort.signal }).catch((error) => error), reason);
      assertThrows(() => right.readSync(new Uint8Array(1), { timeoutMs: 5 }), DOMException, "timed out after 5 ms");
      left.writeSync(bytesOf("abc"));
      assertEquals(right.tryRead(new Uint8Array(1)), 1);
      assertEquals(await readText(right), "bc");
      assertEquals(right.tryRead(new Uint8Array(1)), undefined);
    });
  });

  Deno.test(`${name}: writes queue up in the order of their calls, and one that is aborted leaves the line`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      while (left.tryWrite(new Uint8Array(1 << 16)) !== undefined);
      assertThrows(() => left.writeSync(bytesOf("x"), { timeoutMs: 5 }), DOMException, "timed out");
      const abort = new AbortController();
      const first = left.write(bytesOf("first "));
      const dropped = left.write(bytesOf("dropped "), { signal: abort.signal });
      const late = left.write(bytesOf("late "), { timeoutMs: 5 });
      const second = left.write(bytesOf("second"));
      assertEquals(left.tryWrite(bytesOf("x")), undefined);
      abort.abort();
      await assertRejects(() => dropped);
      await assertRejects(() => late, DOMException, "timed out");
      const text = new TextDecoder();
      let tail = "";
      const drained = (async () => {
        const buffer = new Uint8Array(1 << 16);
        for (let count = await right.read(buffer); count !== null; count = await right.read(buffer)) {
          tail = (tail + text.decode(buffer.subarray(0, count))).slice(-12);
        }
      })();
      await first;
      await second;
      left.closeWrite();
      await drained;
      assertEquals(tail, "first second");
    });
  });

  Deno.test(`${name}: close ends pending reads and writes with ClosedError, and every use after it`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left] = ends;
      while (left.tryWrite(new Uint8Array(1 << 16)) !== undefined);
      const waits = [readText(left), left.write(bytesOf("x")), left.write(bytesOf("y"))]
        .map((wait: Promise<unknown>) => wait.catch((error: unknown) => error));
      left.close();
      left.close();
      for (const wait of waits) assertInstanceOf(await wait, ClosedError);
      assert(left.closed);
      for (const use of [() => left.tryRead(new Uint8Array(1)), () => left.tryWrite(bytesOf("x")), () => left.peer]) {
        assertThrows(use, ClosedError);
      }
      assertThrows(() => left.closeWrite(), ClosedError);
      assertThrows(() => left.duplicate(), ClosedError);
      await assertRejects(() => readText(left), ClosedError);
    });
  });

  Deno.test(`${name}: writing to a peer that has closed throws EPIPE, and the process lives`, async () => {
    using ends = pair(kind);
    const [left, right] = ends;
    right.close();
    for (const use of [() => left.writeSync(bytesOf("x")), () => left.tryWrite(bytesOf("x"))]) {
      assertEquals(assertThrows(use, PosixError).code, "EPIPE");
    }
    assertEquals((await assertRejects(() => left.write(bytesOf("x")), PosixError)).code, "EPIPE");
  });

  Deno.test(`${name}: readable and writable each end their own direction`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      const echo = right.readable.pipeTo(right.writable);
      const whole = new Response(left.readable).arrayBuffer();
      const body = new Uint8Array(3_000_000).map((_, index) => index * 7);
      const writer = left.writable.getWriter();
      await writer.write(body);
      await writer.close();
      assertEquals(new Uint8Array(await whole), body);
      await echo;
      assert(!left.closed && !right.closed);
    });
  });

  Deno.test(`${name}: cancelling readable makes the peer's writes fail`, async () => {
    using ends = pair(kind);
    const [left, right] = ends;
    await left.readable.cancel();
    assertEquals(assertThrows(() => right.writeSync(bytesOf("x")), PosixError).code, "EPIPE");
    right.closeWrite();
  });

  Deno.test(`${name}: duplicates share one end, and the peer sees the end when both are closed`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      const twin = left.duplicate();
      left.close();
      twin.writeSync(bytesOf("still here"));
      assertEquals(await readText(right), "still here");
      assertEquals(right.tryRead(new Uint8Array(1)), undefined);
      twin.close();
      assertEquals(await readText(right), null);
    });
  });

  Deno.test(`${name}: giving it away closes it here, and the child has the same open socket`, async () => {
    await noLeaks(async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      using given = right[moveDescriptor]();
      assert(right.closed);
      const fixture = new URL("../fixtures/socket_child_end.ts", import.meta.url).pathname;
      // Deno takes descriptor numbers at run time, though its types do not say so.
      const stdin = given.raw as unknown as "piped";
      const child = new Deno.Command(Deno.execPath(), { args: ["run", "--allow-ffi", fixture], stdin }).spawn();
      given.close();
      assertEquals(await readText(left), `parent ${Deno.pid}\n`);
      await left.write(bytesOf("hello"));
      assertEquals(await readText(left), "HELLO");
      left.closeWrite();
      assertEquals(await readText(left), null);
      assertEquals((await child.status).code, 0);
    });
  });

  Deno.test(`${name}: a process that shares the socket and makes it blocking cannot make us block`, async () => {
    await watchdog(20_000, async () => {
      using ends = pair(kind);
      const [left, right] = ends;
      {
        using shared = right.duplicate()[moveDescriptor]();
        const stdin = shared.raw as unknown as "piped";
        const args = ["-c", "import os; os.set_blocking(0, True); print(os.get_blocking(0))"];
        const output = await new Deno.Command("python3", { args, stdin }).output();
        assertEquals(textOf(output.stdout), "True\n");
      }
      assertEquals(right.tryRead(new Uint8Array(1)), undefined);
      await assertRejects(() => readText(right, { timeoutMs: 5 }), DOMException, "timed out");
      while (right.tryWrite(new Uint8Array(1 << 16)) !== undefined);
      await assertRejects(() => right.write(bytesOf("x"), { timeoutMs: 5 }), DOMException, "timed out");
      left.writeSync(bytesOf("y"));
      assertEquals(await readText(right), "y");
    });
  });

  Deno.test(`${name}: 100 MB each way at once arrive whole`, async () => {
    await watchdog(
      120_000,
      () =>
        noLeaks(() => hundredMegabytes(kind.descriptors, 100_000_000), () => hundredMegabytes(kind.descriptors, 1000)),
    );
  });
}

/** Sends and receives at once, with a Python process that does the same; both compare what they saw. */
async function hundredMegabytes(descriptors: boolean, byteLength: number): Promise<void> {
  using room = new Room();
  using listener = await listenUnix(room.at("s"), { descriptors });
  await using peer = await PeerProcess.python("socket_hash_both_ways.py", listener.path, `${byteLength}`);
  using socket = await listener.accept();
  const [sent, received] = [createHash("sha256"), createHash("sha256")];
  const sending = (async () => {
    const block = new Uint8Array(300_000);
    for (let left = byteLength; left > 0; left -= block.byteLength) {
      const part = randomFillSync(block.subarray(0, Math.min(left, block.byteLength)));
      sent.update(part);
      await socket.write(part);
    }
    socket.closeWrite();
  })();
  let total = 0;
  const buffer = new Uint8Array(1 << 18);
  for (let count = await socket.read(buffer); count !== null; count = await socket.read(buffer)) {
    received.update(buffer.subarray(0, count));
    total += count;
  }
  await sending;
  const theirs = await peer.json<{ sent: string; received: string; total: number }>();
  assertEquals([total, theirs.total], [byteLength, byteLength]);
  assertEquals(theirs, { sent: received.digest("hex"), received: sent.digest("hex"), total: byteLength });
}

Deno.test("StreamSocket: half-close through socat: it answers after the end of the question", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"));
    const socat = new Deno.Command("socat", { args: ["-t5", `UNIX-CONNECT:${listener.path}`, "EXEC:sort"] }).spawn();
    using socket = await listener.accept();
    await socket.write(bytesOf("b\nc\na\n"));
    socket.closeWrite();
    assertEquals(await new Response(socket.readable).text(), "a\nb\nc\n");
    assertEquals((await socat.status).code, 0);
  });
});

Deno.test("StreamSocket: the death of the peer is the end of its bytes", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"));
    const peer = await PeerProcess.python("socket_send_messages.py", listener.path, "stream");
    using socket = await listener.accept();
    await peer.tell('"last words"');
    assertEquals(await readText(socket), "last words");
    const waiting = readText(socket);
    peer.kill("SIGKILL");
    assertEquals(await waiting, null);
    await peer[Symbol.asyncDispose]();
  });
});

Deno.test("StreamSocket.read throws ECONNRESET when the peer closed with bytes unread", async () => {
  using ends = pair({ descriptors: false });
  const [left, right] = ends;
  left.writeSync(bytesOf("never read"));
  right.close();
  assertEquals((await assertRejects(() => readText(left), PosixError)).code, "ECONNRESET");
});

Deno.test("StreamSocket.read pending when the peer resets the connection throws, and so does a pending write", async () => {
  await watchdog(20_000, async () => {
    using ends = pair({ descriptors: false });
    const [left, right] = ends;
    while (left.tryWrite(new Uint8Array(1 << 16)) !== undefined);
    const reading = readText(left).catch((error: unknown) => error);
    const writing = left.write(bytesOf("x")).catch((error: unknown) => error);
    // Both wait now, on two different threads.
    await new Promise((resolve) => setTimeout(resolve, 0));
    right.close();
    assertInstanceOf(await reading, PosixError);
    const failure = await writing;
    assert(failure instanceof PosixError || failure instanceof ClosedError);
  });
});

Deno.test("StreamSocket: only one read at a time", async () => {
  using ends = pair({ descriptors: false });
  const [left, right] = ends;
  const first = readText(left);
  await assertRejects(() => readText(left), Deno.errors.Busy);
  right.writeSync(bytesOf("x"));
  assertEquals(await first, "x");
});

Deno.test("StreamSocket with bytes read ahead is neither given away nor duplicated", async () => {
  using ends = pair({ descriptors: false });
  const [left, right] = ends;
  const pending = left.read(new Uint8Array(1));
  await new Promise((resolve) => setTimeout(resolve, 0));
  right.writeSync(bytesOf("abc"));
  assertEquals(await pending, 1);
  assertThrows(() => left[moveDescriptor](), TypeError, "2 bytes were read ahead");
  assertThrows(() => left.duplicate(), TypeError, "2 bytes were read ahead");
  assertEquals(await readText(left), "bc");
  left.duplicate().close();
});

Deno.test("StreamSocket.readable of a child's bytes lets the process end when they end", async () => {
  const source = `
    import { socketPair } from ${JSON.stringify(new URL("../../lib/socket/mod.ts", import.meta.url).href)};
    const [left, right] = socketPair("stream");
    setTimeout(() => left.close(), 5);
    for await (const _ of right.readable);
    const [a, b] = socketPair("seqpacket");
    await b.receive({ timeoutMs: 5 }).catch(() => {});
    console.log("done");
  `;
  const { code, stdout } = await watchdog(
    20_000,
    new Deno.Command(Deno.execPath(), { args: ["eval", source], env: { NO_COLOR: "1" } }).output(),
  );
  assertEquals([code, textOf(stdout)], [0, "done\n"]);
});

Deno.test("fromDescriptor refuses a socket's own number", () => {
  using ends = pair({ descriptors: false });
  using given = ends[0][moveDescriptor]();
  assertThrows(() => fromDescriptor(given.raw), TypeError, "already has an owner");
});
