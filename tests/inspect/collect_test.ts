// Needs: gcc, python3, ipcrm
/** What `collectStale` removes, and all that it leaves. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { type Collected, collectStale, listObjects } from "../../lib/inspect/mod.ts";
import { removeAside } from "../../lib/inspect/aside.ts";
import { nameFacts } from "../../lib/sys/file_facts.ts";
import { createSharedMemory, createSysvMemory, i64, openShared, struct } from "../../lib/memory/mod.ts";
import { createPosixSemaphore, mutex, unlinkPosixSemaphore } from "../../lib/sync/mod.ts";
import { createMessageQueue, createSysvQueue, unlinkMessageQueue } from "../../lib/queue/mod.ts";
import { bindUnix, listenUnix } from "../../lib/socket/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { until } from "../helpers/patience.ts";
import * as processes from "../helpers/processes.ts";
import { compiled, denoFixture, Directory, fixture, Peer } from "./peer.ts";

const Shared = struct({ lock: mutex, hits: i64 });

const uniqueName = () => `/causeway-gc-test-${crypto.randomUUID().slice(0, 8)}`;

/** What became of what has a name, and why. */
function verdict(objects: readonly Collected[], name: string): [outcome: string, reason: string] | undefined {
  const found = objects.find(({ object }) => object.name === name || object.id === name);
  return found && [found.outcome, found.reason];
}

function isThere(path: string): boolean {
  try {
    Deno.lstatSync(path);
    return true;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return false;
    throw error;
  }
}

Deno.test("collectStale removes a shared struct whose creator was killed, and only when it is asked to", async () => {
  const name = uniqueName();
  const pid = await (async () => {
    await using peer = await Peer.start<{ pid: number }>(denoFixture("inspect_struct.ts", name));
    const { objects } = listObjects({ kinds: ["shared-memory"] });
    const living = objects.find((object) => object.name === name);
    assert(living?.kind === "shared-memory");
    assertEquals([living.stale, living.struct?.creator.state, living.ours], [undefined, "alive", true]);
    assertEquals(living.struct?.byteLength, Shared.byteLength - 64);
    assertEquals(living.struct?.fingerprint, Shared.fingerprint.toString(16).padStart(16, "0"));
    const [outcome, reason] = verdict(collectStale({ names: [name], remove: true }).objects, name) ?? [];
    assertEquals([outcome, reason], ["left", `process ${peer.pid} (deno) has it`]);
    await peer.kill();
    return peer.pid;
  })();
  const reason = `its creator, process ${pid}, has ended, and nobody has it open`;
  const found = listObjects({ kinds: ["shared-memory"] }).objects.find((object) => object.name === name);
  assertEquals(found?.stale, reason);
  assertEquals(verdict(collectStale().objects, name), ["stale", reason]);
  assert(isThere(`/dev/shm${name}`), "without remove nothing is removed");
  const bytes = Deno.readFileSync(`/dev/shm${name}`);
  await noLeaks(() => {
    Deno.writeFileSync(`/dev/shm${name}`, bytes);
    assertEquals(verdict(collectStale({ names: [name], remove: true }).objects, name), ["removed", reason]);
    assert(!isThere(`/dev/shm${name}`));
  });
  assertEquals(verdict(collectStale().objects, name), undefined);
});

Deno.test("collectStale leaves a struct of a dead creator that another process has open or mapped", async () => {
  const name = uniqueName();
  {
    await using creator = await Peer.start<{ created: boolean }>(denoFixture("inspect_struct.ts", name));
    assert(creator.facts.created);
    await using other = await Peer.start<{ created: boolean }>(denoFixture("inspect_struct.ts", name));
    assert(!other.facts.created);
    await creator.kill();
    assertEquals(verdict(collectStale({ names: [name], remove: true }).objects, name), [
      "left",
      `process ${other.pid} (deno) has it`,
    ]);
    await other.kill();
  }
  // This process maps it, and closes the descriptor: only the lease and /proc/PID/maps know.
  using shared = await openShared(name, Shared);
  assertEquals(verdict(collectStale({ names: [name], remove: true }).objects, name)?.[0], "left");
  assert(isThere(`/dev/shm${name}`));
  shared.unlink();
});

Deno.test("collectStale with remove asks the kernel whether somebody has a file open whom /proc does not show", async () => {
  const name = uniqueName();
  {
    await using peer = await Peer.start(denoFixture("inspect_struct.ts", name));
    await peer.kill();
  }
  // A stand-in for a process that is hidden: the snapshot was taken before it opened the file.
  const { objects } = listObjects({ kinds: ["shared-memory"] });
  const stale = objects.find((object) => object.name === name);
  assert(stale?.kind === "shared-memory" && stale.stale !== undefined);
  const { removeFile } = await import("../../lib/inspect/collect_file.ts");
  {
    using _open = Deno.openSync(`/dev/shm${name}`);
    assertEquals(removeFile(stale, 1), "somebody has it open whom /proc does not show");
  }
  assert(isThere(`/dev/shm${name}`));
  assertEquals(removeFile({ ...stale, id: "1:2:3" }, 0), "the name is another object's by now");
  assertEquals(removeFile(stale, 1), undefined);
  assert(!isThere(`/dev/shm${name}`));
});

Deno.test("collectStale with remove leaves a draft while its creator has it locked", async () => {
  const path = `/dev/shm/.causeway-${crypto.randomUUID().replaceAll("-", "").slice(0, 16)}`;
  Deno.writeTextFileSync(path, "half made");
  const { objects } = listObjects({ kinds: ["shared-memory"] });
  const draft = objects.find((object) => object.kind === "shared-memory" && object.path === path);
  assert(draft?.kind === "shared-memory" && draft.ours);
  const { removeFile } = await import("../../lib/inspect/collect_file.ts");
  {
    using creator = Deno.openSync(path);
    creator.lockSync(true);
    assertEquals(removeFile(draft, 0), "somebody has it locked");
  }
  assertEquals(removeFile(draft, 0), undefined);
  assert(!isThere(path));
});

Deno.test("removeAside moves a name back that has become another file's, or that somebody objects to", () => {
  using directory = new Directory();
  const path = `${directory.path}/name`;
  Deno.writeTextFileSync(path, "old");
  const { identity } = nameFacts(path);
  assertEquals(removeAside(path, "1:2:3", () => true), "the name is another object's by now");
  assertEquals(removeAside(path, identity, () => false), "somebody has opened it meanwhile");
  assertEquals([...Deno.readDirSync(directory.path)].map(({ name }) => name), ["name"]);
  assertEquals(Deno.readTextFileSync(path), "old");
  assertEquals(removeAside(path, identity, () => true), undefined);
  assertEquals([...Deno.readDirSync(directory.path)], []);
});

Deno.test("collectStale touches nothing of living programs, named or not: Python, a database's segments, C, this one", async () => {
  using directory = new Directory();
  const name = uniqueName();
  await using python = await Peer.start<{ memory: string }>([
    "python3",
    fixture("inspect_objects.py"),
    directory.path,
  ]);
  const segments = await compiled("inspect_segments.c", directory.path);
  await using database = await Peer.start<{ attached: number; detached: number }>([segments]);
  const program = await compiled("inspect_objects.c", directory.path);
  await using peer = await Peer.start<{ shm: number; sem: number; msg: number }>([
    program,
    directory.path,
    name.slice(1),
  ]);
  using raw = createSharedMemory(`${name}-raw`, { size: 64 });
  using sysv = createSysvMemory("private", { size: 64 });
  using semaphore = createPosixSemaphore(`${name}-ours`, { value: 1 });
  using queue = createMessageQueue(`${name}-ours`);
  using sysvQueue = createSysvQueue("private");
  using removal = new DisposableStack();
  removal.defer(() => sysvQueue.remove());
  removal.defer(() => sysv.remove());
  using listener = await listenUnix(`${directory.path}/ours`);
  using datagrams = await bindUnix(`${directory.path}/datagrams-ours`);
  const { memory } = python.facts;
  const names = [
    `/${memory.replace(/^\//, "")}`,
    `sysv-memory:${database.facts.attached}`,
    `sysv-memory:${database.facts.detached}`,
    `sysv-memory:${peer.facts.shm}`,
    `sysv-semaphores:${peer.facts.sem}`,
    `sysv-queue:${peer.facts.msg}`,
    `sysv-memory:${sysv.id}`,
    `sysv-queue:${sysvQueue.id}`,
    name,
    raw.name,
    `${name}-ours`,
    `${directory.path}/socket`,
    `${directory.path}/datagrams`,
    `${directory.path}/python-socket`,
    `${directory.path}/fifo`,
    `${directory.path}/python-fifo`,
    `${directory.path}/ours`,
    `${directory.path}/datagrams-ours`,
  ];
  const before = facts(names);
  const { objects, missing } = collectStale({ names, remove: true });
  // A datagram socket that was bound by a relative path is known by that.
  assertEquals(missing, [`${directory.path}/datagrams`]);
  for (const asked of names.filter((one) => !missing.includes(one))) {
    assertEquals(verdict(objects, asked)?.[0], "left", asked);
  }
  assertEquals(objects.filter(({ outcome }) => outcome !== "left").map(({ object }) => object.id), []);
  assertEquals(facts(names), before);
  assertMatch(
    verdict(objects, `sysv-memory:${database.facts.detached}`)?.[1] ?? "",
    /^its creator, process \d+, may be/,
  );
  assertEquals(verdict(objects, raw.name)?.[1], `process ${Deno.pid} (deno) has it`);
  assertEquals(listener.path, `${directory.path}/ours`);
  assertEquals([datagrams.closed, semaphore.value, queue.attributes.messages], [false, 1, 0]);
  raw.unlink();
  unlinkPosixSemaphore(`${name}-ours`);
  unlinkMessageQueue(`${name}-ours`);
});

/** What the kernel says of some objects: everything that removing, or attaching, would change. */
function facts(names: readonly string[]): unknown {
  const text = (path: string) => Deno.readTextFileSync(path);
  const ids = new Set(names.map((name) => /^sysv-\w+:(\d+)$/.exec(name)?.[1]).filter(Boolean));
  const sysv = ["shm", "sem", "msg"].flatMap((kind) =>
    text(`/proc/sysvipc/${kind}`).split("\n").slice(1).filter((line) => ids.has(line.trim().split(/\s+/)[1]))
  );
  const files = names.map((name) => name.replace(/^(?=\/[^/]+$)/, "/dev/shm")).filter(isThere).map((path) => {
    const { ino, mtime, size } = Deno.lstatSync(path);
    return [path, ino, mtime?.getTime(), size];
  });
  return { sysv, files };
}

Deno.test("collectStale removes a segment of a dead creator and a socket that nobody has only when they are named", async () => {
  using directory = new Directory();
  const name = uniqueName();
  const program = await compiled("inspect_objects.c", directory.path);
  const facts = await (async () => {
    await using peer = await Peer.start<{ child: number; shm: number; sem: number; msg: number }>([
      program,
      directory.path,
      name.slice(1),
    ]);
    await peer.kill();
    await until(() => !processes.isThere(peer.facts.child));
    return peer.facts;
  })();
  const [segment, set, queue] = [`sysv-memory:${facts.shm}`, `sysv-semaphores:${facts.sem}`, `sysv-queue:${facts.msg}`];
  const socket = `${directory.path}/socket`;
  try {
    assertEquals(verdict(collectStale().objects, segment), undefined);
    const named = collectStale({ names: [segment, set, queue, name, socket, "nothing"] });
    assertEquals([verdict(named.objects, segment)?.[0], verdict(named.objects, socket)?.[0]], ["stale", "stale"]);
    const { objects, missing } = collectStale({ names: [segment, set, queue, name, socket, "nothing"], remove: true });
    assertEquals([verdict(objects, segment)?.[0], verdict(objects, socket)?.[0]], ["removed", "removed"]);
    assertEquals([isThere(socket), missing], [false, ["nothing"]]);
    for (const left of [set, queue, name]) assertEquals(verdict(objects, left), ["left", "nothing says who made it"]);
    assert(isThere(`/dev/shm${name}`));
    const { objects: now } = listObjects({ kinds: ["sysv-memory", "sysv-semaphores", "sysv-queue"] });
    assertEquals([segment, set, queue].map((id) => now.some((object) => object.id === id)), [false, true, true]);
  } finally {
    await new Deno.Command("ipcrm", { args: ["-s", `${facts.sem}`, "-q", `${facts.msg}`], stderr: "null" }).output();
    for (const path of [`/dev/shm${name}`, `/dev/shm/sem.${name.slice(1)}`]) Deno.removeSync(path);
    unlinkMessageQueue(name);
  }
});

Deno.test("collectStale leaves a struct whose header names a process of another pid namespace", async () => {
  const name = uniqueName();
  using shared = await openShared(name, Shared);
  const header = new DataView(shared.memory.bytes.buffer, shared.memory.bytes.byteOffset, 64);
  header.setUint32(36, 1, true);
  shared.close();
  const found = listObjects({ kinds: ["shared-memory"] }).objects.find((object) => object.name === name);
  assert(found?.kind === "shared-memory");
  assertEquals([found.struct?.creator.state, found.stale, found.holders], ["unknown", undefined, []]);
  assertEquals(verdict(collectStale({ names: [name], remove: true }).objects, name)?.[0], "left");
  Deno.removeSync(`/dev/shm${name}`);
});

Deno.test("collectStale leaves a struct whose creator lives under a pid that was used before", async () => {
  const name = uniqueName();
  await using peer = await Peer.start<{ pid: number }>(denoFixture("inspect_struct.ts", name));
  // As if the creator had been another process with the same pid: it started at another time.
  const { openSharedMemory } = await import("../../lib/memory/mod.ts");
  {
    using memory = openSharedMemory(name);
    const header = new DataView(memory.bytes.buffer, memory.bytes.byteOffset, 64);
    header.setBigUint64(40, header.getBigUint64(40, true) - 1n, true);
  }
  const found = listObjects({ kinds: ["shared-memory"] }).objects.find((object) => object.name === name);
  assert(found?.kind === "shared-memory");
  // Its creator is gone for certain, but somebody has it: the stranger with its pid.
  assertEquals([found.struct?.creator.state, found.stale], ["gone", undefined]);
  await peer.kill();
  const [outcome] = verdict(collectStale({ names: [name], remove: true }).objects, name) ?? [];
  assertEquals(outcome, "removed");
});
