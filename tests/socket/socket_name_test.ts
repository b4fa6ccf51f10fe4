// Needs: strace, python3, root
/** Behaviour 35: names of sockets. */
import { assertEquals, assertGreater, assertRejects } from "@std/assert";
import { PosixError } from "../../lib/errors.ts";
import { connectUnix, listenUnix, type ListenUnixOptions } from "../../lib/socket/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { until, withEnoughTime } from "../helpers/patience.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { modeOf, PeerProcess, Room } from "./peer_process.ts";

/** A name that nobody has open any more. */
async function makeStale(path: string): Promise<void> {
  (await listenUnix(path)).close();
}

async function codeOf(promise: Promise<unknown>): Promise<string> {
  const error = await assertRejects(() => promise, PosixError);
  assertEquals(error.syscall, "bind");
  return error.code;
}

Deno.test("listenUnix throws EADDRINUSE while a listener of this process has the path, and leaves it alone", async () => {
  await noLeaks(async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"));
    const before = Deno.lstatSync(room.at("s")).ino;
    assertEquals(await codeOf(listenUnix(room.at("s"))), "EADDRINUSE");
    assertEquals(Deno.lstatSync(room.at("s")).ino, before);
    using _client = await connectUnix(room.at("s"));
    using _server = await listener.accept();
    assertEquals(room.names, ["s"]);
  });
});

for (const [kind, how] of [["stream", "listen"], ["stream", "bind"], ["seqpacket", "listen"], ["dgram", "bind"]]) {
  Deno.test(`listenUnix throws EADDRINUSE while another process has the path: ${kind} after ${how}`, async () => {
    using room = new Room();
    await using peer = await PeerProcess.python("socket_listen.py", room.at("s"), kind!, how!);
    const before = Deno.lstatSync(room.at("s")).ino;
    assertEquals(await codeOf(listenUnix(room.at("s"))), "EADDRINUSE");
    // A stopped process is alive.
    peer.kill("SIGSTOP");
    assertEquals(await codeOf(listenUnix(room.at("s"))), "EADDRINUSE");
    peer.kill("SIGCONT");
    assertEquals(Deno.lstatSync(room.at("s")).ino, before);
    assertEquals(room.names, ["s"]);
  });
}

Deno.test("listenUnix does not wake a live listener when it asks whether it is alive", async () => {
  using room = new Room();
  using listener = await listenUnix(room.at("s"));
  await assertRejects(() => listenUnix(room.at("s")), PosixError);
  assertEquals(listener.tryAccept(), undefined);
});

Deno.test("listenUnix replaces the name of a listener that was killed", async () => {
  using room = new Room();
  const peer = await PeerProcess.python("socket_listen.py", room.at("s"), "stream", "listen");
  peer.kill("SIGKILL");
  await peer[Symbol.asyncDispose]();
  assertEquals(room.names, ["s"]);
  {
    using listener = await listenUnix(room.at("s"), { mode: 0o640 });
    assertEquals(room.names, ["s"]);
    assertEquals(modeOf(room.at("s")), 0o640);
    using _client = await connectUnix(room.at("s"));
    using _server = await listener.accept();
  }
  assertEquals(room.names, []);
});

Deno.test('listenUnix with whenStale "throw" keeps a stale name', async () => {
  using room = new Room();
  await makeStale(room.at("s"));
  const before = Deno.lstatSync(room.at("s")).ino;
  assertEquals(await codeOf(listenUnix(room.at("s"), { whenStale: "throw" })), "EADDRINUSE");
  assertEquals(Deno.lstatSync(room.at("s")).ino, before);
});

const NO_SOCKETS: [what: string, make: (path: string) => void][] = [
  ["a file", (path) => Deno.writeTextFileSync(path, "x")],
  ["a directory", (path) => Deno.mkdirSync(path)],
  ["a symbolic link to a stale socket", (path) => Deno.symlinkSync("stale", path)],
  ["a dangling symbolic link", (path) => Deno.symlinkSync("nothing", path)],
];

for (const [what, make] of NO_SOCKETS) {
  Deno.test(`listenUnix throws EADDRINUSE for ${what}, and leaves it alone`, async () => {
    using room = new Room();
    await makeStale(room.at("stale"));
    make(room.at("s"));
    const before = Deno.lstatSync(room.at("s")).ino;
    assertEquals(await codeOf(listenUnix(room.at("s"))), "EADDRINUSE");
    assertEquals(Deno.lstatSync(room.at("s")).ino, before);
    assertEquals(room.names, ["s", "stale"]);
  });
}

Deno.test("listenUnix replaces a stale name without an instant in which there is none, or a wider mode", async () => {
  using room = new Room();
  await makeStale(room.at("s"));
  await using watcher = await PeerProcess.python("socket_watch_name.py", room.at("s"));
  for (let round = 0; round < 300; round++) await makeStale(room.at("s"));
  await watcher.tell("stop");
  const seen = await watcher.json<{ looks: number; missing: number; modes: number[] }>();
  assertGreater(seen.looks, 100);
  assertEquals({ missing: seen.missing, modes: seen.modes }, { missing: 0, modes: [0o600] });
  assertEquals(room.names, ["s"]);
});

Deno.test("listenUnix: of many processes that find a stale name, one wins", async () => {
  await watchdog(60_000, async () => {
    using room = new Room();
    await using peers = new AsyncDisposableStack();
    const contenders: PeerProcess[] = [];
    for (let index = 0; index < 5; index++) {
      contenders.push(peers.use(await PeerProcess.deno("socket_contend.ts", ["--allow-all"], room.at("s"))));
    }
    await makeStale(room.at("s"));
    for (let round = 0; round < 40; round++) {
      await Promise.all(contenders.map((peer) => peer.tell("listen")));
      const outcomes = await Promise.all(contenders.map((peer) => peer.line()));
      assertEquals(
        outcomes.toSorted(),
        ["EADDRINUSE", "EADDRINUSE", "EADDRINUSE", "EADDRINUSE", "won"],
        `round ${round}`,
      );
      assertEquals(room.names, ["s"]);
      (await connectUnix(room.at("s"))).close();
      await Promise.all(contenders.map((peer) => peer.tell("leave")));
      for (const peer of contenders) assertEquals(await peer.line(), "left");
    }
  });
});

/** `listenUnix` in a process whose system calls are delayed or cut short by strace(1). */
function traced(inject: string, umask: string, path: string, mode: string): Promise<PeerProcess> {
  const fixture = new URL("../fixtures/socket_listen.ts", import.meta.url).pathname;
  const script = `umask ${umask}; exec strace -f -o /dev/null -e trace=bind,renameat2 -e inject=${inject} ` +
    `"$0" run --allow-all "$1" "$2" "$3"`;
  return PeerProcess.start("sh", ["-c", script, Deno.execPath(), fixture, path, mode]);
}

Deno.test("listenUnix: a living socket that appears between the question and the exchange gets its name back", async () => {
  // The delay has to be enough for the thief.
  await withEnoughTime(1000, async (ms) => {
    using room = new Room();
    await makeStale(room.at("s"));
    await using thief = await PeerProcess.python("socket_steal_name.py", room.at("s"));
    await using peer = await traced(`renameat2:delay_enter=${ms * 1000}:when=1`, "022", room.at("s"), "600");
    // The successor's name is there: the question has been asked, and the exchange waits.
    await until(() => room.names.includes(".causeway-listen"));
    await thief.tell("steal");
    const inode = Number(await thief.line());
    assertEquals(await peer.line(), "EADDRINUSE");
    assertEquals(Deno.lstatSync(room.at("s")).ino, inode);
    assertEquals(room.names, ["s"]);
    (await connectUnix(room.at("s"))).close();
  });
});

Deno.test("listenUnix: a process that is killed while it replaces a name leaves nothing that stays in the way", async () => {
  await watchdog(60_000, async () => {
    using room = new Room();
    await makeStale(room.at("s"));
    const peer = await traced("renameat2:signal=SIGKILL:when=1", "022", room.at("s"), "600");
    assertEquals(await peer.line(), "(end of output)");
    await peer[Symbol.asyncDispose]();
    assertEquals(room.names.at(-1), "s");
    {
      using listener = await listenUnix(room.at("s"));
      using _client = await connectUnix(room.at("s"));
      using _server = await listener.accept();
      assertEquals(room.names, ["s"]);
    }
    assertEquals(room.names, []);
  });
});

for (const [umask, mode] of [["000", "600"], ["000", "660"], ["777", "666"], ["022", "777"]] as const) {
  Deno.test(`listenUnix: mode ${mode} under umask ${umask} is exact, and not wider right after bind`, async () => {
    await watchdog(60_000, async () => {
      using room = new Room();
      await using peer = await traced("bind:delay_exit=300000", umask, room.at("s"), mode);
      while (!room.names.includes("s")) await new Promise((resolve) => setTimeout(resolve, 1));
      assertEquals(modeOf(room.at("s")) & ~parseInt(mode, 8), 0);
      assertEquals(await peer.line(), "listening");
      assertEquals(modeOf(room.at("s")), parseInt(mode, 8));
    });
  });
}

Deno.test("listenUnix waits for the lock of the directory until its deadline or abort, and leaves nothing", async () => {
  await noLeaks(async () => {
    using room = new Room();
    await makeStale(room.at("s"));
    using directory = Deno.openSync(room.path);
    directory.lockSync(true);
    const error = await assertRejects(() => listenUnix(room.at("s"), { timeoutMs: 30 }), DOMException);
    assertEquals(error.name, "TimeoutError");
    const reason = new Error("enough");
    const abort = new AbortController();
    const waiting = listenUnix(room.at("s"), { signal: abort.signal });
    abort.abort(reason);
    assertEquals(await waiting.catch((error) => error), reason);
    const patient = listenUnix(room.at("s"));
    directory.unlockSync();
    using _listener = await patient;
    assertEquals(room.names, ["s"]);
  });
});

Deno.test("UnixListener: close leaves the name, unlink removes it, using does both", async () => {
  await noLeaks(async () => {
    using room = new Room();
    const listener = await listenUnix(room.at("s"));
    listener.close();
    listener.close();
    listener[Symbol.dispose]();
    assertEquals(room.names, ["s"]);
    {
      using second = await listenUnix(room.at("s"));
      second.unlink();
      assertEquals(room.names, []);
      second.unlink();
      assertEquals(second.tryAccept(), undefined);
    }
    {
      using _third = await listenUnix(room.at("s"));
      assertEquals(room.names, ["s"]);
    }
    assertEquals(room.names, []);
  });
});

Deno.test("UnixListener.unlink leaves the name of a successor", async () => {
  using room = new Room();
  const first = await listenUnix(room.at("s"));
  Deno.removeSync(room.at("s"));
  using _second = await listenUnix(room.at("s"));
  first.unlink();
  first[Symbol.dispose]();
  assertEquals(room.names, ["s"]);
});

const ADDRESSES: [name: string, byteLength: number, error: typeof RangeError | typeof TypeError | undefined][] = [
  ["a path of 107 bytes", 107, undefined],
  ["a path of 108 bytes", 108, RangeError],
  ["a path of 109 bytes", 109, RangeError],
];

for (const [name, byteLength, expected] of ADDRESSES) {
  Deno.test(`listenUnix and connectUnix: ${name} ${expected === undefined ? "works" : "is refused before any call"}`, async () => {
    await noLeaks(async () => {
      using room = new Room();
      // Each "é" is two bytes: it is bytes that count.
      const rest = byteLength - room.at("").length;
      const path = room.at("é".repeat(rest >> 1) + "s".repeat(rest & 1));
      if (expected === undefined) {
        {
          using listener = await listenUnix(path);
          using _client = await connectUnix(path);
          using _server = await listener.accept();
        }
        await makeStale(path);
        using _again = await listenUnix(path);
      } else {
        await assertRejects(() => listenUnix(path), expected, `got ${byteLength}`);
        await assertRejects(() => connectUnix(path), expected, `got ${byteLength}`);
      }
    });
  });
}

const WRONG: [path: unknown, options: ListenUnixOptions, error: typeof RangeError | typeof TypeError][] = [
  ["", {}, RangeError],
  ["a\0b", {}, TypeError],
  [5, {}, TypeError],
  ["s", { mode: 0o1000 }, RangeError],
  ["s", { mode: -1 }, RangeError],
  ["s", { mode: 1.5 }, RangeError],
  ["s", { backlog: -1 }, RangeError],
  ["s", { timeoutMs: -1 }, RangeError],
  ["s", { whenStale: "maybe" as "throw" }, TypeError],
  ["s", { type: "datagram" as "stream" }, TypeError],
  ["s", { namespace: "moon" as "path" }, TypeError],
];

for (const [path, options, expected] of WRONG) {
  Deno.test(`listenUnix(${JSON.stringify(path)}, ${JSON.stringify(options)}) throws ${expected.name}`, async () => {
    await assertRejects(() => listenUnix(path as string, options as { type?: "stream" }), expected);
  });
}

Deno.test("listenUnix throws what bind throws: ENOENT, ENOTDIR, EACCES", async () => {
  using room = new Room();
  Deno.writeTextFileSync(room.at("file"), "");
  assertEquals(await codeOf(listenUnix(room.at("none/s"))), "ENOENT");
  assertEquals(await codeOf(listenUnix(room.at("file/s"))), "ENOTDIR");
  Deno.chmodSync(room.path, 0o555);
  const fixture = new URL("../fixtures/socket_listen.ts", import.meta.url).pathname;
  // Root without the capability to pass over permission bits.
  const noOverride = ["--bounding-set=-dac_override,-dac_read_search", "--inh-caps=-dac_override,-dac_read_search"];
  const deno = [Deno.execPath(), "run", "--allow-all", fixture, room.at("s"), "600"];
  await using peer = await PeerProcess.start("setpriv", [...noOverride, ...deno]);
  assertEquals(await peer.line(), "EACCES");
});
