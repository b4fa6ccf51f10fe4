// Needs: python3
/** Descriptors that a process was given by the LISTEN_FDS convention. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { connectUnix, inheritedSockets, listenUnix, socketPair, socketsToInherit } from "../../lib/socket/mod.ts";
import { command } from "../../lib/process/mod.ts";
import { moveDescriptor } from "../../lib/sys/inheritable.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, PeerProcess, Room, textOf } from "./peer_process.ts";

const FIXTURE = fromFileUrl(new URL("../fixtures/socket_inherited.ts", import.meta.url));

/** Starts the fixture as a service manager would. */
function activate(fds: string[], env: Record<string, string | null> = {}, ...args: string[]): Promise<PeerProcess> {
  return PeerProcess.python(
    "socket_activate.py",
    JSON.stringify({ fds, env }),
    Deno.execPath(),
    "run",
    "--allow-all",
    FIXTURE,
    ...args,
  );
}

Deno.test("inheritedSockets takes each descriptor as what it is, close-on-exec, and each serves", async () => {
  await watchdog(30_000, async () => {
    using room = new Room();
    const [stream, messages, datagrams, fifo] = ["a", "b", "c", "d"].map((name) => room.at(name)) as [
      string,
      string,
      string,
      string,
    ];
    await new Deno.Command("mkfifo", { args: [fifo] }).output();
    // The service's reader opens the FIFO anew, for reading only: somebody else must have it open for writing.
    using writer = Deno.openSync(fifo, { read: true, write: true });
    const fds = [
      `stream:${stream}`,
      `seqpacket:${messages}`,
      `dgram:${datagrams}`,
      "pair",
      `fifo:${fifo}`,
      "inet",
      "unbound",
    ];
    await using service = await activate(fds, { LISTEN_FDNAMES: "web:rpc:log:peer:queue:tcp:" });
    assertEquals(await service.json(), [
      ["web", 3, "listener", true, "stream", stream],
      ["rpc", 4, "listener", true, "seqpacket", messages],
      ["log", 5, "datagram", true, datagrams],
      ["peer", 6, "socket", true, "stream"],
      ["queue", 7, "descriptor", true],
      ["tcp", 8, "descriptor", true],
      ["unknown", 9, "descriptor", true],
    ]);
    assertEquals(await service.json(), []);
    using a = await connectUnix(stream);
    await a.write(bytesOf("to the stream"));
    assertEquals(await service.json(), "to the stream");
    assertEquals(await a.read(new Uint8Array(64)), 13);
    using b = await connectUnix(messages, { type: "seqpacket" });
    await b.send(bytesOf("a message"));
    assertEquals(await service.json(), "a message");
    assertEquals(textOf((await b.receive())!.bytes), "a message");
    using c = await connectUnix(datagrams, { type: "datagram", autobind: true });
    await c.send(bytesOf("a datagram"));
    assertEquals(await service.json(), "a datagram");
    assertEquals(textOf((await c.receive())!.bytes), "a datagram");
    assertEquals(await service.json(), "from the pair");
    writer.writeSync(bytesOf("through the FIFO"));
    assertEquals(await service.json(), "through the FIFO");
    assertEquals([await service.json(), await service.json()], ["not served", "not served"]);
    assertEquals(await service.line(), "0");
    // The names are their maker's.
    assertEquals(room.names, ["a", "b", "c", "d"]);
  });
});

Deno.test("inheritedSockets without names says unknown, and leaves the variables when asked to", async () => {
  await watchdog(20_000, async () => {
    await using service = await activate(["inet"], { LISTEN_FDNAMES: null }, "keep");
    assertEquals(await service.json(), [["unknown", 3, "descriptor", true]]);
    assertEquals(await service.json(), ["LISTEN_PID", "LISTEN_FDS"]);
  });
});

const NOTHING: [what: string, env: Record<string, string | null>][] = [
  ["another process's LISTEN_PID", { LISTEN_PID: "1" }],
  ["no LISTEN_PID", { LISTEN_PID: null }],
  ["no LISTEN_FDS", { LISTEN_FDS: null }],
  ["LISTEN_FDS 0", { LISTEN_FDS: "0" }],
];

for (const [what, env] of NOTHING) {
  Deno.test(`inheritedSockets with ${what} finds nothing, and removes the variables`, async () => {
    await watchdog(20_000, async () => {
      await using service = await activate(["inet"], env);
      assertEquals([await service.json(), await service.json()], [[], []]);
    });
  });
}

const REFUSED: [what: string, fds: string[], env: Record<string, string>, code: string, said: string][] = [
  ["LISTEN_FDS that is no number", ["inet"], { LISTEN_FDS: "two" }, "EINVAL", "LISTEN_FDS=two"],
  ["a negative LISTEN_FDS", ["inet"], { LISTEN_FDS: "-1" }, "EINVAL", "LISTEN_FDS=-1"],
  ["a huge LISTEN_FDS", ["inet"], { LISTEN_FDS: "2147483647" }, "EINVAL", "whole number"],
  ["LISTEN_PID that is no number", ["inet"], { LISTEN_PID: "self" }, "EINVAL", "LISTEN_PID=self"],
  ["too few names", ["inet", "inet"], { LISTEN_FDNAMES: "one" }, "EINVAL", "there are 2 descriptors"],
  ["a closed descriptor", ["inet", "closed"], {}, "EBADF", "4"],
  // What Deno has opened by itself is close-on-exec.
  ["more descriptors than were passed", ["inet"], { LISTEN_FDS: "3" }, "EBADF", "fcntl(F_GETFD)"],
];

for (const [what, fds, env, code, said] of REFUSED) {
  Deno.test(`inheritedSockets refuses ${what}: ${code}`, async () => {
    await watchdog(20_000, async () => {
      await using service = await activate(fds, env);
      const error = await service.json<{ name: string; code: string; message: string }>();
      assertEquals([error.name, error.code], ["PosixError", code]);
      assert(error.message.includes(said), error.message);
    });
  });
}

Deno.test("inheritedSockets needs --allow-env only, where nothing was passed", async () => {
  const source = `import { inheritedSockets } from ${JSON.stringify(import.meta.resolve("../../lib/socket/mod.ts"))};
    console.log(inheritedSockets().length);`;
  const run = async (flag: string[]) => {
    using room = new Room();
    Deno.writeTextFileSync(room.at("main.ts"), source);
    const args = ["run", "--no-prompt", "--no-lock", "--quiet", ...flag, room.at("main.ts")];
    const { stdout, stderr } = await new Deno.Command(Deno.execPath(), { args, env: { NO_COLOR: "1" } }).output();
    return textOf(stdout) + (textOf(stderr).includes("--allow-env") ? "--allow-env" : "");
  };
  assertEquals(await run(["--allow-env=LISTEN_PID,LISTEN_FDS,LISTEN_FDNAMES"]), "0\n");
  assertEquals(await run([]), "--allow-env");
  assertEquals(inheritedSockets(), []);
});

Deno.test("socketsToInherit gives a child what inheritedSockets takes; a shell on the way adds the pid", async () => {
  await watchdog(30_000, async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"));
    const trampoline = ["-c", 'LISTEN_PID=$$ exec "$@"', "sh"];
    const program = [Deno.execPath(), "run", "--allow-all", "--no-lock", FIXTURE];
    const inherit = [socketsToInherit({ web: listener.duplicate() })];
    const said = command("sh", [...trampoline, ...program], { inherit }).text();
    using client = await connectUnix(room.at("s"));
    await client.write(bytesOf("through both"));
    assertEquals(await client.read(new Uint8Array(64)), 12);
    const facts = ["web", 3, "listener", true, "stream", room.at("s")];
    assertEquals((await said).split("\n"), ["ready", JSON.stringify([facts]), "[]", '"through both"', "0"]);
  });
});

Deno.test("socketsToInherit moves the ends, and names them", async () => {
  await watchdog(20_000, async () => {
    await noLeaks(async () => {
      using room = new Room();
      const listener = await listenUnix(room.at("s"));
      const [kept, given] = socketPair("seqpacket");
      using _kept = kept;
      const { descriptors, env } = socketsToInherit({ web: listener, peer: given });
      assert(listener.closed && given.closed);
      assertEquals(env, { LISTEN_FDS: "2", LISTEN_FDNAMES: "web:peer" });
      for (const descriptor of descriptors) descriptor.close();
    });
  });
});

for (const name of ["", "a:b", "a\nb", "x".repeat(256)]) {
  Deno.test(`socketsToInherit refuses the name ${JSON.stringify(name.slice(0, 10))}, and moves nothing`, () => {
    const [left, right] = socketPair("stream");
    using _left = left;
    using _right = right;
    assertThrows(() => socketsToInherit({ good: left, [name]: right }), TypeError);
    assertThrows(() => socketsToInherit({ good: left, other: 3 as unknown as typeof right }), TypeError);
    assert(!left.closed && !right.closed);
    left[moveDescriptor]().close();
  });
}
