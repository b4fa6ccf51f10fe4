/** A receive that waits for nothing but a message, told by the event loop itself: what must be the same as in every other receive. */
import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import {
  type Channel,
  channel,
  ChannelClosedError,
  ClosedError,
  moveDescriptor,
  ProtocolError,
  socketPair,
  type StandardSchema,
  type StreamSocket,
} from "../../mod.ts";
import { encodeHello, HEADER_BYTES, KIND, putFrame } from "../../lib/channel/frame.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { release } from "./roads.ts";

const LIMIT_MS = 120_000;

Deno.test("receive goes on waiting where only a part of a message has come, one byte after the other", async () => {
  await met(async (end, peer) => {
    const received: unknown[] = [];
    const receiving = (async () => {
      for await (const value of end) received.push(value);
    })();
    for (const text of ["one", "two", "three".repeat(30_000)]) {
      const bytes = frame(KIND.DATA, JSON.stringify(text));
      const small = bytes.byteLength < 100;
      for (let at = 0; at < bytes.byteLength; at += small ? 1 : 20_000) {
        await peer.write(bytes.subarray(at, at + (small ? 1 : 20_000)));
        // The loop has a turn: the byte is read before the next one is there.
        if (small) await settled();
      }
    }
    await peer.write(frame(KIND.BYE));
    await watchdog(LIMIT_MS, receiving);
    assertEquals(received, ["one", "two", "three".repeat(30_000)]);
  });
});

Deno.test("receives that wait are served in their order, also when the first one's message comes in pieces", async () => {
  await met(async (end, peer) => {
    const order: unknown[] = [];
    const receives = [1, 2, 3].map(async (place) => order.push([place, await end.receive()]));
    const first = frame(KIND.DATA, "1");
    await peer.write(first.subarray(0, 3));
    await settled();
    await peer.write(first.subarray(3));
    await peer.write(frame(KIND.DATA, "2"));
    await peer.write(frame(KIND.DATA, "3"));
    await watchdog(LIMIT_MS, Promise.all(receives));
    assertEquals(order, [[1, 1], [2, 2], [3, 3]]);
  });
});

Deno.test("a receive that waits ends by close, by a death and by what is no frame", async () => {
  await met(async (end) => {
    const receiving = assertRejects(() => end.receive(), ClosedError, "was closed during the wait");
    await settled();
    end.close();
    await watchdog(LIMIT_MS, receiving);
  });
  await met(async (end, peer) => {
    const receiving = assertRejects(() => end.receive(), ChannelClosedError);
    await settled();
    peer.close();
    assertEquals((await watchdog(LIMIT_MS, receiving)).reason, "died");
    await assertRejects(() => end.receive(), ChannelClosedError);
  });
  await met(async (end, peer) => {
    const receiving = assertRejects(() => end.receive(), ProtocolError, "unknown kind");
    await settled();
    await peer.write(frame(77));
    await watchdog(LIMIT_MS, receiving);
  });
});

Deno.test("a send that fails while a receive waits says what that receive is about to say", async () => {
  for (const last of [frame(KIND.BYE), new Uint8Array()]) {
    await met(async (end, peer) => {
      const receiving = end.receive().catch((error: unknown) => error);
      await settled();
      await peer.write(last);
      peer.close();
      const error = await watchdog(LIMIT_MS, assertRejects(() => end.send("x"), ChannelClosedError));
      const bye = last.byteLength > 0;
      assertEquals(error.reason, bye ? "closed" : "died");
      const received = await watchdog(LIMIT_MS, receiving);
      if (bye) assertEquals(received, null);
      else assertInstanceOf(received, ChannelClosedError);
    });
  }
});

Deno.test("a validator that takes its time holds the next receive back", async () => {
  let gate = Promise.withResolvers<void>();
  const schema: StandardSchema = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: async (value) => {
        if (value === 1) await gate.promise;
        return { value: Number(value) };
      },
    },
  };
  await met(async (end, peer) => {
    gate = Promise.withResolvers();
    const order: unknown[] = [];
    const receives = [end.receive(), end.receive()].map(async (one) => order.push(await one));
    await settled();
    await peer.write(frame(KIND.DATA, "1"));
    await peer.write(frame(KIND.DATA, "2"));
    await settled();
    assertEquals(order, []);
    gate.resolve();
    await watchdog(LIMIT_MS, Promise.all(receives));
    assertEquals(order, [1, 2]);
  }, schema);
});

Deno.test("a message that waits for room says what it said when it was sent", async () => {
  await met(async (end, peer) => {
    const text = "x".repeat(2000);
    let sent = 0;
    while (end.trySend(`${sent}${text}`)) sent++;
    // They wait, while others are encoded beside them.
    const waiting = [end.send(`a${text}`), end.send(`b${text}`)];
    assertEquals(end.trySend(`c${text}`), false);
    await settled();
    const received: string[] = [];
    const buffer = new Uint8Array(65536);
    const decoder = new TextDecoder();
    let rest = "";
    while (received.length < sent + 2) {
      const count = await watchdog(LIMIT_MS, peer.read(buffer));
      // Headers are no letters.
      rest += decoder.decode(buffer.subarray(0, count ?? 0), { stream: true });
      received.length = 0;
      for (const [, head] of rest.matchAll(/"(\w+?)x+"/g)) received.push(head!);
    }
    await Promise.all(waiting);
    assertEquals(received, [...Array(sent).keys()].map(String).concat("a", "b"));
  });
});

/** A channel over one end of a socket pair, whose other end has said hello and is read and written by hand. The channel has waited once. */
async function met(work: (end: Channel<unknown>, peer: StreamSocket) => Promise<void>, schema?: StandardSchema) {
  const run = async () => {
    const [ours, theirs] = socketPair("stream");
    using peer = theirs;
    const hello = frame(KIND.HELLO, encodeHello({ codec: "json", fingerprint: 0n, maxMessageBytes: 1024 * 1024 }));
    await peer.write(hello);
    const address = `fd:${release(ours[moveDescriptor]())}`;
    using end = await watchdog(LIMIT_MS, channel<unknown>(address, schema && { schema }));
    await peer.read(new Uint8Array(hello.byteLength));
    const first = end.receive();
    await settled();
    await peer.write(frame(KIND.DATA, "0"));
    assertEquals(await watchdog(LIMIT_MS, first), 0);
    await work(end, peer);
  };
  await noLeaks(run, run);
}

function frame(kind: number, payload: string | Uint8Array = ""): Uint8Array<ArrayBuffer> {
  const bytes = typeof payload === "string" ? new TextEncoder().encode(payload) : payload;
  const whole = new Uint8Array(HEADER_BYTES + bytes.byteLength);
  putFrame(whole, 0, kind, bytes);
  return whole;
}

/** Some turns of the event loop. */
async function settled(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
}
