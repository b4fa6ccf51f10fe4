/** Sockets that a process was given. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { PosixError } from "../../lib/errors.ts";
import {
  listenerFromDescriptor,
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
import { noLeaks } from "../helpers/leaks.ts";
import { Room } from "./peer_process.ts";

for (const kind of ["stream", "seqpacket", "datagram"] as const) {
  Deno.test(`socketFromDescriptor finds out that a socket is ${kind}`, async () => {
    await noLeaks(() => {
      const ends: [StreamSocket | MessageSocket, StreamSocket | MessageSocket] = kind === "stream"
        ? socketPair(kind)
        : socketPair(kind);
      using right = ends[1];
      using taken = socketFromDescriptor(ends[0][moveDescriptor]());
      assertEquals(taken.type, kind);
      if (taken.type === "stream") {
        assert(right.type === "stream");
        taken.writeSync(new Uint8Array([1]));
        assertEquals(right.readSync(new Uint8Array(2)), 1);
      } else {
        assert(right.type !== "stream");
        taken.sendSync(new Uint8Array([1]));
        assertEquals(right.receiveSync()?.byteLength, 1);
      }
    });
  });
}

Deno.test("socketFromDescriptor refuses a listener, a pipe and an Internet socket, and leaves them open", async () => {
  await noLeaks(async () => {
    using room = new Room();
    using listener = await listenUnix(room.at("s"));
    using listening = listener.duplicate()[moveDescriptor]();
    assertThrows(() => socketFromDescriptor(listening), TypeError, "listenerFromDescriptor");
    const [a, b] = socketPair("stream");
    using connected = a[moveDescriptor]();
    assertThrows(() => listenerFromDescriptor(connected), TypeError, "no listening socket");
    b.close();
    const ends = new Int32Array(2);
    check(libc().pipe2(ends, 0o2000000), "pipe2");
    using reader = Fd.own(ends[0]!, "Pipe reader");
    using _writer = Fd.own(ends[1]!, "Pipe writer");
    assertEquals(assertThrows(() => socketFromDescriptor(reader), PosixError).code, "ENOTSOCK");
    // AF_INET, SOCK_STREAM | SOCK_CLOEXEC
    using internet = Fd.own(check(libc().socket(2, 1 | 0o2000000, 0), "socket"), "Internet socket");
    assertThrows(() => socketFromDescriptor(internet), TypeError, "no Unix socket");
    for (const fd of [listening, connected, reader, internet]) assert(!fd.closed);
  });
});
