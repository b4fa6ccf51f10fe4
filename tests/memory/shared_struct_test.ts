// Needs: gcc, perl, unshare, root
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import {
  atomic,
  ClosedError,
  createSharedMemory,
  openShared,
  openSharedMemory,
  openSharedSync,
  PosixError,
  ProtocolError,
  struct,
  u32,
  u64,
  u8,
  unlinkSharedMemory,
} from "../../lib/memory/mod.ts";
import { mutex } from "../../lib/sync/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { Peer } from "../sync/peer.ts";
import { denoCommand, run } from "./child.ts";

const Shared = struct({ lock: mutex, hits: u64, seen: atomic(u32) });
const Meeting = struct({ creator: atomic(u32), members: atomic(u32) });
const unique = () => `causeway-test-${crypto.randomUUID()}`;

Deno.test("openShared creates what is not there and opens what is, with or without the slash", async () => {
  await noLeaks(async () => {
    const name = unique();
    using first = await openShared(name, Shared, { initialise: (view) => view.hits = 7n });
    using second = await openShared(`/${name}`, Shared, { initialise: () => assert(false) });
    using third = openSharedSync(name, Shared);
    assertEquals([first.created, second.created, third.created], [true, false, false]);
    assertEquals([first.name, second.name], [`/${name}`, `/${name}`]);
    assertEquals([second.view.hits, third.memory.byteLength], [7n, Shared.byteLength]);
    first.view.seen.add(3);
    assertEquals(third.view.seen.load(), 3);
    assertEquals((Deno.lstatSync(`/dev/shm/${name}`).mode ?? 0) & 0o7777, 0o600);
    first.unlink();
    assertThrows(() => second.unlink(), PosixError, "ENOENT");
    using other = openSharedSync(name, Shared, { mode: 0o640 });
    assertEquals([other.created, other.view.hits, (Deno.lstatSync(`/dev/shm/${name}`).mode ?? 0) & 0o777], [
      true,
      0n,
      0o640,
    ]);
    other.unlink();
  });
});

Deno.test("openShared: close is for this handle only, may be twice, and not while a lock is held", async () => {
  const shared = await openShared(unique(), Shared);
  using again = await openShared(shared.name, Shared);
  const guard = shared.view.lock.lockSync();
  assertThrows(() => shared.close(), Error, "a lock in it is held");
  guard.unlock();
  shared.close();
  shared.close();
  assert(shared.closed);
  assertThrows(() => shared.view.hits, ClosedError);
  assertThrows(() => shared.unlink(), ClosedError);
  assertEquals(again.view.hits, 0n);
  again.unlink();
});

Deno.test("openShared refuses another struct with both fingerprints, other memory, and other users' objects", async () => {
  const name = unique();
  using shared = await openShared(name, Shared);
  const Other = struct({ lock: mutex, hits: u64, seen: atomic(u64) });
  const error = await assertRejects(() => openShared(name, Other), ProtocolError);
  for (const { fingerprint } of [Shared, Other]) {
    assertStringIncludes(error.message, fingerprint.toString(16).padStart(16, "0"));
  }
  Deno.chownSync(`/dev/shm/${name}`, 65534, 65534);
  assertEquals((await assertRejects(() => openShared(name, Shared), PosixError)).code, "EACCES");
  (await openShared(name, Shared, { owner: 65534 })).close();
  shared.unlink();
  Deno.writeTextFileSync(`/dev/shm/${name}`, "x".repeat(Shared.byteLength));
  await assertRejects(() => openShared(name, Shared), ProtocolError, "it begins with 0x78787878");
  Deno.writeTextFileSync(`/dev/shm/${name}`, "x");
  await assertRejects(() => openShared(name, Shared), ProtocolError, "less than a header");
  unlinkSharedMemory(`/${name}`);
  Deno.symlinkSync("/etc/passwd", `/dev/shm/${name}`);
  assertEquals((await assertRejects(() => openShared(name, Shared), PosixError)).code, "ELOOP");
  unlinkSharedMemory(`/${name}`);
});

Deno.test("openShared: an initialise that throws leaves no object", async () => {
  await noLeaks(async () => {
    const name = unique();
    const failing = {
      initialise: () => {
        throw new Error("no");
      },
    };
    await assertRejects(() => openShared(name, Shared, failing), Error, "no");
    assertThrows(() => openSharedSync(name, Shared, failing), Error, "no");
    const late = { initialise: async () => await Promise.resolve() };
    await assertRejects(() => openShared(name, Shared, late), TypeError, "must not be asynchronous");
    assertThrows(() => Deno.lstatSync(`/dev/shm/${name}`), Deno.errors.NotFound);
  });
});

Deno.test("openShared refuses names, modes and deadlines that cannot be, before any system call", async () => {
  for (const name of ["", "/", "a/b", "//a", ".", "..", "a\0b", "x".repeat(255)]) {
    await assertRejects(() => openShared(name, Shared), TypeError);
    assertThrows(() => openSharedSync(name, Shared), TypeError);
  }
  await assertRejects(() => openShared(unique(), Shared, { mode: 0o1000 }), RangeError);
  await assertRejects(() => openShared(unique(), Shared, { timeoutMs: -1 }), RangeError);
  const reason = new Error("never mind");
  assertEquals(await assertRejects(() => openShared(unique(), Shared, { signal: AbortSignal.abort(reason) })), reason);
});

// What somebody left under the name: an opener waits for it until its deadline, and then says what is wrong.
const UNFINISHED: [what: string, bytes: Uint8Array][] = [
  ["an empty object", new Uint8Array(0)],
  ["an object without a header", new Uint8Array(Shared.byteLength)],
  ["a header whose creator did not say who it is", creating(0, 0n, 0)],
  ["a header whose creator lives", creating(Deno.pid, startTime("self"), pidNamespace())],
  ["a header whose creator is of another pid namespace", creating(0x7ffffff0, 1n, pidNamespace() + 1)],
];

function creating(pid: number, started: bigint, namespace: number): Uint8Array {
  const bytes = new Uint8Array(Shared.byteLength);
  bytes.set(new TextEncoder().encode("CREATING"));
  const data = new DataView(bytes.buffer);
  data.setUint32(32, pid, true);
  data.setUint32(36, namespace, true);
  data.setBigUint64(40, started, true);
  return bytes;
}

function startTime(pid: number | "self"): bigint {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  return BigInt(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? 0);
}

function pidNamespace(): number {
  return Number(/\[(\d+)\]/.exec(Deno.readLinkSync("/proc/self/ns/pid"))?.[1]);
}

for (const [what, bytes] of UNFINISHED) {
  Deno.test(`openShared of ${what} is a ProtocolError at the deadline, and works when it is finished in time`, async () => {
    const name = unique();
    Deno.writeFileSync(`/dev/shm/${name}`, bytes);
    await assertRejects(() => openShared(name, Shared, { timeoutMs: 20 }), ProtocolError, "frees the name");
    assertThrows(() => openSharedSync(name, Shared, { timeoutMs: 0 }), ProtocolError, `unlinkSharedMemory("/${name}")`);
    const abort = new AbortController();
    const aborted = assertRejects(() => openShared(name, Shared, { timeoutMs: Infinity, signal: abort.signal }));
    abort.abort(new Error("enough"));
    assertEquals((await aborted as Error).message, "enough");

    const waiting = openShared(name, Shared, { timeoutMs: Infinity });
    await new Promise((resolve) => setTimeout(resolve, 5));
    Deno.truncateSync(`/dev/shm/${name}`, Shared.byteLength);
    using memory = openSharedMemory(`/${name}`);
    memory.bytes.fill(0);
    Shared.create(memory).hits = 3n;
    using shared = await watchdog(10_000, waiting);
    assertEquals([shared.created, shared.view.hits], [false, 3n]);
    shared.unlink();
  });
}

Deno.test("openShared replaces what a creator that is gone for certain left unfinished", async () => {
  const { lines: [pid = "0", started = "0"] } = await run([
    "sh",
    "-c",
    "echo $$; cut -d' ' -f22 /proc/$$/stat",
  ]);
  const GONE: [what: string, bytes: Uint8Array][] = [
    ["dead", creating(Number(pid), BigInt(started), pidNamespace())],
    ["its pid is another's by now", creating(Deno.pid, startTime("self") - 1n, pidNamespace())],
  ];
  for (const [what, bytes] of GONE) {
    const name = unique();
    Deno.writeFileSync(`/dev/shm/${name}`, bytes);
    using shared = openSharedSync(name, Shared, { timeoutMs: 60_000 });
    assertEquals([shared.created, shared.view.hits], [true, 0n], what);
    shared.unlink();
  }
});

Deno.test("openShared: a zombie creator is gone too", async () => {
  // A program that never reaps its child.
  const parent = new Deno.Command("perl", {
    args: [
      "-e",
      '$| = 1; $pid = fork; exit unless $pid; select(undef, undef, undef, 0.05); print "$pid\\n"; sleep 100',
    ],
    stdout: "piped",
  }).spawn();
  const reader = parent.stdout.getReader();
  const pid = Number(new TextDecoder().decode((await reader.read()).value));
  while (!Deno.readTextFileSync(`/proc/${pid}/stat`).includes(") Z ")) await new Promise((done) => setTimeout(done, 1));
  const name = unique();
  Deno.writeFileSync(`/dev/shm/${name}`, creating(pid, startTime(pid), pidNamespace()));
  using shared = openSharedSync(name, Shared, { timeoutMs: 60_000 });
  assert(shared.created);
  shared.unlink();
  parent.kill("SIGKILL");
  await reader.cancel();
  await parent.status;
});

Deno.test("openShared: of many processes one creates, all meet in the same object, whole, thirty times", async () => {
  const PROCESSES = 6;
  const names = Array.from({ length: 30 }, unique);
  await using peers = new AsyncDisposableStack();
  const openers = Array.from(
    { length: PROCESSES },
    () => peers.use(Peer.deno("memory_open_shared.ts", { args: names })),
  );
  for (const name of names) {
    for (const opener of openers) assertEquals(await opener.says(), "ready");
    for (const opener of openers) await opener.tell("go");
    const said = await Promise.all(openers.map((opener) => watchdog(10_000, opener.says())));
    const [creators, others] = [
      said.filter((line) => line.startsWith("created")),
      said.filter((line) => line.startsWith("opened")),
    ];
    assertEquals([creators.length, others.length], [1, PROCESSES - 1], said.join("; "));
    const [, creator] = creators[0]?.split(" ") ?? [];
    assert(said.every((line) => line.endsWith(` ${creator}`)), said.join("; "));
    using shared = openSharedSync(name, Meeting);
    assertEquals(shared.view.members.load(), PROCESSES);
    shared.unlink();
  }
});

Deno.test("openShared in a Worker and in a pid namespace of its own meets the others", async () => {
  const name = unique();
  using shared = await openShared(name, Meeting);
  const command = denoCommand("memory_open_shared.ts", name);
  const { lines } = await run(["unshare", "-p", "--fork", ...command], "go\n\n");
  assertStringIncludes(lines[1] ?? "", "opened");
  const url = URL.createObjectURL(
    new Blob([`
      import { openSharedSync, atomic, struct, u32 } from ${
      JSON.stringify(new URL("../../lib/memory/mod.ts", import.meta.url))
    };
      using shared = openSharedSync("${name}", struct({ creator: atomic(u32), members: atomic(u32) }));
      shared.view.members.add(10);
      postMessage(shared.created);`]),
  );
  const worker = new Worker(url, { type: "module" });
  const created = await new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
  worker.terminate();
  URL.revokeObjectURL(url);
  assertEquals([created, shared.view.members.load()], [false, 11]);
  shared.unlink();
});

Deno.test("openShared finds what C created with the printed header", async () => {
  const directory = await Deno.makeTempDir();
  const Plain = struct({ hits: u64, flag: u8 });
  const name = unique();
  await Deno.writeTextFile(`${directory}/plain.h`, Plain.cHeader("plain"));
  await Deno.writeTextFile(
    `${directory}/create.c`,
    `#include "plain.h"
    #include <fcntl.h>
    #include <sys/mman.h>
    int main(int argc, char **argv) {
      int fd = shm_open(argv[argc - 1], O_RDWR | O_CREAT | O_EXCL, 0600);
      size_t length = 64 + sizeof(struct plain);
      if (ftruncate(fd, length) != 0) return 1;
      struct plain *plain = plain_create(mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), length);
      if (plain == NULL) return 2;
      plain->hits = 12;
      return 0;
    }`,
  );
  const program = `${directory}/create`;
  assertEquals((await run(["gcc", "-o", program, `${directory}/create.c`, "-lrt"])).status.code, 0);
  assertEquals((await run([program, `/${name}`])).status.code, 0);
  using shared = await openShared(name, Plain);
  assertEquals([shared.created, shared.view.hits], [false, 12n]);
  shared.unlink();
  await Deno.remove(directory, { recursive: true });
});

Deno.test("openShared of a name without its struct: createSharedMemory and Struct.create in another's hands", async () => {
  const name = unique();
  using memory = createSharedMemory(`/${name}`, { size: Shared.byteLength });
  const waiting = openShared(name, Shared, { timeoutMs: Infinity });
  Shared.create(memory);
  using shared = await watchdog(10_000, waiting);
  assertEquals(shared.created, false);
  shared.unlink();
});

Deno.test("openShared that loses the race opens the winner's object, even at its deadline", async () => {
  for (const open of [openShared, openSharedSync]) {
    const name = unique();
    let winner: Disposable | undefined;
    const initialise = () => {
      winner ??= openSharedSync(name, Shared, { initialise: (view) => view.hits = 8n });
    };
    using shared = await open(name, Shared, { timeoutMs: 0, initialise });
    assertEquals([shared.created, shared.view.hits], [false, 8n]);
    shared.unlink();
    winner?.[Symbol.dispose]();
  }
});
