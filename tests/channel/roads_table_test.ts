/** The table of the channel's page, cell by cell: what the conformance test does not ask of every road. */
import "../helpers/open_libc.ts";
import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { cString } from "../../lib/sys/memory.ts";
import { Fd } from "../../lib/sys/fd.ts";
import { libc } from "../../lib/sys/libc.ts";
import { O } from "../../lib/sys/linux.ts";
import { meetingPath } from "../../lib/channel/rendezvous_path.ts";
import { channel, command, listenChannel } from "../../mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { outputOf } from "../sys/run_fixture.ts";
import { openEnds, type Place, ROADS, type RoadUnderTest } from "./roads.ts";

const LIMIT_MS = 120_000;
const KIB = 1024;

const SHM: RoadUnderTest = {
  name: "shm",
  twoWay: true,
  largeBytes: 1_000_000,
  refusalIsMutual: true,
  place() {
    const address = `shm:table-${crypto.randomUUID()}`;
    return { listener: address, connector: address, [Symbol.dispose]: () => {} };
  },
};

const EVERY: Readonly<Record<string, RoadUnderTest>> = Object.fromEntries(
  [...ROADS, SHM].map((road) => [road.name, road]),
);

/** The columns, in the page's order; the column `fd:` socket stands for two. */
const COLUMNS = [["unix"], ["tcp"], ["fifo"], ["mq"], ["shm"], ["fd of a stream socket", "fd of a seqpacket socket"], [
  "fd of a pipe",
]];

/** The rows, and where each is made true: a title in a file, for every road. */
const ROWS: Readonly<Record<string, readonly [file: string, title: string]>> = {
  "directions": ["conformance.ts", "goes one way"],
  "many peers (`listenChannel`)": ["roads_table_test.ts", "many peers"],
  "longest message": ["roads_table_test.ts", "longest message"],
  "how it stays whole": ["conformance.ts", "delivers every message once, in order, whole"],
  // The copies of the others are the kernel's own: one call in, one call out.
  "copies in the kernel": ["shm_transport_test.ts", "makes no system call while there is something to do"],
  "holds, before a sender waits": ["roads_table_test.ts", "holds"],
  "who came, by the kernel (`peer`)": ["roads_table_test.ts", "who came"],
  "a death is known by": ["conformance.ts", "tells a death, after everything that was sent"],
  "a receiver's close and death look different to its sender": [
    "conformance.ts",
    "tells a sender that its receiver has died",
  ],
  "a refused peer learns why": ["conformance.ts", "refuses another codec and another type, at both ends"],
  "after a killed listener": ["roads_table_test.ts", "after a killed listener"],
  "without `--allow-ffi`": ["roads_table_test.ts", "without FFI"],
};

/** The cells of the page, by row. */
async function cells(): Promise<Record<string, string[]>> {
  const page = await Deno.readTextFile(new URL("../../lib/channel/mod.ts", import.meta.url));
  const lines = Array.from(page.matchAll(/^ \* \| (.*) \|$/gm), ([, line = ""]) => line.split(" | "));
  return Object.fromEntries(lines.map(([row = "", ...rest]) => [row, rest]));
}

/** What the page says of a road. */
async function cell(row: string, road: string): Promise<string> {
  const found = (await cells())[row]?.[COLUMNS.findIndex((names) => names.includes(road))];
  assert(found !== undefined, `the page has no row "${row}"`);
  return found;
}

Deno.test("the table of roads has no row that is not tested", async () => {
  const rows = Object.keys(await cells());
  assertEquals(rows.filter((row) => !row.startsWith("|") && !row.startsWith("---") && !(row in ROWS)), []);
  assertEquals(Object.keys(ROWS).filter((row) => !rows.includes(row)), []);
  for (const [file, title] of Object.values(ROWS)) {
    assertStringIncludes(await Deno.readTextFile(new URL(file, import.meta.url)), title);
  }
});

function forEach(criterion: string, work: (road: RoadUnderTest, says: string) => Promise<void>): void {
  const [row = ""] = Object.entries(ROWS).find(([, [, title]]) => title === criterion) ?? [];
  for (const road of Object.values(EVERY)) {
    Deno.test(`channel over ${road.name}, the table: ${criterion}`, () =>
      watchdog(LIMIT_MS, async () => await work(road, await cell(row, road.name))));
  }
}

forEach("many peers", async (road, says) => {
  using place = road.place();
  if (says === "yes") {
    await using listener = await listenChannel<number>(place.listener);
    const ends = await Promise.all([
      channel<number>(place.connector),
      channel<number>(place.connector),
      listener.accept(),
      listener.accept(),
    ]);
    for (const end of ends) end.close();
    return;
  }
  assertStringIncludes(says, "no");
  await assertRejects(() => listenChannel(place.listener), TypeError, "only two ends");
  closeDescriptors(place);
  if (says !== "no: one after the other") return;
  for (let peer = 0; peer < 2; peer++) {
    const [listener, connector] = await Promise.all([
      channel<number>(place.listener, { mode: "listen" }),
      channel<number>(place.connector),
    ]);
    await connector.send(peer);
    assertEquals(await listener.receive(), peer);
    for (const end of [connector, listener]) await end[Symbol.asyncDispose]();
  }
});

/** Descriptors that a place has, and that no channel took. */
function closeDescriptors({ inherit }: Place): void {
  for (const mode of ["listen", "connect"] as const) inherit?.(mode).fd.close();
}

forEach("longest message", async (road, says) => {
  const wanted = 200_000;
  const most = says.startsWith("8,191") ? 8191 : road.name.includes("seqpacket") ? 128 * KIB : wanted;
  const options = { codec: "bytes", maxMessageBytes: wanted } as const;
  // Of the two maxima the smaller counts.
  const other = { ...options, maxMessageBytes: says === "the smaller `maxMessageBytes`" ? wanted / 2 : wanted };
  const longest = Math.min(most, other.maxMessageBytes);
  await using ends = await openEnds<Uint8Array, Uint8Array>(road, other, options);
  // Of a frame the kernel's message has some bytes more.
  const fits = longest < wanted && !says.startsWith("the smaller") ? longest - 1 : longest;
  const receiving = ends.receiver.receive();
  await ends.sender.send(new Uint8Array(fits));
  assertEquals((await receiving)?.byteLength, fits);
  await assertRejects(() => ends.sender.send(new Uint8Array(longest + 1)), RangeError);
});

/** Bytes that a sender can send before it has to wait, in messages of 4,000. */
const HOLDS: Readonly<Record<string, readonly [least: number, most: number]>> = {
  "about 200 KiB": [100 * KIB, 300 * KIB],
  "100 to 200 KiB": [80 * KIB, 300 * KIB],
  "some MiB": [KIB * KIB, 16 * KIB * KIB],
  "64 KiB": [60 * KIB, 68 * KIB],
  "10 messages": [40_000, 40_000],
  // Of two messages of the longest kind at least: 256 KiB, and 8 bytes are a message's own.
  "the ring": [65 * 4000, 65 * 4000],
};

forEach("holds", async (road, says) => {
  const [least, most] = HOLDS[says] ?? [NaN, NaN];
  await using ends = await openEnds<Uint8Array, Uint8Array>(road, { codec: "bytes", maxMessageBytes: 100_000 });
  let held = 0;
  while (ends.sender.trySend(new Uint8Array(4000))) held += 4000;
  assert(held >= least && held <= most, `${held} bytes, and the page says ${says}`);
});

forEach("who came", async (road, says) => {
  await using ends = await openEnds(road);
  for (const end of [ends.sender, ends.receiver]) {
    assertEquals(end.peer?.pid, says === "yes" ? Deno.pid : undefined);
    assertEquals(end.peer?.uid, says === "yes" ? Deno.uid() ?? undefined : undefined);
  }
});

/** Whether somebody listens at an address. */
async function isThere(address: string): Promise<boolean> {
  const [road = "", rest = ""] = [address.slice(0, address.indexOf(":")), address.slice(address.indexOf(":") + 1)];
  if (road === "mq") {
    const raw = libc().mq_open(cString(rest, "name"), O.RDONLY, 0, null);
    if (raw !== -1) Fd.own(raw, rest).close();
    return raw !== -1;
  }
  if (road === "tcp") {
    const [host = "", port] = rest.split(":");
    const hex = host.split(".").reverse().map((byte) => Number(byte).toString(16).padStart(2, "0")).join("");
    const local = `${hex}:${Number(port).toString(16).padStart(4, "0")}`.toUpperCase();
    return new RegExp(` ${local} \\S+ 0A `).test(await Deno.readTextFile("/proc/net/tcp"));
  }
  return await Deno.stat(road === "shm" ? meetingPath(rest) : rest).then(() => true, () => false);
}

const PEER = fromFileUrl(new URL("../fixtures/channel_peer.ts", import.meta.url));

forEach("after a killed listener", async (road, says) => {
  using place = road.place();
  // A descriptor has no name, so there is nothing that could be left.
  if (place.inherit !== undefined) {
    assertEquals(says, "nothing");
    return closeDescriptors(place);
  }
  await noLeaks(async () => {
    const { listener, connector } = place;
    await using child = await command(Deno.execPath(), ["run", "-A", "--quiet", PEER, listener, "listen", "stop"])
      .unchecked().spawn();
    while (!await isThere(listener)) await new Promise((resolve) => setTimeout(resolve, 1));
    child.kill("SIGKILL");
    await child.exited;
    assertEquals(await isThere(listener), says.startsWith("a stale"));
    // The next one comes all the same.
    const [first, second] = await Promise.all([
      channel<string>(listener, { mode: "listen" }),
      channel<string>(connector),
    ]);
    await second.send("next");
    assertEquals(await first.receive(), "next");
    for (const end of [second, first]) await end[Symbol.asyncDispose]();
    // Also a FIFO that was used again: that a channel made it was to be seen from its birth on.
    assert(!await isThere(listener));
  });
});

forEach("without FFI", async (road, says) => {
  // Of the others light_tier_test.ts asks everything.
  if (says === "asynchronous forms") return assert(["unix", "tcp", "fifo"].includes(road.name));
  assertEquals(says, "no");
  using place = road.place();
  const address = place.listener.replace(/^fd:.*/, "fd:0");
  const flags = ["--allow-read", "--allow-write", "--allow-net", "--allow-env"];
  assertStringIncludes(await outputOf("channel_without_ffi.ts", { flags, args: [address] }), "--allow-ffi");
  closeDescriptors(place);
});
