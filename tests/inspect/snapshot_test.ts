// Needs: python3
/** Processes, descriptors, mappings and sockets, as `/proc` and the kernel tell of them. */
import { assert, assertEquals, assertExists } from "@std/assert";
import { listObjects, readProcesses, readSnapshot, readUnixSockets } from "../../lib/inspect/mod.ts";
import { createAnonymousMemory, createSharedMemory, i64, openShared, struct } from "../../lib/memory/mod.ts";
import { createPosixSemaphore, mutex, unlinkPosixSemaphore } from "../../lib/sync/mod.ts";
import { pipe } from "../../lib/pipe/mod.ts";
import { openPidFd } from "../../lib/signal/mod.ts";
import { socketPair } from "../../lib/socket/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { until } from "../helpers/patience.ts";
import { denoFixture, Directory, Peer } from "./peer.ts";

/** A program in Python that says a line of JSON, and then waits for the end of its standard input. */
const python = (
  source: string,
  ...args: string[]
) => ["python3", "-c", `${source}\nimport sys; sys.stdin.read()`, ...args];

Deno.test("readProcesses tells pid, parent, start time, user, name and words", async () => {
  const name = `a) R 1\\n(b`;
  await using peer = await Peer.start<{ pid: number; started: number }>(python(
    `import ctypes, json, os, sys
ctypes.CDLL(None).prctl(15, sys.argv[1].encode().decode("unicode_escape").encode())
print(json.dumps({"pid": os.getpid(), "started": int(open("/proc/self/stat").read().rsplit(")", 1)[1].split()[19])}), flush=True)`,
    name,
    "",
    "two words",
  ));
  const found = readProcesses().get(peer.facts.pid);
  assertExists(found);
  assertEquals(found.name, "a) R 1\n(b");
  assertEquals([found.parent, found.uid, found.threads], [Deno.pid, Deno.uid() ?? 0, 1]);
  assertEquals(found.startTime, BigInt(peer.facts.started));
  assert(Math.abs(found.startedAt - Date.now()) < 3_600_000);
  assertEquals(found.commandLine.slice(-3), [name, "", "two words"]);
  assertEquals(readProcesses([peer.facts.pid, 2 ** 22]).size, 1);
});

Deno.test("readSnapshot tells kind and direction of every descriptor", async () => {
  using directory = new Directory();
  await using peer = await Peer.start<Record<string, number>>(python(
    `import json, os, select, socket, sys
os.chdir(sys.argv[1])
r, w = os.pipe()
os.mkfifo("fifo")
both = os.open("fifo", os.O_RDWR)
left, right = socket.socketpair()
tcp = socket.socket()
epoll = select.epoll()
gone = os.open("gone", os.O_CREAT | os.O_WRONLY)
os.unlink("gone")
kept = os.open("kept (deleted)", os.O_CREAT | os.O_RDONLY)
found = dict(r=r, w=w, fifo=both, left=left.fileno(), tcp=tcp.fileno(), gone=gone, kept=kept,
  path=os.open("kept (deleted)", os.O_PATH), directory=os.open(".", os.O_RDONLY), null=os.open("/dev/null", os.O_RDWR),
  memfd=os.memfd_create("a name"), eventfd=os.eventfd(7), epoll=epoll.fileno(),
  pidfd=os.pidfd_open(os.getppid()))
print(json.dumps(found), flush=True)`,
    directory.path,
  ));
  const { descriptors } = readSnapshot({ pids: [peer.pid] });
  const of = (name: string) => {
    const found = descriptors.find(({ number }) => number === peer.facts[name]);
    return found && [found.kind, found.direction, found.deleted];
  };
  const expected: Record<string, unknown> = {
    r: ["pipe", "read", false],
    w: ["pipe", "write", false],
    fifo: ["fifo", "both", false],
    left: ["unix-socket", "both", false],
    tcp: ["socket", "both", false],
    gone: ["file", "write", true],
    kept: ["file", "read", false],
    path: ["file", "none", false],
    directory: ["directory", "read", false],
    null: ["device", "both", false],
    memfd: ["memfd", "both", true],
    eventfd: ["eventfd", "both", false],
    epoll: ["epoll", "both", false],
    pidfd: ["pidfd", "both", false],
  };
  assertEquals(Object.fromEntries(Object.keys(expected).map((name) => [name, of(name)])), expected);
  const at = (name: string) => descriptors.find(({ number }) => number === peer.facts[name]);
  assertEquals(at("r")?.object, at("w")?.object);
  assertEquals([at("pidfd")?.object, at("pidfd")?.inode], [`process:${Deno.pid}`, Deno.pid]);
  assertEquals(at("gone")?.target, `${directory.path}/gone`);
  assertEquals(at("kept")?.target, `${directory.path}/kept (deleted)`);
});

Deno.test("readSnapshot knows one object by one name in all processes, descriptor or mapping", async () => {
  const name = `/causeway-snapshot-${crypto.randomUUID().slice(0, 8)}`;
  using memory = createSharedMemory(name, { size: 4096 });
  await using peer = await Peer.start(python(
    `import mmap, os, sys
fd = os.open("/dev/shm" + sys.argv[1], os.O_RDWR)
view = mmap.mmap(fd, 4096, prot=mmap.PROT_READ)
os.close(fd)
print("{}", flush=True)`,
    name,
  ));
  const { descriptors, mappings } = readSnapshot({ pids: [Deno.pid, peer.pid] });
  const own = descriptors.find(({ number, pid }) => number === memory.fd.raw && pid === Deno.pid);
  // Python's mmap keeps a descriptor of its own.
  const theirs = mappings.filter(({ object, pid }) => object === own?.object && pid === peer.pid);
  assertEquals(theirs.map(({ kind, direction, offset }) => [kind, direction, offset]), [["shared-memory", "read", 0n]]);
  assertEquals(theirs[0]!.end - theirs[0]!.start, 4096n);
  memory.unlink();
  const [found] = listObjects({ kinds: ["shared-memory"] }).objects.filter((object) => object.id === own?.object);
  assert(found?.kind === "shared-memory");
  assertEquals([found.unlinked, found.path, found.holders.length], [true, undefined, 2]);
});

Deno.test("readUnixSockets tells each end of a pair its peer, and that it went", () => {
  const own = () => {
    const { descriptors } = readSnapshot({ pids: [Deno.pid] });
    return descriptors.filter(({ kind }) => kind === "unix-socket").map(({ inode = 0 }) => inode);
  };
  const before = own();
  const [left, right] = socketPair("seqpacket");
  const ends = own().filter((inode) => !before.includes(inode));
  assertEquals(ends.length, 2);
  const sockets = readUnixSockets();
  const [one, two] = ends.map((inode) => sockets.get(inode));
  assertEquals([one?.type, one?.state, one?.name], ["seqpacket", "connected", undefined]);
  assertEquals([one?.peer, two?.peer], [two?.inode, one?.inode]);
  right.close();
  const remaining = own().find((inode) => ends.includes(inode)) ?? 0;
  assertEquals([readUnixSockets().get(remaining)?.peer, own().length], [undefined, before.length + 1]);
  left.close();
});

Deno.test("readSnapshot leaves nothing behind", async () => {
  await noLeaks(() => {
    const { reader, writer } = pipe();
    using pidFd = openPidFd(Deno.pid);
    using memory = createAnonymousMemory({ size: 64 });
    const { descriptors, processes } = readSnapshot();
    assert(descriptors.some(({ object }) => object === `process:${Deno.pid}`));
    assert(processes.has(Deno.pid) && pidFd.pid === Deno.pid && !memory.closed);
    reader.close();
    writer.close();
  });
});

Deno.test("listObjects tells how many wait for a semaphore, and who for a lock of this library", async () => {
  const name = `/causeway-waits-${crypto.randomUUID().slice(0, 8)}`;
  using semaphore = createPosixSemaphore(name, { value: 2 });
  semaphore.tryWait();
  using shared = await openShared(name, struct({ lock: mutex, hits: i64 }));
  const guard = shared.view.lock.lockSync();
  await using peer = await Peer.start<{ pid: number }>(denoFixture("inspect_waits.ts", name));
  const find = () => {
    const { objects } = listObjects({ kinds: ["semaphore", "futex", "shared-memory"] });
    const memory = objects.find((object) => object.kind === "shared-memory" && object.name === name);
    return {
      semaphore: objects.find((object) => object.kind === "semaphore" && object.name === name),
      futex: objects.find((object) => object.kind === "futex" && object.memory === memory?.id),
    };
  };
  // It says that it is about to wait; and now and then it looks, and waits again.
  let look = find();
  await until(() => (look = find()).futex !== undefined);
  const { futex, semaphore: found } = look;
  assertEquals(futex?.holders.map(({ pid, waiting }) => [pid, waiting]), [[peer.pid, true]]);
  assert(found?.kind === "semaphore");
  assertEquals([found.value, found.waiters], [1, 0]);
  guard.unlock();
  await until(() => find().futex === undefined);
  shared.unlink();
  unlinkPosixSemaphore(name);
});
