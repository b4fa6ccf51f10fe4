// Needs: gcc, python3, root
/** Every kind of object, made by C and Python, and what `listObjects` says of it. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { type IpcObject, listObjects, type ObjectKind } from "../../lib/inspect/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { until } from "../helpers/patience.ts";
import { isThere, procText } from "../helpers/processes.ts";
import { compiled, Directory, fixture, Peer } from "./peer.ts";

interface CFacts {
  pid: number;
  child: number;
  shm: number;
  sem: number;
  msg: number;
  memfd: number;
  fifo: number;
  pipe: number;
  listener: number;
  abstract: number;
  datagrams: number;
  pair: [number, number];
  queueFd: number;
  pipeFds: [number, number];
}

type Of<K extends ObjectKind> = Extract<IpcObject, { kind: K }>;

/** The one object of a kind that is the one. */
function one<K extends ObjectKind>(
  objects: readonly IpcObject[],
  kind: K,
  isIt: (object: Of<K>) => boolean,
): Of<K> {
  const found = objects.filter((object): object is Of<K> => object.kind === kind).filter(isIt);
  assertEquals(found.length, 1, `objects of kind ${kind}`);
  return found[0]!;
}

const pids = ({ holders }: IpcObject) => holders.map(({ pid }) => pid);

Deno.test("listObjects finds every kind of object of a C program, with fill and holders", async () => {
  using directory = new Directory();
  const program = await compiled("inspect_objects.c", directory.path);
  const name = `causeway-inspect-${crypto.randomUUID().slice(0, 8)}`;
  await using peer = await Peer.start<CFacts>([program, directory.path, name]);
  const { pid, child, ...facts } = peer.facts;
  await Promise.all([asleep(pid, 2), waitsForLock(child)]);
  // Who has a file open has not its lock.
  using _flocked = Deno.openSync(`${directory.path}/flocked`);
  using _ofd = Deno.openSync(`${directory.path}/ofd`);
  const { objects } = listObjects({ directories: [directory.path] });
  const both = [pid, child];

  const segment = one(objects, "sysv-memory", ({ sysvId }) => sysvId === facts.shm);
  assertEquals([segment.byteLength, segment.attached, segment.mode, segment.creatorPid], [12345, 2, 0o640, pid]);
  assertEquals([pids(segment), segment.holders[0]?.mapped, segment.stale], [both, true, undefined]);
  assert(Math.abs((segment.createdAt ?? 0) - Date.now()) < 3_600_000);
  const set = one(objects, "sysv-semaphores", ({ sysvId }) => sysvId === facts.sem);
  assertEquals([set.values, set.length, set.name], [[1, 0, 5], 3, undefined]);
  const sysvQueue = one(objects, "sysv-queue", ({ sysvId }) => sysvId === facts.msg);
  assertEquals([sysvQueue.messages, sysvQueue.queued, sysvQueue.lastSender], [2, 14, pid]);

  const memory = one(objects, "shared-memory", (object) => object.name === `/${name}`);
  assertEquals([memory.byteLength, memory.mode, memory.uid, memory.unlinked], [8192, 0o600, Deno.uid(), false]);
  assertEquals([pids(memory), memory.holders[0]?.direction, memory.ours], [both, "both", false]);
  assert(Math.abs((memory.createdAt ?? 0) - Date.now()) < 3_600_000);
  const semaphore = one(objects, "semaphore", (object) => object.name === `/${name}`);
  assertEquals([semaphore.value, semaphore.waiters, pids(semaphore)], [3, 0, both]);
  const queue = one(objects, "message-queue", (object) => object.name === `/${name}`);
  assertEquals([queue.messages, queue.maxMessages, queue.messageSize, queue.queued], [2, 4, 64, 11]);
  // The queue is close-on-exec, but not closed by a fork.
  assertEquals(queue.holders.map(({ pid, descriptors }) => [pid, descriptors]), [[pid, [facts.queueFd]], [child, [
    facts.queueFd,
  ]]]);
  const memfd = one(objects, "memfd", (object) => object.name === name);
  assertEquals([memfd.byteLength, pids(memfd), memfd.holders[0]?.direction], [5000, both, "both"]);

  const fifo = one(objects, "fifo", (object) => object.name === `${directory.path}/fifo`);
  assertEquals([fifo.queued, fifo.byteLength, fifo.mode, pids(fifo)], [5, 65_536, 0o600, both]);
  const pipe = one(objects, "pipe", ({ id }) => id === `pipe:${facts.pipe}`);
  assertEquals([pipe.queued, pipe.byteLength], [7, 65_536]);
  assertEquals(pipe.holders[0], {
    pid,
    program: "inspect_objects",
    uid: Deno.uid() ?? 0,
    direction: "both",
    descriptors: facts.pipeFds,
    mapped: false,
    waiting: false,
  });

  const socket = (inode: number) => one(objects, "unix-socket", ({ id }) => id === `socket:${inode}`);
  const listener = socket(facts.listener);
  assertEquals([listener.name, listener.abstract], [`${directory.path}/socket`, false]);
  assertEquals([listener.type, listener.state, listener.backlog, listener.queued], ["stream", "listening", 7, 0]);
  const abstract = socket(facts.abstract);
  assertEquals([abstract.name, abstract.abstract, abstract.type], [name, true, "seqpacket"]);
  assertEquals([socket(facts.datagrams).type, socket(facts.datagrams).state], ["datagram", "unconnected"]);
  const [left, right] = facts.pair.map(socket);
  assertEquals([left?.peer, right?.peer, left?.state], [right?.id, left?.id, "connected"]);
  assertEquals([right?.queued, pids(right!)], [3, both]);

  const lock = (file: string) => one(objects, "file-lock", (object) => object.name === `${directory.path}/${file}`);
  assertEquals([lock("flocked").type, lock("flocked").access, pids(lock("flocked"))], ["flock", "write", both]);
  assertEquals(lock("posix").range, { first: 10, last: 14 });
  assertEquals(lock("posix").holders.map(({ pid, waiting }) => [pid, waiting]), [[pid, false], [child, true]]);
  assertEquals([lock("ofd").type, lock("ofd").access, pids(lock("ofd"))], ["ofd", "read", both]);
  assertEquals(lock("ofd").range, { first: 0, last: undefined });
  const futex = one(objects, "futex", (object) => object.memory === memory.id);
  assertEquals([futex.offset, futex.waiters, pids(futex)], [64, 2, [pid]]);
});

Deno.test("listObjects finds what Python makes", async () => {
  using directory = new Directory();
  await using peer = await Peer.start<
    Record<"pid" | "child" | "fifo" | "pipe" | "listener" | "locked", number> & {
      memory: string;
    }
  >(["python3", fixture("inspect_objects.py"), directory.path]);
  const { pid, child, ...facts } = peer.facts;
  const { objects } = listObjects();
  const at = (name: string) => `${directory.path}/${name}`;
  const memory = one(objects, "shared-memory", ({ name }) => name === `/${facts.memory.replace(/^\//, "")}`);
  assertEquals([memory.byteLength, memory.ours, memory.stale, pids(memory)], [3000, false, undefined, [pid, child]]);
  assertEquals(one(objects, "fifo", ({ name }) => name === at("python-fifo")).queued, 0);
  assertEquals(one(objects, "pipe", ({ id }) => id === `pipe:${facts.pipe}`).queued, 0);
  assertEquals(one(objects, "unix-socket", ({ name }) => name === at("python-socket")).backlog, 3);
  assertEquals(one(objects, "file-lock", ({ name }) => name === at("python-locked")).access, "read");
  assertEquals(one(objects, "mapped-file", ({ name }) => name === at("python-mapped")).byteLength, 4096);
  const anonymous = one(objects, "anonymous-memory", (object) => pids(object).includes(pid));
  assertEquals([anonymous.byteLength, pids(anonymous)], [8192, [pid, child]]);
});

Deno.test("listObjects follows a SIGKILL at once: holders are gone, and names stay", async () => {
  using directory = new Directory();
  const program = await compiled("inspect_objects.c", directory.path);
  const name = `causeway-inspect-${crypto.randomUUID().slice(0, 8)}`;
  const { facts } = await (async () => {
    await using peer = await Peer.start<CFacts>([program, directory.path, name]);
    assertEquals(Deno.readTextFileSync(`/proc/${peer.facts.child}/comm`), "inspect_objects\n");
    await peer.kill();
    // The kernel kills the child too, a moment later.
    await until(() => !isThere(peer.facts.child));
    return peer;
  })();
  try {
    const { objects } = listObjects({ directories: [directory.path] });
    const left = objects.filter((object) => object.name === `/${name}` || object.name?.startsWith(directory.path));
    const kinds = left.map(({ kind }) => kind);
    assertEquals(kinds.filter((kind) => kind !== "message-queue"), [
      "shared-memory",
      "semaphore",
      "fifo",
      "unix-socket",
      "unix-socket",
    ]);
    assertEquals(left.flatMap(pids), []);
    const sockets = left.filter((object) => object.kind === "unix-socket");
    assertEquals(sockets.map(({ state, stale }) => [state, stale]), [
      ["unbound", "no process has a socket of this name"],
      ["unbound", "no process has a socket of this name"],
    ]);
    // Nothing says who made the rest, so nothing is said of it.
    assertEquals(left.filter(({ kind, stale }) => kind !== "unix-socket" && stale !== undefined), []);
    const segment = one(objects, "sysv-memory", ({ sysvId }) => sysvId === facts.shm);
    assertEquals([segment.attached, segment.holders], [0, []]);
    assertEquals(segment.stale, `its creator, process ${facts.pid}, has ended, and nobody has it attached`);
    const set = one(objects, "sysv-semaphores", ({ sysvId }) => sysvId === facts.sem);
    assertEquals(set.stale, undefined);
    const gone = ["pipe", "memfd", "file-lock", "futex"].flatMap((kind) =>
      objects.filter((object) => object.kind === kind && object.holders.some(({ pid }) => pid === facts.pid))
    );
    assertEquals(gone, []);
  } finally {
    await new Deno.Command("ipcrm", {
      args: ["-m", `${facts.shm}`, "-s", `${facts.sem}`, "-q", `${facts.msg}`],
    }).output();
    Deno.removeSync(`/dev/shm/${name}`);
    Deno.removeSync(`/dev/shm/sem.${name}`);
    const { unlinkMessageQueue } = await import("../../lib/queue/mod.ts");
    unlinkMessageQueue(`/${name}`);
  }
});

Deno.test("listObjects takes a name for stale only when no network namespace has its socket", async () => {
  using directory = new Directory();
  const path = `${directory.path}/socket`;
  const source = `import socket, sys
listener = socket.socket(socket.AF_UNIX)
listener.bind(sys.argv[1])
listener.listen()
print("{}", flush=True)
sys.stdin.read()`;
  const find = () => {
    const { objects } = listObjects({ kinds: ["unix-socket"], directories: [directory.path] });
    const { state, stale } = one(objects, "unix-socket", ({ name }) => name === path);
    return [state, stale];
  };
  {
    await using _elsewhere = await Peer.start(["unshare", "--net", "python3", "-c", source, path]);
    assertEquals(find(), ["unbound", undefined]);
  }
  assertEquals(find(), ["unbound", "no process has a socket of this name"]);
});

Deno.test("listObjects leaves nothing behind, and looks at the kinds that were asked for", async () => {
  await noLeaks(() => {
    const { objects, hidden, notes } = listObjects({ kinds: ["pipe", "fifo"] });
    assertEquals(objects.filter(({ kind }) => kind !== "pipe" && kind !== "fifo"), []);
    assertEquals(hidden.length > 0, notes.some((note) => note.includes("hidden")));
  });
});

Deno.test("listObjects refuses a kind that does not exist", () => {
  // @ts-expect-error It is no kind.
  assertThrows(() => listObjects({ kinds: ["telephone"] }), TypeError, '"telephone"');
});

/** Waits until so many threads of a process sleep on a futex. */
async function asleep(pid: number, count: number): Promise<void> {
  const sleeping = () =>
    [...Deno.readDirSync(`/proc/${pid}/task`)].filter(({ name }) =>
      /^(202|98) /.test(procText(`/proc/${pid}/task/${name}/syscall`) ?? "")
    ).length;
  await until(() => sleeping() >= count);
}

/** Waits until a process waits for a file lock. */
async function waitsForLock(pid: number): Promise<void> {
  const line = new RegExp(`-> POSIX .* ${pid} `);
  await until(() => line.test(Deno.readTextFileSync("/proc/locks")));
}
