/** Hostile peers in shared memory: they write where they like, while the ring is in use. They get an error, and cost less than 16 MB. */
import { assert, assertEquals, assertLess } from "@std/assert";
import { type Channel, channel } from "../../mod.ts";
import { CONSUMER, DATA, PRODUCER, TAIL } from "../../lib/channel/ring_layout.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Besieged, MOST_BYTES } from "./siege.ts";

const LIMIT_MS = 240_000;

/** Says that it is JSON, and sends what it likes. */
const LIAR = {
  name: "json",
  encode: (text: string) => new TextEncoder().encode(text),
  decode: () => "",
} as const;

interface Attacker extends Disposable {
  readonly end: Channel<string>;
  readonly besieged: Besieged;
  /** Writes a word of the ring that the besieged process receives from. @param at Bytes from the ring's beginning. */
  poke(at: number, word: number): void;
  /** A word of it. */
  peek(at: number): number;
  /** Bytes of the memory. */
  readonly byteLength: number;
}

/** Connects as an honest peer does, and then takes hold of the memory that both have. */
async function connect(besieged: Besieged): Promise<Attacker> {
  const before = memories();
  const end = await channel<string>(besieged.address, { codec: LIAR, timeoutMs: LIMIT_MS });
  const [descriptor] = [...memories()].filter((each) => !before.has(each));
  assert(descriptor !== undefined, "no memory was passed");
  const file = Deno.openSync(`/proc/self/fd/${descriptor}`, { read: true, write: true });
  await end.send("1");
  const { size: byteLength } = file.statSync();
  const word = new DataView(new ArrayBuffer(4));
  const peekAt = (at: number) => {
    file.seekSync(at, Deno.SeekMode.Start);
    file.readSync(new Uint8Array(word.buffer));
    return word.getInt32(0, true);
  };
  // Of the two rings the besieged process has written to none.
  const ring = peekAt(4 * TAIL) !== 0 ? 0 : byteLength / 2;
  return {
    end,
    besieged,
    byteLength,
    peek: (at) => peekAt(ring + at),
    poke(at, value) {
      word.setInt32(0, value, true);
      file.seekSync((ring + at) % byteLength, Deno.SeekMode.Start);
      file.writeSync(new Uint8Array(word.buffer));
    },
    [Symbol.dispose]() {
      file.close();
      end.close();
    },
  };
}

/** The numbers of this process's anonymous memories. */
function memories(): Set<string> {
  const numbers = [...Deno.readDirSync("/proc/self/fd")].map(({ name }) => name);
  return new Set(numbers.filter((number) => {
    try {
      return Deno.readLinkSync(`/proc/self/fd/${number}`).startsWith("/memfd:");
    } catch {
      // That of the directory that was just read.
      return false;
    }
  }));
}

/** Sends a message that the besieged process sees only after it was changed. */
async function changed({ end, besieged }: Attacker, change: () => void): Promise<void> {
  await besieged.stopped(async () => {
    await end.send('"honest"');
    change();
  });
}

/** What the attacker has written may well be its own undoing. */
async function quietly(work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch {
    // So it was.
  }
}

const LINES = ["ProtocolError", "ChannelClosedError", "closed"];

const ATTACKS: readonly [what: string, says: readonly string[], attack: (attacker: Attacker) => Promise<void>][] = [
  ["no JSON", ["ProtocolError"], ({ end }) => end.send("{")],
  ["no UTF-8", ["ProtocolError"], ({ end, ...at }) => changed({ end, ...at }, () => at.poke(DATA + 24, -1))],
  ["__proto__", ["ProtocolError"], ({ end }) => end.send('{"__proto__":{"polluted":1}}')],
  ["deep JSON", ["ProtocolError"], ({ end }) => end.send("[".repeat(500_000))],
  ["a length above the maximum", ["ProtocolError"], (at) => changed(at, () => at.poke(DATA + 16, 0x7fffffff))],
  ["a length below zero", ["ProtocolError"], (at) => changed(at, () => at.poke(DATA + 16, -77))],
  ["a length beyond what is published", ["ProtocolError"], (at) => changed(at, () => at.poke(DATA + 16, 4096))],
  [
    "a tail that is no record's",
    ["ProtocolError"],
    (at) => changed(at, () => at.poke(4 * TAIL, at.peek(4 * TAIL) + 3)),
  ],
  ["a tail far ahead", ["ProtocolError"], (at) => changed(at, () => at.poke(4 * TAIL, 0x7ffffff8))],
  ["half a message", ["ProtocolError"], (at) => changed(at, () => at.poke(DATA + 16, 4))],
  ["words that change at random, live", LINES, ({ end, poke, byteLength }) => {
    // Who writes that a thread that there is not has an end is a peer that says nothing more, and may: this one is to end.
    const lives = [PRODUCER, CONSUMER].flatMap((at) => [at, at + byteLength / 2]);
    for (let step = 0; step < 300; step++) {
      for (let word = 0; word < 8; word++) {
        const anywhere = word % 2 === 0 ? DATA + 256 : byteLength;
        const at = 4 * Math.floor(Math.random() * anywhere / 4);
        if (lives.includes(at)) continue;
        poke(at, Math.random() < 0.5 ? Math.random() * 2 ** 32 | 0 : step);
      }
      end.trySend(`${step}`);
    }
    return Promise.resolve();
  }],
];

Deno.test("channel over shm: hostile peers get an error, also those that write into the ring while it is in use, and cost less than 16 MB", () =>
  watchdog(LIMIT_MS, async () => {
    await using besieged = await Besieged.start(`shm:siege-${crypto.randomUUID()}`, "many");
    const round = async () => {
      for (const [what, says, attack] of ATTACKS) {
        {
          using attacker = await connect(besieged);
          await quietly(() => attack(attacker));
        }
        const said = await besieged.says();
        assertEquals(says.includes(said) ? "" : said, "", what);
      }
    };
    await round();
    await besieged.warm();
    const { descriptors } = besieged;
    for (let time = 0; time < 3; time++) await round();
    assertLess(await besieged.cost(), MOST_BYTES);
    // The memory of the last one may be about to go.
    while (besieged.descriptors > descriptors + 4) await new Promise((resolve) => setTimeout(resolve, 1));
  }));
