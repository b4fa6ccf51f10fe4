import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { encodeHello, encodeRefusal, encodeWelcome, type Terms } from "../../lib/channel/rendezvous_terms.ts";
import { meetingPath, requireName } from "../../lib/channel/rendezvous_path.ts";
import {
  channel,
  connectUnix,
  createAnonymousMemory,
  type Fd,
  latest,
  listenChannel,
  listenUnix,
  type MessageSocket,
  moveDescriptor,
  pipe,
  PosixError,
  ProtocolError,
  socketPair,
  topic,
} from "../../mod.ts";
import { createLink } from "../../lib/channel/shm_link.ts";
import { createPage, createValues } from "../../lib/channel/latest_memory.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { quiet } from "./quiet.ts";

let names = 0;

/** A name that no other test has. */
function name(): string {
  return `meet-test-${Deno.pid}-${++names}`;
}

/** What `channel`, `latest` and `topic` say when nothing else is asked for. */
const TERMS: Record<"channel" | "latest" | "topic", Terms> = {
  channel: { kind: "channel", codec: "json", fingerprint: 0n, maxMessageBytes: 1_048_576 },
  latest: { kind: "latest", codec: "json", fingerprint: 0n, maxMessageBytes: 65_536 },
  topic: { kind: "topic", codec: "json", fingerprint: 0n, maxMessageBytes: 65_536 },
};
const KINDS = ["channel", "latest", "topic"] as const;

function come(at: string): Promise<MessageSocket> {
  return connectUnix(meetingPath(at), { type: "seqpacket", descriptors: true });
}

/** The same, at a name that somebody is about to have. */
async function comeWhenThere(at: string): Promise<MessageSocket> {
  while (true) {
    try {
      return await come(at);
    } catch (error) {
      if (!(error instanceof PosixError) || !["ENOENT", "ECONNREFUSED"].includes(error.code)) throw error;
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
  }
}

function changed(bytes: Uint8Array, at: number, value: number): Uint8Array {
  const copy = bytes.slice();
  copy[at] = value;
  return copy;
}

const HELLO = encodeHello(TERMS.topic, []);

/** What a stranger says, that is no hello. */
const NONSENSE: Record<string, Uint8Array> = {
  "nonsense": crypto.getRandomValues(new Uint8Array(88)),
  "half a hello": HELLO.subarray(0, 44),
  "a byte": HELLO.subarray(0, 1),
  "a long hello": new Uint8Array(100_000),
  "another magic": changed(HELLO, 0, 0),
  "another version": changed(HELLO, 8, 9),
  "another kind": changed(HELLO, 10, 77),
  "a refusal": encodeRefusal("because"),
  "other terms": encodeHello({ ...TERMS.topic, codec: "text" }, []),
  "wishes that cannot be": encodeHello(TERMS.topic, [9, 0, 0]),
  "too many bytes": encodeHello(TERMS.topic, [0, 0, 0xffff_ffff]),
};

Deno.test("a listener turns strangers away, tells them why, and serves the next", async () => {
  await noLeaks(async () => {
    const at = name();
    await using publisher = await topic<number>(`shm:${at}`, { mode: "publish" });
    for (const [what, words] of Object.entries(NONSENSE)) {
      using stranger = await come(at);
      await stranger.send(words);
      const answer = await watchdog(30_000, stranger.receive());
      assert(answer !== null, what);
      assert(new TextDecoder().decode(answer.bytes.subarray(88)).length > 0, what);
      assertEquals(await watchdog(30_000, stranger.receive()), null, what);
    }
    await using subscriber = await topic<number>(`shm:${at}`);
    assertEquals(await publisher.publish(1), 1);
    assertEquals(await subscriber.receive(), 1);
  });
});

Deno.test("a listener lets nobody wait for one who says nothing, or never says that he has mapped it", async () => {
  for (const kind of KINDS) {
    await noLeaks(async () => {
      const at = name();
      using listener = await listen(kind, at);
      using silent = await come(at);
      using half = await come(at);
      await half.send(encodeHello(TERMS[kind], []));
      using _gone = await come(at).then((socket) => (socket.close(), socket));
      await watchdog(30_000, open(kind, at)).then((end) => end[Symbol.dispose]());
      listener[Symbol.dispose]();
      assertEquals(await watchdog(30_000, silent.receive()), null);
      using welcome = await half.receiveDescriptors();
      assertEquals(welcome?.descriptors.length, 2);
    });
  }
});

Deno.test("channel: many who never say that they have mapped the memory keep an honest one waiting for less than one of them", async () => {
  const STRANGERS = 15;
  await noLeaks(async () => {
    const at = name();
    const listening = channel<number>(`shm:${at}`, { mode: "listen" });
    using strangers = new DisposableStack();
    for (let count = 0; count < STRANGERS; count++) {
      const stranger = strangers.use(await comeWhenThere(at));
      await stranger.send(encodeHello(TERMS.channel, []));
    }
    // One after the other they would have five seconds each.
    using connector = await channel<number>(`shm:${at}`, { timeoutMs: 60_000 });
    using listener = await listening;
    await connector.send(1);
    assertEquals(await listener.receive(), 1);
  });
});

Deno.test("listenChannel and topic: no more than 64 strangers are at the door at once, and none keeps an honest one waiting", async () => {
  for (const kind of ["channel", "topic"] as const) {
    await noLeaks(async () => {
      const at = name();
      using listener = await listen(kind, at);
      const own = () => Array.from(Deno.readDirSync("/proc/self/fd")).length;
      const before = own();
      using strangers = new DisposableStack();
      const longest = strangers.use(await come(at));
      for (let count = 1; count < 64; count++) strangers.use(await come(at));
      // All of them are let in, and each has a descriptor on either side.
      while (own() < before + 128) await new Promise((resolve) => setTimeout(resolve, 1));
      const first = strangers.use(await come(at));
      (await open(kind, at))[Symbol.dispose]();
      // Two had to go, who had stood there longest.
      assertEquals(
        new TextDecoder().decode((await longest.receive())?.bytes.subarray(88)),
        "too many are at the door",
      );
      assertEquals(await longest.receive(), null);
      await first.send(encodeHello(TERMS[kind], []));
      assert(await first.receive() !== null);
      listener[Symbol.dispose]();
      await quiet();
    });
  }
});

Deno.test("who says nothing for five seconds is no peer, and is told so", async () => {
  await noLeaks(async () => {
    const at = name();
    const other = name();
    await using _publisher = await topic(`shm:${at}`, { mode: "publish" });
    using silent = await come(at);
    using listener = await listenUnix(meetingPath(other), { type: "seqpacket" });
    const opening = assertRejects(() => channel(`shm:${other}`, { timeoutMs: 60_000 }), ProtocolError, "said nothing");
    using _guest = await listener.accept();
    const answer = await watchdog(60_000, silent.receive());
    assert(new TextDecoder().decode(answer?.bytes.subarray(88)).includes("said nothing"));
    assertEquals(await watchdog(60_000, silent.receive()), null);
    await watchdog(60_000, opening);
  }, () => {});
});

Deno.test("who is let in is decided by the kernel's word for his user, on both sides", async () => {
  const own = Deno.uid() ?? 0;
  const other = own + 1;
  for (
    const [listens, comes, meet] of [
      [undefined, undefined, true],
      [own, own, true],
      ["any", "any", true],
      [other, undefined, false],
      [undefined, other, false],
    ] as const
  ) {
    await noLeaks(async () => {
      const at = `shm:${name()}`;
      using publisher = await topic(at, { mode: "publish", owner: listens });
      using writer = await latest(`${at}-latest`, { mode: "write", owner: listens });
      for (const open of [() => topic(at, { owner: comes }), () => latest(`${at}-latest`, { owner: comes })]) {
        if (meet) (await open())[Symbol.dispose]();
        else await assertRejects(open, ProtocolError, `is user ${own}'s, and is not accepted`);
      }
      // Who comes is known before he has said anything.
      if (listens === other) {
        using silent = await come(at.slice(4));
        const answer = await watchdog(30_000, silent.receive());
        assert(new TextDecoder().decode(answer?.bytes.subarray(88)).includes("is not accepted"));
      }
      writer.close();
      publisher.close();
      await quiet();
    });
  }
});

Deno.test("descriptors that nobody asked for are closed", async () => {
  const at = name();
  await using _publisher = await topic<number>(`shm:${at}`, { mode: "publish" });
  await noLeaks(async () => {
    const { reader, writer } = pipe();
    {
      using stranger = await come(at);
      await stranger.sendDescriptors(changed(HELLO, 0, 0), [writer]);
      await watchdog(30_000, stranger.receive());
    }
    // The last writer is closed: whoever got it did not keep it.
    assertEquals(await watchdog(30_000, reader.read(new Uint8Array(1))), null);
    reader.close();
  });
});

/** What a hostile listener may pass, besides the right thing. */
type Passed = () => { descriptors: readonly Fd[]; close: () => void };

function closing(...descriptors: Fd[]): ReturnType<Passed> {
  return { descriptors, close: () => descriptors.forEach((fd) => fd.close()) };
}

function memory(size: number, seal: "none" | "size" | "writes" = "size"): Fd {
  using made = createAnonymousMemory({ size, seal });
  return made.fd.duplicate();
}

function socket(type: "stream" | "datagram" = "stream"): Fd {
  // The other end is closed, or nothing would be hostile about it.
  const [end, other] = type === "stream" ? socketPair("stream") : socketPair("datagram");
  other.close();
  return end[moveDescriptor]();
}

function pipeEnd(): Fd {
  const { reader, writer } = pipe();
  writer.close();
  return reader[moveDescriptor]();
}

/** The memory of a whole link of a channel with small messages. */
function link(rings: 1 | 2, capacity: number, maxMessageBytes: number): [Fd, Fd] {
  const { link, inherited } = createLink({ address: "hostile", rings, capacity, maxMessageBytes });
  link.memory.close();
  link.doorbell.close();
  return [...inherited];
}

const RING = 4_194_304;
const HOSTILE: Record<"channel" | "latest" | "topic", Record<string, { facts: readonly number[]; passed: Passed }>> = {
  channel: {
    "nothing": { facts: [RING, 1_048_576], passed: () => closing() },
    "one descriptor": { facts: [RING, 1_048_576], passed: () => closing(memory(RING)) },
    "five descriptors": {
      facts: [RING, 1_048_576],
      passed: () => closing(memory(64), memory(64), memory(64), memory(64), memory(64)),
    },
    "a pipe": { facts: [4096, 1000], passed: () => closing(pipeEnd(), socket()) },
    "unsealed memory": { facts: [4096, 1000], passed: () => closing(memory(10_000, "none"), socket()) },
    "memory that cannot be written": { facts: [4096, 1000], passed: () => closing(memory(10_000, "writes"), socket()) },
    "small memory": { facts: [4096, 1000], passed: () => closing(memory(4096), socket()) },
    "memory without rings": {
      facts: [4096, 1000],
      passed: () => {
        const [right, bell] = link(2, 4096, 1000);
        const size = fileSize(right);
        right.close();
        return closing(memory(size), bell);
      },
    },
    "a capacity that cannot be": { facts: [4097, 1000], passed: () => closing(...link(2, 4096, 1000)) },
    "a huge capacity": { facts: [2 ** 31, 1000], passed: () => closing(...link(2, 4096, 1000)) },
    "rings with another maximum": { facts: [4096, 1000], passed: () => closing(...link(2, 4096, 1001)) },
    "a longer maximum": { facts: [RING, 2_000_000], passed: () => closing(...link(2, 4096, 1000)) },
    "a datagram socket as doorbell": {
      facts: [4096, 1000],
      passed: () => {
        const [right, bell] = link(2, 4096, 1000);
        bell.close();
        return closing(right, socket("datagram"));
      },
    },
    "memory as doorbell": {
      facts: [4096, 1000],
      passed: () => {
        const [right, bell] = link(2, 4096, 1000);
        bell.close();
        return closing(right, memory(64));
      },
    },
  },
  topic: {
    "nothing": { facts: [], passed: () => closing() },
    "memory without a ring": { facts: [], passed: () => closing(memory(262_144), socket()) },
    "a ring with another maximum": { facts: [], passed: () => closing(...link(1, 262_144, 1000)) },
    "three descriptors": { facts: [], passed: () => closing(memory(64), socket(), socket()) },
  },
  latest: {
    "nothing": { facts: [3, 65_536], passed: () => closing() },
    "writable values": { facts: [3, 65_536], passed: () => closing(memory(200_000), memory(128)) },
    "empty values": { facts: [3, 65_536], passed: () => closing(memory(196_928, "writes"), memory(128)) },
    "other sizes": {
      facts: [4, 65_536],
      passed: () => {
        using values = createValues({ slots: 3, maxBytes: 65_536 }, "hostile").memory;
        using page = createPage("hostile");
        return closing(values.fd.duplicate(), page.fd.duplicate());
      },
    },
    "no slots": { facts: [0, 0], passed: () => closing(memory(128, "writes"), memory(128)) },
    "a small page": {
      facts: [3, 65_536],
      passed: () => {
        using values = createValues({ slots: 3, maxBytes: 65_536 }, "hostile").memory;
        return closing(values.fd.duplicate(), memory(64));
      },
    },
    "a page that has an owner": {
      facts: [3, 65_536],
      passed: () => {
        using values = createValues({ slots: 3, maxBytes: 65_536 }, "hostile").memory;
        using page = createPage("hostile");
        page.bytes[64] = 1;
        return closing(values.fd.duplicate(), page.fd.duplicate());
      },
    },
    "a pipe as page": {
      facts: [3, 65_536],
      passed: () => {
        using values = createValues({ slots: 3, maxBytes: 65_536 }, "hostile").memory;
        return closing(values.fd.duplicate(), pipeEnd());
      },
    },
  },
};

for (const kind of KINDS) {
  for (const [what, { facts, passed }] of Object.entries(HOSTILE[kind])) {
    Deno.test(`${kind}: a listener that passes ${what} is a ProtocolError, and nothing of it is kept`, async () => {
      await noLeaks(async () => {
        const at = name();
        using listener = await listenUnix(meetingPath(at), { type: "seqpacket", descriptors: true });
        const opening = assertRejects(() => open(kind, at), ProtocolError);
        using guest = await listener.accept();
        await guest.receive();
        const { descriptors, close } = passed();
        if (descriptors.length === 0) await guest.send(encodeWelcome(TERMS[kind], facts));
        else await guest.sendDescriptors(encodeWelcome(TERMS[kind], facts), descriptors);
        close();
        await watchdog(30_000, opening);
      });
    });
  }
}

Deno.test("a connector: nonsense and refusals are ProtocolErrors, whose words are safe to show", async () => {
  const answers: [Uint8Array, string][] = [
    [new Uint8Array(88), "does not speak"],
    [new Uint8Array(3), "does not speak"],
    [changed(encodeWelcome(TERMS.channel, []), 8, 9), "version"],
    [encodeWelcome(TERMS.topic, []), "topic"],
    [encodeRefusal("no \x1b[31mroom"), "The listener refuses: no ?[31mroom"],
  ];
  for (const [answer, message] of answers) {
    const at = name();
    using listener = await listenUnix(meetingPath(at), { type: "seqpacket" });
    const opening = assertRejects(() => channel(`shm:${at}`), ProtocolError, message);
    using guest = await listener.accept();
    await guest.receive();
    await guest.send(answer);
    await watchdog(30_000, opening);
  }
});

Deno.test("a connector whose listener goes before it answers waits for the next", async () => {
  const at = name();
  const opening = channel<number>(`shm:${at}`);
  {
    using listener = await listenUnix(meetingPath(at), { type: "seqpacket" });
    using _guest = await listener.accept();
  }
  using left = await channel<number>(`shm:${at}`, { mode: "listen" });
  using right = await opening;
  await left.send(1);
  assertEquals(await right.receive(), 1);
});

Deno.test("a stale name is replaced, and a killed listener leaves nothing else", async () => {
  const at = name();
  const script = `
    import { topic } from ${JSON.stringify(import.meta.resolve("../../mod.ts"))};
    await topic("shm:${at}", { mode: "publish" });
    console.log("ready");
  `;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "-"],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const input = child.stdin.getWriter();
  await input.write(new TextEncoder().encode(script));
  await input.close();
  const output = child.stdout.getReader();
  await output.read();
  child.kill("SIGKILL");
  await output.cancel();
  await child.status;
  assert(Deno.lstatSync(meetingPath(at)).isSocket);
  await using _successor = await topic(`shm:${at}`, { mode: "publish" });
  const error = await assertRejects(() => topic(`shm:${at}`, { mode: "publish" }), PosixError);
  assertEquals(error.code, "EADDRINUSE");
});

Deno.test("requireName takes names and no paths", () => {
  for (const good of ["a", "jobs-2", "Ärger", "x".repeat(64), "a.b"]) requireName(good);
  for (const bad of ["", ".", "..", ".hidden", "a/b", "/", "a\0b", "x".repeat(65), "ä".repeat(33)]) {
    assertThrows(() => requireName(bad), TypeError);
  }
});

Deno.test("the runtime directory must be this user's alone", async () => {
  const before = Deno.env.get("XDG_RUNTIME_DIR");
  const directory = await Deno.makeTempDir();
  try {
    Deno.env.set("XDG_RUNTIME_DIR", directory);
    assertEquals(meetingPath("x"), `${directory}/causeway/shm-x`);
    assertEquals(Deno.lstatSync(`${directory}/causeway`).mode! & 0o777, 0o700);
    Deno.chmodSync(`${directory}/causeway`, 0o755);
    assertEquals(assertThrows(() => meetingPath("x"), PosixError).code, "EACCES");
    Deno.removeSync(`${directory}/causeway`);
    Deno.symlinkSync("/tmp", `${directory}/causeway`);
    assertEquals(assertThrows(() => meetingPath("x"), PosixError).code, "EACCES");
    Deno.env.set("XDG_RUNTIME_DIR", `${directory}/missing`);
    assertEquals(assertThrows(() => meetingPath("x"), PosixError).code, "ENOENT");
    Deno.env.set("XDG_RUNTIME_DIR", "relative");
    assert(meetingPath("x").startsWith("/tmp/causeway-"));
  } finally {
    if (before === undefined) Deno.env.delete("XDG_RUNTIME_DIR");
    else Deno.env.set("XDG_RUNTIME_DIR", before);
    await Deno.remove(directory, { recursive: true });
  }
});

function listen(kind: "channel" | "latest" | "topic", at: string): Promise<Disposable> {
  if (kind === "channel") return listenChannel(`shm:${at}`);
  return kind === "topic" ? topic(`shm:${at}`, { mode: "publish" }) : latest(`shm:${at}`, { mode: "write" });
}

function open(kind: "channel" | "latest" | "topic", at: string): Promise<Disposable> {
  if (kind === "channel") return channel(`shm:${at}`);
  return kind === "topic" ? topic(`shm:${at}`) : latest(`shm:${at}`);
}

function fileSize(fd: Fd): number {
  return Deno.statSync(`/proc/self/fd/${fd.raw}`).size;
}
