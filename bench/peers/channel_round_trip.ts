/**
 * 64 bytes to a peer and back, over a channel. channel_round_trip.ts CPU HOW ROAD CODEC
 *
 * HOW `sync`, `async`, or `loan`: written and read in place; ROAD `unix`, `shm`, or a `channelPair` over a `socket` or a `ring`; CODEC `bytes`, `json`, `struct`.
 */

import { type Channel, channel, channelPair, command, f64, type InPlace, parentChannel, struct } from "../../mod.ts";
import { denoWords, pinned, pinRunning } from "../command_line.ts";
import { serveRounds } from "./serve_rounds.ts";

/** What is sent, and how: every kind of value has 64 bytes on its way. */
const Numbers = struct({ a: f64, b: f64, c: f64, d: f64, e: f64, f: f64, g: f64, h: f64 });
const KINDS = {
  bytes: { codec: "bytes", value: new Uint8Array(64) },
  json: { codec: "json", value: { kind: "job", number: 12345, text: "a letter to Ada", ok: true } },
  struct: { codec: Numbers, value: { a: 1, b: 2, c: 3, d: 4, e: 5, f: 6, g: 7, h: 8 } },
} as const;

const [cpu = "-1", how = "sync", road = "unix", codecName = "bytes", address] = Deno.args;
if (codecName !== "bytes" && codecName !== "json" && codecName !== "struct") {
  throw new TypeError(`Unknown codec ${codecName}`);
}
const { codec, value } = KINDS[codecName];
/** Who wants short ways says how long messages are: a ring has room for two of the longest, and what fits a cache is faster. */
const options = { codec, maxMessageBytes: 4096 } as const;
/** An end whose process may run on one CPU does not spin. */
const spins = road === "shm" || road === "ring";

if (address !== undefined) await echo(address);
else if (road === "socket" || road === "ring") {
  const { parent, child } = channelPair<unknown, unknown>({ road, ...options });
  await using running = peer("parent", [child]);
  await ask(parent, running.pid);
  await running.status;
} else {
  const directory = await Deno.makeTempDir();
  try {
    const address = road === "unix" ? `unix:${directory}/road` : `${road}:causeway-bench-${Deno.pid}`;
    const opening = channel<unknown>(address, { mode: "listen", ...options });
    await using running = peer(address);
    await ask(await opening, running.pid);
    await running.status;
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}

function peer(address: string, inherit: NonNullable<Parameters<typeof command>[2]>["inherit"] = []) {
  const words = [...denoWords("channel_round_trip.ts"), cpu, how, road, codecName, address] as const;
  const [program, ...args] = pinned([...words], spins ? -1 : Number(cpu));
  return command(program, args, { inherit, stderr: "inherit" }).spawn();
}

async function ask(open: Channel<unknown>, pid: number): Promise<void> {
  using end = open;
  // One exchange, by which the peer is known to run.
  await end.send(value);
  await end.receive();
  if (spins) await pinRunning(pid, Number(cpu));
  const place = end.inPlace;
  if (how === "async") {
    await serveRounds(async (operations) => {
      for (let i = 0; i < operations; i++) {
        await end.send(value);
        await end.receive();
      }
    });
  } else if (how === "loan") {
    if (place === undefined) throw new TypeError(`The road ${road} lends nothing`);
    await serveRounds((operations) => {
      for (let i = 0; i < operations; i++) {
        lend(place, i);
        borrow(place);
      }
    });
  } else {
    await serveRounds((operations) => {
      for (let i = 0; i < operations; i++) {
        end.sendSync(value);
        end.receiveSync();
      }
    });
  }
}

async function echo(address: string): Promise<void> {
  using end = address === "parent" ? await parentChannel<unknown>(options) : await channel<unknown>(address, options);
  const first = await end.receive();
  await end.send(first);
  const place = end.inPlace;
  if (how === "async") {
    for (let value = await end.receive(); value !== null; value = await end.receive()) await end.send(value);
  } else if (how === "loan" && place !== undefined) {
    for (let number = borrow(place); number !== null; number = borrow(place)) lend(place, number);
  } else {
    for (let value = end.receiveSync(); value !== null; value = end.receiveSync()) end.sendSync(value);
  }
}

function lend(place: InPlace<unknown>, number: number): void {
  const loan = place.loanSync(64);
  loan.bytes[0] = number;
  loan.send();
}

function borrow(place: InPlace<unknown>): number | null {
  const borrowed = place.borrowSync();
  if (borrowed === null) return null;
  const [number = 0] = borrowed.bytes;
  borrowed[Symbol.dispose]();
  return number;
}
