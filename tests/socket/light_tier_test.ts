// Needs: strace, python3
/** Unix stream sockets without FFI, in processes with exactly the permissions that are promised. */
import { assertEquals, assertMatch } from "@std/assert";
import { connectUnix, listenUnix } from "../../lib/socket/mod.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { modeOf, PeerProcess, Room, textOf } from "./peer_process.ts";

function fixture(name: string): string {
  return new URL(`../fixtures/${name}`, import.meta.url).pathname;
}

function flagsFor(room: Room): string[] {
  return [`--allow-read=${room.path}`, `--allow-write=${room.path}`, "--allow-net"];
}

for (const umask of ["000", "022", "077"]) {
  Deno.test(`listenUnix and connectUnix without FFI keep their promises under umask ${umask}`, async () => {
    await watchdog(60_000, async () => {
      using room = new Room();
      const args = ["test", "--no-prompt", ...flagsFor(room), fixture("socket_light_tier.ts"), "--", room.path];
      const script = `umask ${umask}; exec "$@"`;
      const command = new Deno.Command("sh", {
        args: ["-c", script, "sh", Deno.execPath(), ...args],
        env: { NO_COLOR: "1" },
      });
      const { code, stdout, stderr } = await command.output();
      const said = textOf(stdout) + textOf(stderr);
      assertEquals(code, 0, said);
      assertMatch(said, /ok \| [1-9]\d* passed \| 0 failed/);
    });
  });
}

Deno.test("connectUnix without FFI needs net access to its own path only", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"));
    const source = `
      import { connectUnix } from ${JSON.stringify(new URL("../../lib/socket/mod.ts", import.meta.url).href)};
      using socket = await connectUnix(${JSON.stringify(listener.path)});
      await socket.write(new Uint8Array([7]));
    `;
    await Deno.writeTextFile(room.at("main.ts"), source);
    const path = listener.path;
    const flags = [`--allow-read=${path}`, `--allow-write=${path}`, `--allow-net=unix:${path}`];
    const child = new Deno.Command(Deno.execPath(), { args: ["run", "--no-prompt", ...flags, room.at("main.ts")] })
      .spawn();
    using server = await listener.accept();
    const buffer = new Uint8Array(4);
    assertEquals(await server.read(buffer), 1);
    assertEquals((await child.status).code, 0);
  });
});

Deno.test("listenUnix without FFI binds inside a directory of mode 0700, and the path appears with its exact mode", async () => {
  await watchdog(60_000, async () => {
    using room = new Room();
    const deno = [
      Deno.execPath(),
      "run",
      "--no-prompt",
      ...flagsFor(room),
      fixture("socket_listen.ts"),
      room.at("s"),
      "640",
    ];
    const script = `umask 000; exec strace -f -o /dev/null -e trace=bind -e inject=bind:delay_exit=300000 "$@"`;
    await using peer = await PeerProcess.start("sh", ["-c", script, "sh", ...deno]);
    while (room.names.length === 0) await new Promise((resolve) => setTimeout(resolve, 1));
    const [hidden] = room.names;
    assertMatch(hidden!, /^\.[0-9a-z]{4}$/);
    assertEquals(modeOf(room.at(hidden!)), 0o700);
    assertEquals(await peer.line(), "listening");
    assertEquals([room.names, modeOf(room.at("s"))], [["s"], 0o640]);
  });
});

Deno.test("listenUnix: of processes with and without FFI that find a stale name, one wins", async () => {
  await watchdog(60_000, async () => {
    using room = new Room();
    await using peers = new AsyncDisposableStack();
    const contenders: PeerProcess[] = [];
    for (const flags of [flagsFor(room), ["--allow-all"], flagsFor(room), ["--allow-all"]]) {
      contenders.push(peers.use(await PeerProcess.deno("socket_contend.ts", flags, room.at("s"))));
    }
    (await listenUnix(room.at("s"))).close();
    for (let round = 0; round < 40; round++) {
      await Promise.all(contenders.map((peer) => peer.tell("listen")));
      const outcomes = await Promise.all(contenders.map((peer) => peer.line()));
      assertEquals(outcomes.toSorted(), ["EADDRINUSE", "EADDRINUSE", "EADDRINUSE", "won"], `round ${round}`);
      assertEquals(room.names, ["s"]);
      (await connectUnix(room.at("s"))).close();
      await Promise.all(contenders.map((peer) => peer.tell("leave")));
      for (const peer of contenders) assertEquals(await peer.line(), "left");
    }
  });
});

Deno.test("a stream socket without FFI: 100 MB each way at once arrive whole", async () => {
  await watchdog(120_000, async () => {
    using room = new Room();
    await using server = await PeerProcess.deno("socket_hash_server.ts", flagsFor(room), room.at("s"), "100000000");
    await using client = await PeerProcess.python("socket_hash_both_ways.py", room.at("s"), "100000000");
    type Report = { sent: string; received: string; total: number };
    const [ours, theirs] = [await server.json<Report>(), await client.json<Report>()];
    assertEquals(ours, { sent: theirs.received, received: theirs.sent, total: 100_000_000 });
    assertEquals(theirs.total, 100_000_000);
  });
});
