// Needs: gcc, python3, strace, root
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { ClosedError, PosixError, ProtocolError } from "../../lib/errors.ts";
import {
  createPosixSemaphore,
  openPosixSemaphore,
  type PosixSemaphore,
  unlinkPosixSemaphore,
} from "../../lib/sync/posix_semaphore.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { withEnoughTime } from "../helpers/patience.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { fixture, inNamespace, lines, NOBODY, NOBODY_UID, outcome, sleepsIn, SYS } from "./other_process.ts";
import { compileC, Peer, uniqueName } from "./peer.ts";

const SECOND = 1000;
const HIGHEST = 2 ** 31 - 1;
const folder = Deno.makeTempDirSync({ prefix: "causeway-test-" });
// Another user runs it too.
Deno.chmodSync(folder, 0o755);
const c = await compileC("semaphore_posix_peer.c", folder);
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

const python = "/usr/bin/python3";
const fileOf = (name: string) => `/dev/shm/sem.${name.slice(1)}`;
const modeOf = (name: string) => (Deno.statSync(fileOf(name)).mode ?? 0) & 0o7777;

/** A semaphore whose name is gone at the end. */
class Named implements Disposable {
  readonly name = uniqueName();

  create(value: number): PosixSemaphore {
    return createPosixSemaphore(this.name, { value });
  }

  [Symbol.dispose](): void {
    try {
      unlinkPosixSemaphore(this.name);
    } catch (error) {
      if (!(error instanceof PosixError) || error.code !== "ENOENT") throw error;
    }
  }
}

Deno.test("createPosixSemaphore makes what sem_open of C opens", async () => {
  using named = new Named();
  using mine = named.create(3);
  assertEquals(await lines(c, "value", named.name), ["3"]);
  assertEquals(await lines(c, "wait", named.name), ["waiting", "got it"]);
  assertEquals(mine.value, 2);
  assertEquals(await lines(c, "post", named.name, "5"), ["posted"]);
  assertEquals(mine.value, 7);
});

Deno.test("openPosixSemaphore opens what sem_open of C made, and the two are the same bytes", async () => {
  using theirs = new Named();
  using mine = new Named();
  assertEquals(await lines(c, "create", theirs.name, "7", "640"), ["created"]);
  using opened = openPosixSemaphore(theirs.name);
  using _created = mine.create(7);
  assertEquals(opened.value, 7);
  // What sem_init puts into shared memory is what sem_open puts there: a change of glibc would show here.
  assertEquals(Deno.readFileSync(fileOf(mine.name)), Deno.readFileSync(fileOf(theirs.name)));
});

Deno.test("python's sem_open, sem_wait and sem_post work on the same semaphore", async () => {
  using named = new Named();
  using semaphore = named.create(1);
  await using peer = Peer.program(python, fixture("semaphore_posix_peer.py"), named.name);
  assertEquals(await peer.says(), "open");
  await peer.tell("trywait");
  assertEquals(await peer.says(), "trywait 0");
  await peer.tell("trywait");
  assertEquals(await peer.says(), "trywait -1");
  const waited = semaphore.wait();
  await peer.tell("post");
  assertEquals(await peer.says(), "post 0");
  await watchdog(60 * SECOND, waited);
  assertEquals(semaphore.value, 0);
});

Deno.test("post wakes a C program that sleeps in sem_wait", async () => {
  using named = new Named();
  using semaphore = named.create(0);
  await using peer = Peer.program(c, "wait", named.name);
  assertEquals(await peer.says(), "waiting");
  await watchdog(60 * SECOND, sleepsIn(peer.pid, SYS.futex));
  semaphore.post();
  assertEquals(await watchdog(60 * SECOND, peer.says()), "got it");
});

Deno.test("waitSync sleeps until C posts, signals do not end it", async () => {
  using named = new Named();
  using semaphore = named.create(0);
  await using waiter = Peer.deno("semaphore_wait_sync.ts", { args: ["posix", named.name] });
  assertEquals(await waiter.says(), "waiting");
  for (let signal = 0; signal < 3; signal++) {
    await watchdog(60 * SECOND, sleepsIn(waiter.pid, SYS.futex));
    waiter.kill("SIGUSR1");
  }
  await watchdog(60 * SECOND, sleepsIn(waiter.pid, SYS.futex));
  assertEquals(semaphore.value, 0);
  assertEquals(await lines(c, "post", named.name, "1"), ["posted"]);
  assertEquals(await watchdog(60 * SECOND, waiter.says()), "got it");
  assertEquals(semaphore.value, 0);
});

Deno.test("waitSync keeps its deadline across signals", async () => {
  using named = new Named();
  using _semaphore = named.create(0);
  await using waiter = Peer.deno("semaphore_wait_sync.ts", { args: ["posix", named.name, "1000"] });
  assertEquals(await waiter.says(), "waiting");
  const started = performance.now();
  const ended = waiter.says();
  let over = false;
  ended.then(() => over = true);
  // Signals come faster than the deadline: counted anew after each, it would never be reached.
  while (!over && performance.now() - started < 60 * SECOND) {
    try {
      waiter.kill("SIGUSR1");
    } catch {
      // It has just ended.
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  assertEquals(await ended, "TimeoutError");
});

Deno.test("20,000 posts of two C programs let 20,000 waits through, not one more", async () => {
  using named = new Named();
  using semaphore = named.create(0);
  const posted = Promise.all([lines(c, "post", named.name, "10000"), lines(c, "post", named.name, "10000")]);
  const taken = async () => {
    for (let turn = 0; turn < 10_000; turn++) await semaphore.wait();
  };
  await watchdog(60 * SECOND, Promise.all([posted, taken(), taken()]));
  assertEquals(semaphore.tryWait(), false);
});

Deno.test("1,000 rounds of ping-pong with C lose no wake-up", async () => {
  using ping = new Named();
  using pong = new Named();
  using pings = ping.create(0);
  using pongs = pong.create(0);
  await using peer = Peer.program(c, "echo", ping.name, pong.name, "1000");
  for (let round = 0; round < 1000; round++) {
    pings.post();
    pongs.waitSync({ timeoutMs: 60 * SECOND });
  }
  assertEquals(await peer.says(), "done");
});

Deno.test("wait polls on the event loop: timers run, and it ends at its deadline", async () => {
  using named = new Named();
  using semaphore = named.create(0);
  await withEnoughTime(100, async (timeoutMs) => {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 5);
    const error = await assertRejects(() => semaphore.wait({ timeoutMs }), DOMException);
    clearInterval(timer);
    assertEquals(error.name, "TimeoutError");
    assertStringIncludes(error.message, named.name);
    assert(ticks > 2, `${ticks} ticks`);
  });
  assertEquals((await assertRejects(() => semaphore.wait({ timeoutMs: 0 }), DOMException)).name, "TimeoutError");
  assertEquals(assertThrows(() => semaphore.waitSync({ timeoutMs: 20 }), DOMException).name, "TimeoutError");
  assertEquals(assertThrows(() => semaphore.waitSync({ timeoutMs: 0 }), DOMException).name, "TimeoutError");
  semaphore.post(2);
  await semaphore.wait({ timeoutMs: 0 });
  semaphore.waitSync({ timeoutMs: 0 });
});

Deno.test("an aborted wait rejects with the reason and takes nothing afterwards", async () => {
  using named = new Named();
  using semaphore = named.create(0);
  const before = AbortSignal.abort("no");
  semaphore.post();
  assertEquals(await semaphore.wait({ signal: before }).catch((reason) => reason), "no");
  assertEquals(semaphore.value, 1);
  semaphore.waitSync();
  const controller = new AbortController();
  const wait = semaphore.wait({ signal: controller.signal }).catch((reason) => reason);
  await new Promise((resolve) => setTimeout(resolve, 5));
  controller.abort("enough");
  semaphore.post();
  assertEquals(await wait, "enough");
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(semaphore.value, 1);
});

Deno.test("close ends this handle only; after it everything throws ClosedError, nothing crashes", async () => {
  using named = new Named();
  const first = named.create(1);
  using second = openPosixSemaphore(named.name);
  const pending = openPosixSemaphore(named.name);
  second.waitSync();
  const wait = pending.wait();
  pending.close();
  await assertRejects(() => watchdog(60 * SECOND, wait), ClosedError, named.name);
  first.close();
  first.close();
  const calls = [() => first.value, () => first.post(), () => first.tryWait(), () => first.waitSync({ timeoutMs: 1 })];
  for (const call of calls) assertThrows(call, ClosedError, named.name);
  await assertRejects(() => first.wait(), ClosedError);
  second.post();
  assertEquals(second.value, 1);
});

Deno.test("unlinkPosixSemaphore frees the name at once, handles live on", () => {
  using named = new Named();
  using old = named.create(5);
  unlinkPosixSemaphore(named.name);
  assertEquals(assertThrows(() => unlinkPosixSemaphore(named.name), PosixError).code, "ENOENT");
  assertEquals(assertThrows(() => openPosixSemaphore(named.name), PosixError).code, "ENOENT");
  using other = named.create(1);
  old.post();
  assertEquals([old.value, other.value], [6, 1]);
});

Deno.test("of 100 exclusive creators one wins, and the others leave its semaphore alone", () => {
  using named = new Named();
  const made: PosixSemaphore[] = [];
  for (let value = 0; value < 100; value++) {
    try {
      made.push(named.create(value));
    } catch (error) {
      assert(error instanceof PosixError);
      assertEquals([error.code, error.syscall, error.target], ["EEXIST", "sem_open", named.name]);
    }
  }
  assertEquals(made.map((each) => each.value), [0]);
  made[0]?.close();
});

Deno.test("a creator that is killed before it has finished leaves no name", async () => {
  using named = new Named();
  // fchmod is the last call before the name.
  const strace = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=fchmod", "-e", "inject=fchmod:signal=SIGKILL"];
  const deno = [Deno.execPath(), "run", "-A", "--no-check", fixture("semaphore_outcome.ts"), "posix-create"];
  const args = [...strace, ...deno, named.name];
  const { success, stdout } = await new Deno.Command("strace", { args, stderr: "null" }).output();
  assertEquals([success, stdout.byteLength], [false, 0]);
  const names = Array.from(Deno.readDirSync("/dev/shm"), (entry) => entry.name);
  assertEquals(names.filter((name) => name.includes(named.name.slice(1))), []);
});

const MODES: [mode: number | undefined, umask: number][] = [
  [undefined, 0],
  [undefined, 0o777],
  [0o666, 0o022],
  [0o640, 0o077],
  [0o000, 0],
];
for (const [mode, umask] of MODES) {
  Deno.test(`mode ${mode?.toString(8) ?? "by default"} is exact under umask ${umask.toString(8)}`, () => {
    using named = new Named();
    const before = Deno.umask(umask);
    try {
      createPosixSemaphore(named.name, { mode }).close();
    } finally {
      Deno.umask(before);
    }
    assertEquals(modeOf(named.name), mode ?? 0o600);
  });
}

const WRONG_NAMES = ["", "/", "name", "/a/b", "//a", "/a\0b", `/${"x".repeat(252)}`, `/${"ä".repeat(126)}`];
for (const name of WRONG_NAMES) {
  Deno.test(`the name ${JSON.stringify(name).slice(0, 20)} of ${name.length} throws TypeError`, () => {
    assertThrows(() => createPosixSemaphore(name), TypeError, "name");
    assertThrows(() => openPosixSemaphore(name), TypeError, "name");
    assertThrows(() => unlinkPosixSemaphore(name), TypeError, "name");
  });
}

Deno.test("names of 251 bytes, of two dots and of spaces are names", () => {
  const random = crypto.randomUUID();
  for (const name of [`/${random}${"x".repeat(251 - random.length)}`, `/.. ${random}`, `/ä ${random}`]) {
    using semaphore = createPosixSemaphore(name, { value: 1 });
    using again = openPosixSemaphore(name);
    unlinkPosixSemaphore(name);
    assertEquals([semaphore.name, again.value], [name, 1]);
  }
});

Deno.test("values, counts and modes that cannot be throw RangeError before anything is created", () => {
  using named = new Named();
  for (const value of [-1, 0.5, HIGHEST + 1, NaN]) assertThrows(() => named.create(value), RangeError, "value");
  for (const mode of [-1, 0o1000, 0.5]) {
    assertThrows(() => createPosixSemaphore(named.name, { mode }), RangeError, "mode");
  }
  using semaphore = named.create(0);
  for (const count of [0, -1, 0.5, NaN]) assertThrows(() => semaphore.post(count), RangeError, "count");
  assertThrows(() => semaphore.waitSync({ timeoutMs: -1 }), RangeError, "timeoutMs");
});

Deno.test("post beyond SEM_VALUE_MAX throws EOVERFLOW and keeps what was posted", () => {
  using named = new Named();
  using semaphore = named.create(HIGHEST - 1);
  const error = assertThrows(() => semaphore.post(2), PosixError);
  assertEquals([error.code, error.syscall, error.target], ["EOVERFLOW", "sem_post", named.name]);
  assertEquals(semaphore.value, HIGHEST);
});

const NO_SEMAPHORES: [
  what: string,
  make: (path: string) => void,
  error: string,
  text: string,
][] = [
  ["an empty file", (path) => Deno.writeFileSync(path, new Uint8Array()), "ProtocolError", "empty"],
  ["a file of 31 bytes", (path) => Deno.writeFileSync(path, new Uint8Array(31)), "ProtocolError", "31 bytes"],
  ["a symbolic link", (path) => Deno.symlinkSync("/dev/zero", path), "PosixError", "ELOOP"],
  ["a directory", (path) => Deno.mkdirSync(path), "PosixError", "EISDIR"],
];
for (const [what, make, kind, text] of NO_SEMAPHORES) {
  Deno.test(`openPosixSemaphore refuses ${what} under the name`, () => {
    const name = uniqueName();
    make(fileOf(name));
    try {
      assertEquals(assertThrows(() => openPosixSemaphore(name), Error, text).name, kind);
      assertThrows(() => createPosixSemaphore(name), PosixError, "EEXIST");
    } finally {
      Deno.removeSync(fileOf(name));
    }
  });
}

Deno.test("another user's semaphore is refused, unless that user is named", async () => {
  using named = new Named();
  const { success } = await new Deno.Command(NOBODY[0]!, {
    args: [...NOBODY.slice(1), c, "create", named.name, "4", "666"],
  }).output();
  assertEquals(success, true, "is the compiled peer reachable for another user?");
  assertThrows(() => openPosixSemaphore(named.name), PosixError, "it belongs to user 65534");
  assertThrows(() => openPosixSemaphore(named.name, { owner: 1 }), PosixError, "EACCES");
  for (const owner of [NOBODY_UID, "any"] as const) {
    using semaphore = openPosixSemaphore(named.name, { owner });
    assertEquals(semaphore.value, 4);
  }
});

Deno.test("EACCES: another user can neither open nor unlink a private semaphore", async () => {
  using named = new Named();
  using _semaphore = named.create(0);
  const asNobody = (verb: string) => outcome("semaphore_outcome.ts", { args: [verb, named.name], under: NOBODY });
  assertStringIncludes(await asNobody("posix-open"), `sem_open failed on "${named.name}": Permission denied (EACCES)`);
  assertStringIncludes(await asNobody("posix-unlink"), "(EACCES)");
  assertStringIncludes(await asNobody("posix-create"), "(EEXIST)");
});

Deno.test("EMFILE: without a free descriptor nothing is created and nothing stays", async () => {
  using named = new Named();
  const under = ["prlimit", "--nofile=64:64"];
  const run = (verb: string) => outcome("semaphore_outcome.ts", { args: [verb, named.name], under });
  assertStringIncludes(await run("posix-create-without-descriptors"), "(EMFILE)");
  using _semaphore = named.create(0);
  assertStringIncludes(await run("posix-open-without-descriptors"), "(EMFILE)");
});

Deno.test("ENOSPC: on a full /dev/shm the semaphore is not created", async () => {
  const name = uniqueName();
  const under = inNamespace(["-m"], "mount -t tmpfs -o size=4096 tmpfs /dev/shm");
  assertStringIncludes(await outcome("semaphore_outcome.ts", { args: ["posix-create-two", name], under }), "(ENOSPC)");
});

Deno.test("semaphores leave no descriptor, mapping or name behind, failures included", async () => {
  await noLeaks(async () => {
    using named = new Named();
    using semaphore = named.create(1);
    using again = openPosixSemaphore(named.name);
    assertThrows(() => named.create(1), PosixError, "EEXIST");
    await again.wait();
    await assertRejects(() => semaphore.wait({ timeoutMs: 3 }), DOMException);
    Deno.writeFileSync(fileOf(`${named.name}-short`), new Uint8Array(3));
    assertThrows(() => openPosixSemaphore(`${named.name}-short`), ProtocolError);
    unlinkPosixSemaphore(`${named.name}-short`);
  });
});
