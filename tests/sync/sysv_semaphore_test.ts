// Needs: gcc, python3, strace, root
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import {
  createSysvSemaphores,
  openSysvSemaphores,
  type OpenSysvSemaphoresOptions,
  openSysvSemaphoresSync,
} from "../../lib/sync/sysv_semaphore.ts";
import type { SysvSemaphores } from "../../lib/sync/sysv_semaphore_set.ts";
import { LINUX_AARCH64, LINUX_X86_64, SEM } from "../../lib/sys/linux.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { fixture, inNamespace, lines, NOBODY, NOBODY_UID, outcome, sleepsIn, SYS, uniqueKey } from "./other_process.ts";
import { compileC, Peer } from "./peer.ts";

const SECOND = 1000;
const TAKE = [{ index: 0, change: -1 }];
const GIVE = [{ index: 0, change: 1 }];
const folder = Deno.makeTempDirSync({ prefix: "causeway-test-" });
const c = await compileC("semaphore_sysv_peer.c", folder);
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** A set that is gone at the end. */
class TestSet implements Disposable {
  readonly set: SysvSemaphores;

  constructor(values: number[] | SysvSemaphores, mode = 0o600) {
    this.set = Array.isArray(values) ? createSysvSemaphores("private", { values, mode }) : values;
  }

  get reference(): string {
    return `#${this.set.id}`;
  }

  [Symbol.dispose](): void {
    try {
      this.set.remove();
    } catch (error) {
      if (!(error instanceof PosixError && error.code === "EIDRM") && !(error instanceof ClosedError)) throw error;
    }
  }
}

Deno.test("offsets and numbers are the C compiler's", async () => {
  const layout = LINUX_X86_64.semidDs;
  if (Deno.build.arch === "x86_64") {
    assertEquals(await lines(c, "layout"), [
      `${layout.byteLength} ${layout.uid} ${layout.cuid} ${layout.otime} ${layout.nsems}`,
      `${SEM.sembuf.byteLength} ${SEM.sembuf.num} ${SEM.sembuf.op} ${SEM.sembuf.flg}`,
      [SEM.GETPID, SEM.GETVAL, SEM.GETALL, SEM.GETNCNT, SEM.GETZCNT, SEM.SETVAL, SEM.SETALL, SEM.UNDO].join(" "),
    ]);
  }
  // The kernel's generic headers are aarch64's.
  const source = `${folder}/generic.c`;
  const offsets = ["sem_perm.uid", "sem_perm.cuid", "sem_otime", "sem_nsems"];
  Deno.writeTextFileSync(
    source,
    `#include <stddef.h>\n#include <stdio.h>\n#include <linux/types.h>\n#include <asm-generic/ipcbuf.h>\n` +
      `#include <asm-generic/sembuf.h>\nint main(void) { printf("%zu${" %zu".repeat(offsets.length)}\\n", ` +
      `sizeof(struct semid64_ds)${offsets.map((name) => `, offsetof(struct semid64_ds, ${name})`).join("")}); }\n`,
  );
  await lines("gcc", "-o", `${folder}/generic`, source);
  const { byteLength, uid, cuid, otime, nsems } = LINUX_AARCH64.semidDs;
  assertEquals(await lines(`${folder}/generic`), [[byteLength, uid, cuid, otime, nsems].join(" ")]);
});

Deno.test("C finds the set by its key and changes it, ipcs lists it", async () => {
  const key = uniqueKey();
  using test = new TestSet(createSysvSemaphores(key, { values: [2, 0, 5], mode: 0o640 }));
  const { set } = test;
  assertEquals([set.key, set.length, set.values], [key, 3, [2, 0, 5]]);
  assertEquals(await lines(c, "value", String(key), "2"), ["5"]);
  assertEquals(await lines(c, "change", String(key), "1", "7"), ["waiting", "changed"]);
  assertEquals(set.values, [2, 7, 5]);
  const listed = (await lines("ipcs", "-s", "-i", String(set.id))).join("\n");
  assertStringIncludes(listed, "nsems = 3");
  assertStringIncludes(listed, "0640");
});

Deno.test("a semaphore that C made and set opens at once, by its value", async () => {
  const key = uniqueKey();
  const [id] = await lines(c, "create", String(key), "1");
  using test = new TestSet(openSysvSemaphoresSync(key, { timeoutMs: 0 }));
  assertEquals([test.set.id, test.set.values], [Number(id), [1]]);
});

Deno.test("operations are done all or none, in every form", async () => {
  using test = new TestSet([3, 0, 1]);
  const { set } = test;
  const both = [{ index: 0, change: -2 }, { index: 1, change: 5 }];
  assertEquals(set.tryOperate(both), true);
  assertEquals(set.tryOperate(both), false);
  assertEquals(set.values, [1, 5, 1]);
  await assertRejects(() => set.operate(both, { timeoutMs: 5 }), DOMException, "timed out");
  assertThrows(() => set.operateSync(both, { timeoutMs: 5 }), DOMException, "timed out");
  assertEquals(set.values, [1, 5, 1]);
  // Operations of one call see each other: two take what one added, and 0 waits for what was taken.
  set.operateSync([{ index: 1, change: -5 }, { index: 1, change: 0 }, { index: 2, change: 1 }, {
    index: 2,
    change: -2,
  }]);
  assertEquals(set.values, [1, 0, 0]);
  await set.operate([{ index: 0, change: 1 }]);
  assertEquals(set.values, [2, 0, 0]);
});

Deno.test("a change of 0 waits until the value is 0", async () => {
  using test = new TestSet([1]);
  const zero = [{ index: 0, change: 0 }];
  assertEquals(test.set.tryOperate(zero), false);
  const waited = test.set.operate(zero);
  await lines(c, "change", test.reference, "0", "-1");
  await watchdog(60 * SECOND, waited);
  test.set.operateSync(zero, { timeoutMs: 0 });
});

Deno.test("a C program that sleeps is woken, and counted until then", async () => {
  using test = new TestSet([0]);
  await using peer = Peer.program(c, "change", test.reference, "0", "-2");
  assertEquals(await peer.says(), "waiting");
  await watchdog(60 * SECOND, sleepsIn(peer.pid, SYS.semtimedop));
  assertEquals(test.set.status(0), { value: 0, lastPid: Deno.pid, waitingForMore: 1, waitingForZero: 0 });
  test.set.set(0, 1);
  test.set.operateSync(GIVE);
  assertEquals(await watchdog(60 * SECOND, peer.says()), "changed");
  assertEquals(test.set.status(0), { value: 0, lastPid: peer.pid, waitingForMore: 0, waitingForZero: 0 });
});

const HOLDERS: [who: string, start: (id: number) => Peer][] = [
  ["a Deno process", (id) => Peer.deno("semaphore_holder.ts", { args: [String(id)] })],
  ["a C process", (id) => Peer.program(c, "hold", `#${id}`, "0")],
];
for (const [who, start] of HOLDERS) {
  Deno.test(`SIGKILL of ${who} gives back what it took with undo`, async () => {
    using test = new TestSet([1]);
    await using holder = start(test.set.id);
    assertEquals(await holder.says(), "held");
    assertEquals(test.set.tryAcquire(0), undefined);
    const acquired = test.set.acquire(0);
    holder.kill("SIGKILL");
    using permit = await watchdog(60 * SECOND, acquired);
    assertEquals([permit.index, permit.count], [0, 1]);
  });
}

Deno.test("undo is the process's: the end of a Worker gives nothing back", async () => {
  using test = new TestSet([1]);
  const worker = new Worker(new URL("../fixtures/semaphore_worker.ts", import.meta.url), { type: "module" });
  const held = new Promise((resolve) => worker.onmessage = ({ data }) => resolve(data));
  worker.postMessage(test.set.id);
  assertEquals(await watchdog(60 * SECOND, held), "held");
  worker.terminate();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assertEquals(test.set.values, [0]);
});

Deno.test("what was taken without undo stays taken after SIGKILL", async () => {
  using test = new TestSet([1]);
  await lines(c, "change", test.reference, "0", "-1");
  assertEquals(test.set.values, [0]);
});

Deno.test("permits come back at the end of their scope, once, and only so many", async () => {
  using test = new TestSet([5]);
  const { set } = test;
  {
    using _two = await set.acquire(0, { count: 2 });
    using one = set.acquireSync(0);
    assertEquals(set.values, [2]);
    assertEquals(set.tryAcquire(0, { count: 3 }), undefined);
    one.release();
    one.release();
    assertEquals(set.values, [3]);
  }
  assertEquals(set.values, [5]);
  using last = set.acquireSync(0);
  set.close();
  last.release();
  using again = await openSysvSemaphores({ id: set.id });
  assertEquals(again.values, [5]);
  using orphan = again.acquireSync(0);
  again.remove();
  orphan.release();
});

Deno.test("acquireSync sleeps until C posts; signals end neither the wait nor the deadline", async () => {
  using test = new TestSet([0]);
  await using waiter = Peer.deno("semaphore_wait_sync.ts", { args: ["sysv", String(test.set.id)] });
  assertEquals(await waiter.says(), "waiting");
  for (let signal = 0; signal < 3; signal++) {
    await watchdog(60 * SECOND, sleepsIn(waiter.pid, SYS.semtimedop));
    waiter.kill("SIGUSR1");
  }
  await watchdog(60 * SECOND, sleepsIn(waiter.pid, SYS.semtimedop));
  // The last signal may still be on its way out of the sleep and back into it.
  await watchdog(60 * SECOND, async () => {
    while (test.set.status(0).waitingForMore !== 1) await new Promise((resolve) => setTimeout(resolve, 1));
  });
  await lines(c, "change", test.reference, "0", "1");
  assertEquals(await watchdog(60 * SECOND, waiter.says()), "got it");
});

Deno.test("EIDRM: removing the set ends every wait, and every later call says the same", async () => {
  using test = new TestSet([0]);
  const { set } = test;
  await using sleeper = Peer.deno("semaphore_wait_sync.ts", { args: ["sysv", String(set.id)] });
  assertEquals(await sleeper.says(), "waiting");
  await watchdog(60 * SECOND, sleepsIn(sleeper.pid, SYS.semtimedop));
  const waiting = assertRejects(() => set.operate(TAKE), PosixError);
  await new Promise((resolve) => setTimeout(resolve, 5));
  using other = await openSysvSemaphores({ id: set.id });
  other.remove();
  assertEquals((await watchdog(60 * SECOND, waiting)).code, "EIDRM");
  assertEquals(await watchdog(60 * SECOND, sleeper.says()), "EIDRM");
  const calls = [
    () => set.values,
    () => set.tryOperate(GIVE),
    () => set.operateSync(GIVE),
    () => set.set(0, 1),
    () => set.status(0),
    () => set.remove(),
  ];
  for (const call of calls) assertEquals(assertThrows(call, PosixError, "the set has been removed").code, "EIDRM");
  await assertRejects(() => set.acquire(0), PosixError, "EIDRM");
  await assertRejects(() => openSysvSemaphores({ id: set.id }), PosixError, "EINVAL");
});

Deno.test("waits end at their deadline, and an aborted one takes nothing afterwards", async () => {
  using test = new TestSet([0]);
  const { set } = test;
  for (const timeoutMs of [0, 20]) {
    assertEquals((await assertRejects(() => set.acquire(0, { timeoutMs }), DOMException)).name, "TimeoutError");
    assertEquals(assertThrows(() => set.acquireSync(0, { timeoutMs }), DOMException).name, "TimeoutError");
  }
  const controller = new AbortController();
  const wait = set.acquire(0, { signal: controller.signal }).catch((reason) => reason);
  await new Promise((resolve) => setTimeout(resolve, 5));
  controller.abort("enough");
  set.operateSync(GIVE);
  assertEquals(await wait, "enough");
  await new Promise((resolve) => setTimeout(resolve, 50));
  assertEquals(set.values, [1]);
  assertEquals(await set.operate(TAKE, { signal: AbortSignal.abort("no") }).catch((reason) => reason), "no");
  assertEquals(set.values, [1]);
});

Deno.test("after close everything throws ClosedError, a pending wait too", async () => {
  using test = new TestSet([0]);
  using set = await openSysvSemaphores({ id: test.set.id });
  const pending = assertRejects(() => set.operate(TAKE), ClosedError);
  await new Promise((resolve) => setTimeout(resolve, 5));
  set.close();
  set.close();
  await watchdog(60 * SECOND, pending);
  const calls = [
    () => set.values,
    () => set.tryOperate(GIVE),
    () => set.operateSync(GIVE),
    () => set.set(0, 1),
    () => set.status(0),
    () => set.remove(),
  ];
  for (const call of calls) assertThrows(call, ClosedError);
  assertEquals(test.set.values, [0]);
});

Deno.test("set stores a value and forgets what would be undone", async () => {
  using test = new TestSet([1, 9]);
  await using holder = Peer.program(c, "hold", test.reference, "0");
  assertEquals(await holder.says(), "held");
  test.set.set(0, 4);
  holder.kill("SIGKILL");
  await holder.status;
  assertEquals(test.set.values, [4, 9]);
});

Deno.test("of 100 exclusive creators one wins", () => {
  const key = uniqueKey();
  const made: SysvSemaphores[] = [];
  for (let value = 0; value < 100; value++) {
    try {
      made.push(createSysvSemaphores(key, { values: [value] }));
    } catch (error) {
      assert(error instanceof PosixError);
      assertEquals([error.code, error.syscall], ["EEXIST", "semget"]);
    }
  }
  assertEquals(made.map((set) => set.values), [[0]]);
  for (const set of made) set.remove();
});

Deno.test("an opener waits until a creator that is slow has given the values", async () => {
  const key = uniqueKey();
  const reading = outcome("semaphore_outcome.ts", { args: ["sysv-values", key] });
  const slow = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=semop,semtimedop"];
  const under = [...slow, "-e", "inject=semop,semtimedop:delay_enter=500000"];
  assertEquals(await outcome("semaphore_outcome.ts", { args: ["sysv-create", key, "[3,0,4]"], under }), "ok");
  using _test = new TestSet(openSysvSemaphoresSync(key));
  assertEquals(await watchdog(60 * SECOND, reading), "looking\n[3,0,4]");
});

Deno.test("an opener that waits goes on when somebody operates on the set", async () => {
  const key = uniqueKey();
  const [id] = await lines(c, "bare", String(key), "2");
  using _test = new TestSet(openSysvSemaphoresSync(key, { uninitialized: "accept" }));
  const opening = openSysvSemaphores(key, { timeoutMs: 60 * SECOND });
  await new Promise((resolve) => setTimeout(resolve, 20));
  await lines(c, "change", `#${id}`, "1", "5");
  using set = await watchdog(60 * SECOND, opening);
  assertEquals(set.values, [0, 5]);
});

Deno.test("a creator killed before the values leaves a set that opens by a timeout only, and can be replaced", async () => {
  const key = uniqueKey();
  const strace = ["-f", "-qq", "-o", "/dev/null", "-e", "trace=semtimedop", "-e", "inject=semtimedop:signal=SIGKILL"];
  const deno = [Deno.execPath(), "run", "-A", "--no-check", fixture("semaphore_outcome.ts"), "sysv-create"];
  const args = [...strace, ...deno, String(key), "[1,2]"];
  const { success } = await new Deno.Command("strace", { args, stdout: "null", stderr: "null" }).output();
  assertEquals(success, false);
  const error = assertThrows(() => openSysvSemaphoresSync(key, { timeoutMs: 50 }), DOMException, "uninitialized");
  assertEquals(error.name, "TimeoutError");
  await assertRejects(() => openSysvSemaphores(key, { timeoutMs: 50 }), DOMException, "timed out");
  openSysvSemaphoresSync(key, { uninitialized: "accept" }).remove();
  using test = new TestSet(createSysvSemaphores(key, { values: [1, 2] }));
  assertEquals(test.set.values, [1, 2]);
});

Deno.test("sets of zeros, and sets of more values than one semop takes, are open at once", async () => {
  const many = Array.from({ length: 600 }, (_, index) => index % 7 + 1);
  for (const values of [[0], [0, 0, 0], [32767], [32767, 1], many, [0, ...many]]) {
    using test = new TestSet(values);
    using set = await openSysvSemaphores({ id: test.set.id }, { timeoutMs: 0 });
    assertEquals(set.values, values);
  }
});

Deno.test("ENOENT, EINVAL, E2BIG, ERANGE: the error names the limit", () => {
  assertEquals(assertThrows(() => openSysvSemaphoresSync(uniqueKey()), PosixError).code, "ENOENT");
  assertEquals(assertThrows(() => openSysvSemaphoresSync({ id: 0x7fff_ffff }), PosixError).code, "EINVAL");
  const tooMany = new Array<number>(40_000).fill(0);
  assertThrows(() => createSysvSemaphores("private", { values: tooMany }), PosixError, "SEMMSL is 32000");
  using test = new TestSet([32767]);
  const operations = Array.from({ length: 501 }, () => TAKE[0]!);
  assertThrows(() => test.set.tryOperate(operations), PosixError, "SEMOPM is 500");
  assertThrows(() => test.set.tryOperate(GIVE), PosixError, "ERANGE");
  assertEquals(test.set.values, [32767]);
});

Deno.test("ENOSPC: the error names the limit, and nothing stays", async () => {
  const under = inNamespace(["-i", "-m"], "echo 250 32000 100 1 > /proc/sys/kernel/sem");
  const said = await outcome("semaphore_outcome.ts", { args: ["sysv-create-two"], under });
  assertStringIncludes(said, "(ENOSPC)");
  assertStringIncludes(said, "SEMMNI is 1");
});

Deno.test("EACCES and EPERM: another user cannot open a private set, nor remove a public one", async () => {
  using hidden = new TestSet([0]);
  using shown = new TestSet([0], 0o666);
  using readable = new TestSet([0], 0o644);
  const asNobody = (verb: string, { set }: TestSet) =>
    outcome("semaphore_outcome.ts", { args: [verb, set.id], under: NOBODY });
  assertStringIncludes(await asNobody("sysv-open", hidden), "(EACCES)");
  assertEquals(await asNobody("sysv-open", shown), "ok");
  assertEquals(await asNobody("sysv-change", shown), "ok");
  assertStringIncludes(await asNobody("sysv-change", readable), "semop failed");
  assertStringIncludes(await asNobody("sysv-remove", shown), "(EPERM)");
  assertEquals(shown.set.values, [1]);
});

Deno.test("another user's set under our key is refused, unless that user is named", async () => {
  using test = new TestSet([2]);
  assertEquals(await lines(c, "give", test.reference, String(NOBODY_UID)), ["given"]);
  const open = (options?: OpenSysvSemaphoresOptions) => openSysvSemaphoresSync({ id: test.set.id }, options).values;
  assertThrows(() => open(), PosixError, `it belongs to user ${NOBODY_UID}`);
  assertThrows(() => open({ owner: 1 }), PosixError, "EACCES");
  assertEquals(open({ owner: NOBODY_UID }), [2]);
  assertEquals(open({ owner: "any" }), [2]);
});

Deno.test("arguments that cannot be throw before any call", async () => {
  const values = [0];
  for (const key of [0, 0.5, 2 ** 32, -(2 ** 31) - 1, NaN, "x" as unknown as number]) {
    assertThrows(() => createSysvSemaphores(key, { values }), TypeError, "key");
    assertThrows(() => openSysvSemaphoresSync(key), TypeError, "key");
  }
  for (const id of [-1, 0.5, 2 ** 31]) await assertRejects(() => openSysvSemaphores({ id }), TypeError, "id");
  for (const value of [-1, 32768, 0.5]) {
    assertThrows(() => createSysvSemaphores("private", { values: [value] }), RangeError, "value");
  }
  assertThrows(() => createSysvSemaphores("private", { values: [] }), RangeError, "values");
  assertThrows(() => createSysvSemaphores("private", { values, mode: 0o1000 }), RangeError, "mode");
  const wrong = { uninitialized: "perhaps" as unknown as "wait" };
  assertThrows(() => openSysvSemaphoresSync(uniqueKey(), wrong), TypeError, "uninitialized");
  using test = new TestSet([0, 0]);
  const { set } = test;
  assertThrows(() => set.tryOperate([]), RangeError, "operations");
  for (const index of [-1, 2, 0.5]) {
    assertThrows(() => set.tryOperate([{ index, change: 1 }]), RangeError, "index");
    assertThrows(() => set.status(index), RangeError, "index");
    assertThrows(() => set.set(index, 1), RangeError, "index");
    assertThrows(() => set.tryAcquire(index), RangeError, "index");
  }
  for (const change of [-32769, 32768, 0.5]) {
    assertThrows(() => set.tryOperate([{ index: 0, change }]), RangeError, "change");
  }
  for (const count of [0, 32768, 0.5]) assertThrows(() => set.tryAcquire(0, { count }), RangeError, "count");
  for (const value of [-1, 32768]) assertThrows(() => set.set(0, value), RangeError, "value");
  assertEquals(set.values, [0, 0]);
});

Deno.test("sets leave no id behind, failures included", async () => {
  await noLeaks(async () => {
    using test = new TestSet([1]);
    using _set = await openSysvSemaphores({ id: test.set.id });
    using _permit = await test.set.acquire(0);
    await assertRejects(() => test.set.acquire(0, { timeoutMs: 3 }), DOMException);
    assertThrows(() => createSysvSemaphores("private", { values: [-1] }), RangeError);
  });
});
