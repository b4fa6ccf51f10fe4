// Needs: python3
/** The promises of `UnixListener` and `connectUnix`. */
import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import { connectUnix, listenerFromDescriptor, listenUnix, type StreamSocket } from "../../lib/socket/mod.ts";
import { moveDescriptor } from "../../lib/sys/inheritable.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, Room, textOf } from "./peer_process.ts";

async function readText(socket: StreamSocket): Promise<string | null> {
  const buffer = new Uint8Array(64);
  const count = await socket.read(buffer);
  return count === null ? null : textOf(buffer.subarray(0, count));
}

Deno.test("UnixListener: accept, acceptSync and tryAccept hand out connections in their order, each once", async () => {
  await noLeaks(async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"));
    assertEquals([listener.type, listener.path], ["stream", room.at("s")]);
    assertEquals(listener.tryAccept(), undefined);
    const pending = listener.accept();
    using clients = new DisposableStack();
    for (const name of ["1", "2", "3"]) clients.use(await connectUnix(room.at("s"))).writeSync(bytesOf(name));
    using first = await pending;
    using second = listener.acceptSync();
    using third = listener.tryAccept();
    assertEquals(await Promise.all([first, second, third!].map(readText)), ["1", "2", "3"]);
    assertEquals(listener.tryAccept(), undefined);
  });
});

Deno.test("UnixListener: an accept that timed out or was aborted loses no connection", async () => {
  await noLeaks(async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"));
    await assertRejects(() => listener.accept({ timeoutMs: 5 }), DOMException, "timed out after 5 ms");
    assertThrows(() => listener.acceptSync({ timeoutMs: 5 }), DOMException, "timed out after 5 ms");
    const abort = new AbortController();
    const reason = new Error("enough");
    const first = listener.accept();
    const dropped = listener.accept({ signal: abort.signal });
    const second = listener.accept();
    assertEquals(listener.tryAccept(), undefined);
    abort.abort(reason);
    using a = await connectUnix(room.at("s"));
    using b = await connectUnix(room.at("s"));
    a.writeSync(bytesOf("a"));
    b.writeSync(bytesOf("b"));
    assertEquals(await dropped.catch((error) => error), reason);
    using x = await first;
    using y = await second;
    assertEquals([await readText(x), await readText(y)], ["a", "b"]);
  });
});

Deno.test("UnixListener.close ends pending accepts with ClosedError and an iteration quietly", async () => {
  await noLeaks(async () => {
    using room = new Room();
    const listener = await listenUnix(room.at("s"));
    const pending = [listener.accept(), listener.accept()].map((wait) => wait.catch((error: unknown) => error));
    const iteration = (async () => {
      for await (const socket of listener) socket.close();
      return "ended";
    })();
    listener.close();
    listener.close();
    for (const wait of pending) assertInstanceOf(await wait, ClosedError);
    assertEquals(await iteration, "ended");
    assert(listener.closed);
    for (const use of [() => listener.tryAccept(), () => listener.acceptSync(), () => listener.unlink()]) {
      assertThrows(use, ClosedError);
    }
    assertThrows(() => listener.duplicate(), ClosedError);
  });
});

Deno.test("UnixListener: leaving an iteration keeps the listener", async () => {
  await noLeaks(async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"));
    using _client = await connectUnix(room.at("s"));
    for await (const socket of listener) {
      socket.close();
      break;
    }
    using _second = await connectUnix(room.at("s"));
    (await listener.accept()).close();
  });
});

Deno.test("UnixListener given away: closed here, accepting in the child, the name still there", async () => {
  await watchdog(20_000, () =>
    noLeaks(async () => {
      using room = new Room();
      const listener = await listenUnix(room.at("s"));
      {
        using given = listener[moveDescriptor]();
        assert(listener.closed);
        const args = [new URL("../fixtures/socket_accept_inherited.py", import.meta.url).pathname];
        const child = new Deno.Command("python3", { args, stdin: given.raw as unknown as "piped" }).spawn();
        given.close();
        using client = await connectUnix(room.at("s"));
        await client.write(bytesOf("hello"));
        assertEquals(await readText(client), "HELLO");
        assertEquals((await child.status).code, 0);
      }
      listener[Symbol.dispose]();
      assertEquals(room.names, ["s"]);
    }));
});

Deno.test("listenerFromDescriptor takes over, and leaves the name to its maker", async () => {
  await noLeaks(async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"), { type: "seqpacket" });
    {
      const taken = listenerFromDescriptor(listener.duplicate()[moveDescriptor]());
      using client = await connectUnix(room.at("s"), { type: "seqpacket" });
      using server = await taken.accept();
      assert(server.type === "seqpacket" && taken.type === "seqpacket");
      client.sendSync(bytesOf("x"));
      assertEquals(server.receiveSync()?.byteLength, 1);
      taken[Symbol.dispose]();
    }
    assertEquals(room.names, ["s"]);
  });
});

Deno.test("UnixListener.duplicate competes for connections, and does not own the name", async () => {
  await noLeaks(async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"));
    {
      using twin = listener.duplicate();
      using _client = await connectUnix(room.at("s"));
      twin.acceptSync().close();
      assertEquals(listener.tryAccept(), undefined);
    }
    assertEquals(room.names, ["s"]);
  });
});

Deno.test("an abstract name works, is gone with its socket, and is in use while it is not", async () => {
  await noLeaks(async () => {
    const name = `causeway-test-${Deno.pid}-\u00e9`;
    const options = { namespace: "abstract" } as const;
    for (let round = 0; round < 2; round++) {
      using listener = await listenUnix(name, options);
      const error = await assertRejects(() => listenUnix(name, options), PosixError);
      assertEquals([error.code, error.target], ["EADDRINUSE", `@${name}`]);
      using client = await connectUnix(name, options);
      using server = await listener.accept();
      await client.write(bytesOf("x"));
      assertEquals(await readText(server), "x");
      listener.unlink();
      const seen = Deno.readTextFileSync("/proc/net/unix");
      assert(seen.includes(` @${name}\n`));
    }
    assertEquals((await assertRejects(() => connectUnix(name, options), PosixError)).code, "ECONNREFUSED");
    await assertRejects(() => connectUnix("x".repeat(108), options), RangeError);
    using longest = await listenUnix("x".repeat(107), options);
    (await connectUnix("x".repeat(107), options)).close();
    longest.acceptSync().close();
  });
});

Deno.test("connectUnix throws ENOENT, ECONNREFUSED and EPROTOTYPE, and leaves nothing open", async () => {
  await noLeaks(async () => {
    using room = new Room();
    const failure = async (path: string, options = {}) => {
      const error = await assertRejects(() => connectUnix(path, options), PosixError);
      assertEquals([error.syscall, error.target], ["connect", path]);
      return error.code;
    };
    assertEquals(await failure(room.at("none")), "ENOENT");
    (await listenUnix(room.at("stale"))).close();
    assertEquals(await failure(room.at("stale")), "ECONNREFUSED");
    Deno.writeTextFileSync(room.at("file"), "");
    assertEquals(await failure(room.at("file")), "ECONNREFUSED");
    using _listener = await listenUnix(room.at("s"), { type: "seqpacket" });
    assertEquals(await failure(room.at("s")), "EPROTOTYPE");
    assertEquals(await failure(room.at("s"), { type: "datagram" }), "EPROTOTYPE");
    await assertRejects(() => connectUnix(room.at("s"), { type: "raw" as "datagram" }), TypeError);
    const abort = AbortSignal.abort(new Error("enough"));
    await assertRejects(() => connectUnix(room.at("s"), { signal: abort }), Error, "enough");
  });
});

Deno.test("connectUnix follows a symbolic link", async () => {
  using room = new Room();
  using listener = await listenUnix(room.at("s"));
  Deno.symlinkSync("s", room.at("link"));
  using _client = await connectUnix(room.at("link"));
  listener.acceptSync().close();
});

Deno.test("connectUnix waits while the listener's queue is full: until there is room, its deadline, or an abort", async () => {
  await noLeaks(async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"), { backlog: 1 });
    using clients = new DisposableStack();
    clients.use(await connectUnix(room.at("s")));
    clients.use(await connectUnix(room.at("s")));
    await assertRejects(() => connectUnix(room.at("s"), { timeoutMs: 5 }), DOMException, "timed out after 5 ms");
    const abort = new AbortController();
    const aborted = connectUnix(room.at("s"), { signal: abort.signal });
    const waiting = connectUnix(room.at("s"));
    abort.abort();
    await assertRejects(() => aborted);
    listener.acceptSync().close();
    clients.use(await waiting);
  });
});

Deno.test("sockets in a process out of descriptors: EMFILE, nothing half-open, no connection lost", async () => {
  await watchdog(30_000, async () => {
    using room = new Room();
    const fixture = new URL("../fixtures/socket_until_emfile.ts", import.meta.url).pathname;
    const args = ["--nofile=100:100", Deno.execPath(), "run", "--allow-all", fixture, room.at("s")];
    const output = await new Deno.Command("prlimit", { args, env: { NO_COLOR: "1" } }).output();
    const names = ["accept", "connectUnix", "listenUnix", "socketPair"];
    const expected = [...names.map((name) => `${name} EMFILE 0`), "accepted", ""].join("\n");
    assertEquals(textOf(output.stdout), expected, textOf(output.stderr));
    assertEquals(room.names, []);
  });
});

Deno.test("listenUnix and connectUnix ask Deno for the path before FFI touches it", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    using _listener = await listenUnix(room.at("s"));
    const module = new URL("../../lib/socket/mod.ts", import.meta.url).href;
    const source = `
      import { connectUnix, listenUnix } from ${JSON.stringify(module)};
      for (const work of [listenUnix, connectUnix]) {
        for (const path of Deno.args) console.log(await work(path).then(() => "granted", (error) => error.name + " " + error.message));
      }
    `;
    Deno.writeTextFileSync(room.at("main.ts"), source);
    const flags = ["--no-prompt", "--allow-ffi", `--allow-read=${room.path}`];
    const args = ["run", ...flags, room.at("main.ts"), room.at("s"), "/elsewhere"];
    const output = await new Deno.Command(Deno.execPath(), { args, env: { NO_COLOR: "1" } }).output();
    const refusal = (kind: string, path: string) =>
      `NotCapable Requires ${kind} access to ${JSON.stringify(path)}, run again with the --allow-${kind} flag`;
    const both = [refusal("write", room.at("s")), refusal("read", "/elsewhere")];
    assertEquals(textOf(output.stdout).trim().split("\n"), [...both, ...both], textOf(output.stderr));
  });
});
