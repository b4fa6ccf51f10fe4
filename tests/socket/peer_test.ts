// Needs: python3, strace
/** The process at the other end, by descriptor. */
import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import { openPidFd } from "../../lib/signal/mod.ts";
import { connectUnix, listenUnix, socketPair } from "../../lib/socket/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { PeerProcess, Room, textOf } from "./peer_process.ts";

for (const type of ["stream", "seqpacket"] as const) {
  Deno.test(`peerPidFd of an accepted ${type} socket is the client: it is waited for, and signalled`, async () => {
    await watchdog(20_000, async () => {
      using room = new Room();
      using listener = type === "stream" ? await listenUnix(room.at("s")) : await listenUnix(room.at("s"), { type });
      const peer = await PeerProcess.python("socket_send_messages.py", listener.path, type);
      using socket = await listener.accept();
      using client = openPidFd(socket.peerPidFd());
      assertEquals(client.pid, peer.pid);
      assertFalse(client.tryExited());
      client.kill("SIGKILL");
      await client.exited();
      assertEquals((await peer.status).signal, "SIGKILL");
      await peer[Symbol.asyncDispose]();
      assertEquals(assertThrows(() => client.kill("SIGTERM"), PosixError).code, "ESRCH");
    });
  });
}

Deno.test("peerPidFd of a connected socket is the listener, and of a pair is this process", async () => {
  await noLeaks(async () => {
    using room = new Room();
    using _listener = await listenUnix(room.at("s"));
    using client = await connectUnix(room.at("s"));
    const [left, right] = socketPair("datagram");
    using _left = left;
    using _right = right;
    for (const socket of [client, left]) {
      using process = openPidFd(socket.peerPidFd());
      assertEquals(process.pid, Deno.pid);
    }
    client.close();
    assertThrows(() => client.peerPidFd(), ClosedError);
  });
});

Deno.test("peerPidFd stays the peer's when its pid is gone", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"));
    const peer = await PeerProcess.python("socket_send_messages.py", listener.path, "stream");
    using socket = await listener.accept();
    peer.kill("SIGKILL");
    await peer[Symbol.asyncDispose]();
    // Newer kernels hand out a descriptor of the process that was reaped, older ones say so at once.
    const error = assertThrows(() => {
      using fd = socket.peerPidFd();
      openPidFd(fd).close();
    }, PosixError);
    assertEquals(error.code, "ESRCH");
  });
});

Deno.test("peerPidFd of a datagram socket from connectUnix throws ENODATA", async () => {
  await watchdog(20_000, async () => {
    using room = new Room();
    await using _peer = await PeerProcess.python("socket_datagrams.py", room.at("s"));
    using socket = await connectUnix(room.at("s"), { type: "datagram" });
    assertEquals(assertThrows(() => socket.peerPidFd(), PosixError).code, "ENODATA");
  });
});

Deno.test("peerPidFd before Linux 6.5 throws ENOSYS, and says what it needs", async () => {
  await watchdog(30_000, async () => {
    using room = new Room();
    const source = `
      import { socketPair } from ${JSON.stringify(import.meta.resolve("../../lib/socket/mod.ts"))};
      const [left] = socketPair("stream");
      try { left.peerPidFd(); } catch (error) { console.log(error.message); }
    `;
    Deno.writeTextFileSync(room.at("main.ts"), source);
    const inject = ["-f", "-qq", "-o", "/dev/null", "-e", "inject=getsockopt:error=ENOPROTOOPT"];
    const deno = [Deno.execPath(), "run", "--allow-all", "--no-lock", "--quiet", room.at("main.ts")];
    const { stdout, stderr } = await new Deno.Command("strace", { args: [...inject, ...deno] }).output();
    assert(
      textOf(stdout).includes("(ENOSYS)") && textOf(stdout).includes("Linux 6.5"),
      textOf(stdout) + textOf(stderr),
    );
  });
});

Deno.test("openPidFd takes a process that came through a socket, and a process can be given away", async () => {
  await watchdog(20_000, async () => {
    await noLeaks(async () => {
      const [left, right] = socketPair("seqpacket", { descriptors: true });
      using _left = left;
      using _right = right;
      const child = new Deno.Command("sleep", { args: ["60"] }).spawn();
      const process = openPidFd(child.pid);
      await left.sendDescriptors(new Uint8Array([1]), [process]);
      assertThrows(() => process.tryExited(), ClosedError);
      using message = await right.receiveDescriptors();
      using received = openPidFd(message!.descriptors[0]!);
      assertEquals(received.pid, child.pid);
      received.kill("SIGTERM");
      await received.exited();
      assertEquals((await child.status).signal, "SIGTERM");
      left.sendDescriptorsSync(new Uint8Array([2]), [right.duplicate()]);
      using other = right.receiveDescriptorsSync();
      assertThrows(() => openPidFd(other!.descriptors[0]!), TypeError, "no descriptor of a process");
      assertFalse(other!.descriptors[0]!.closed);
    });
  });
});
