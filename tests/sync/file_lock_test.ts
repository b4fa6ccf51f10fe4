// Needs: gcc, python3, strace, root
import { assert, assertEquals, assertRejects, assertStringIncludes, assertThrows } from "@std/assert";
import { dirname } from "@std/path";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import { lockFile, type LockFileOptions, lockFileSync, tryLockFile } from "../../lib/sync/file_lock.ts";
import { OfdLock } from "../../lib/sync/lock_calls.ts";
import { Fd } from "../../lib/sys/fd.ts";
import { fileFacts, nameFacts } from "../../lib/sys/file_facts.ts";
import { LOCK, O, OFD } from "../../lib/sys/linux.ts";
import { libc } from "../../lib/sys/libc.ts";
import { cString } from "../../lib/sys/memory.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { withEnoughTime } from "../helpers/patience.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { fixture, inNamespace, lines, NOBODY, outcome, sleepsIn, SYS } from "./other_process.ts";
import { compileC, Peer } from "./peer.ts";

const SECOND = 1000;
const python = "/usr/bin/python3";
const KINDS = ["flock", "ofd"] as const;
const folder = Deno.makeTempDirSync({ prefix: "causeway-test-" });
const c = await compileC("file_lock_peer.c", folder);
// Another user comes by.
Deno.chmodSync(folder, 0o755);
addEventListener("unload", () => Deno.removeSync(folder, { recursive: true }));

/** A path in a directory of its own that nobody has used. */
const newPath = (): string => `${Deno.makeTempDirSync({ dir: folder })}/lock`;
const turn = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));
const isLocked = (path: string, options: LockFileOptions = {}) => {
  using lock = tryLockFile(path, options);
  return lock === undefined;
};

function openFile(path: string, flags: number): Fd {
  return Fd.own(libc().open(cString(path, "path"), flags | O.CREAT | O.CLOEXEC, 0o600), path);
}

async function code(...words: string[]): Promise<number> {
  const [program = "", ...args] = words;
  return (await new Deno.Command(program, { args, stdin: "null", stdout: "null", stderr: "null" }).output()).code;
}

Deno.test("offsets and numbers are the C compiler's", async () => {
  const { byteLength, type, whence, start, len } = OFD.flock;
  assertEquals(await lines(c, "layout"), [
    [byteLength, type, whence, start, len].join(" "),
    [OFD.SETLK, OFD.SETLKW, OFD.RDLCK, OFD.WRLCK, OFD.UNLCK].join(" "),
    [LOCK.SH, LOCK.EX, LOCK.NB, LOCK.UN].join(" "),
  ]);
});

Deno.test("OfdLock.isHeldElsewhere tells of others' locks of the same bytes, and takes none", () => {
  const path = newPath();
  const [first, second, other] = [new OfdLock(0, 1), new OfdLock(0, 4), new OfdLock(4, 1)];
  using mine = openFile(path, O.RDWR);
  using theirs = openFile(path, O.RDWR);
  assertEquals(first.isHeldElsewhere(mine), false);
  assertEquals([first.try(theirs, "exclusive"), second.isHeldElsewhere(mine), other.isHeldElsewhere(mine)], [
    true,
    true,
    false,
  ]);
  assertEquals([first.isHeldElsewhere(theirs), first.try(theirs, "shared"), first.isHeldElsewhere(mine)], [
    false,
    true,
    true,
  ]);
  first.unlock(theirs);
  assertEquals([first.isHeldElsewhere(mine), first.try(theirs, "exclusive")], [false, true]);
});

Deno.test("flock(1) sees an exclusive and a shared lock as what they are", async () => {
  const path = newPath();
  const exclusive = await lockFile(path);
  assertEquals([await code("flock", "-n", path, "true"), await code("flock", "-n", "-s", path, "true")], [1, 1]);
  exclusive.unlock();
  using _shared = lockFileSync(path, { shared: true });
  assertEquals([await code("flock", "-n", path, "true"), await code("flock", "-n", "-s", path, "true")], [1, 0]);
});

const HOLDERS: [who: string, kind: "flock" | "ofd", start: (path: string) => Peer][] = [
  ["flock(1)", "flock", (path) => Peer.program("flock", path, "sh", "-c", "echo locked; read line; echo unlocked")],
  ["python's fcntl.flock", "flock", (path) => Peer.program(python, fixture("file_lock_peer.py"), path, "hold")],
  ["C's flock", "flock", (path) => Peer.program(c, "flock", path, "exclusive")],
  ["C's F_OFD_SETLKW", "ofd", (path) => Peer.program(c, "ofd", path, "exclusive")],
  ["C's classic fcntl", "ofd", (path) => Peer.program(c, "classic", path, "exclusive")],
];
for (const [who, kind, start] of HOLDERS) {
  Deno.test(`lockFile waits for ${who}, tryLockFile does not`, async () => {
    const path = newPath();
    await using peer = start(path);
    assertEquals(await peer.says(), "locked");
    assertEquals(isLocked(path, { kind }), true);
    assertEquals(isLocked(path, { kind: kind === "ofd" ? "flock" : "ofd" }), false);
    const waiting = lockFile(path, { kind });
    await peer.tell("enough");
    using lock = await watchdog(60 * SECOND, waiting);
    assertEquals([lock.kind, lock.state, lock.path], [kind, "exclusive", path]);
  });
}

Deno.test("Deno.FsFile.lockSync is the same lock", () => {
  const path = newPath();
  using file = Deno.openSync(path, { create: true, write: true });
  file.lockSync(true);
  assertEquals(isLocked(path), true);
  file.unlockSync();
  assertEquals(isLocked(path), false);
});

for (const kind of KINDS) {
  Deno.test(`${kind}: SIGKILL of the holder frees the file, though a child of it lives on`, async () => {
    const path = newPath();
    await using holder = Peer.deno("file_lock_holder.ts", { args: [path, kind] });
    const child = Number(await holder.says());
    try {
      assertEquals(isLocked(path, { kind }), true);
      const waiting = lockFile(path, { kind });
      holder.kill("SIGKILL");
      using _lock = await watchdog(60 * SECOND, waiting);
      Deno.kill(child, "SIGCONT");
    } finally {
      Deno.kill(child, "SIGKILL");
    }
  });

  Deno.test(`${kind}: lockFileSync sleeps in the kernel; signals do not end that`, async () => {
    const path = newPath();
    await using holder = Peer.program(c, kind, path, "exclusive");
    assertEquals(await holder.says(), "locked");
    await using waiter = Peer.deno("file_lock_wait_sync.ts", { args: [path, kind] });
    assertEquals(await waiter.says(), "waiting");
    for (let signal = 0; signal < 3; signal++) {
      await watchdog(60 * SECOND, sleepsIn(waiter.pid, SYS.flock, SYS.fcntl));
      waiter.kill("SIGUSR1");
    }
    await watchdog(60 * SECOND, sleepsIn(waiter.pid, SYS.flock, SYS.fcntl));
    await holder.tell("enough");
    assertEquals(await watchdog(60 * SECOND, waiter.says()), `exclusive ${nameFacts(path).identity}`);
  });

  Deno.test(`${kind}: locks of one process exclude each other, sharers do not`, async () => {
    const path = newPath();
    const first = tryLockFile(path, { kind });
    assert(first !== undefined);
    assertEquals([isLocked(path, { kind }), isLocked(path, { kind, shared: true })], [true, true]);
    assertThrows(() => lockFileSync(path, { kind }), PosixError, "EDEADLK");
    assertThrows(() => lockFileSync(path, { kind, timeoutMs: 60 * SECOND }), PosixError, "EDEADLK");
    const order: number[] = [];
    const task = async (number: number) => {
      using _lock = await lockFile(path, { kind });
      order.push(number);
      await turn(1);
      order.push(number);
    };
    const tasks = Promise.all([task(1), task(2), task(3)]);
    first.unlock();
    first.unlock();
    await watchdog(60 * SECOND, tasks);
    for (let index = 0; index < 6; index += 2) assertEquals(order[index], order[index + 1]);
    using _shared = await lockFile(path, { kind, shared: true });
    using _too = lockFileSync(path, { kind, shared: true });
    assertThrows(() => lockFileSync(path, { kind }), PosixError, "EDEADLK");
  });

  Deno.test(`${kind}: a lock is waited for until the deadline, and an aborted wait gets none afterwards`, async () => {
    const path = newPath();
    await using holder = Peer.program(c, kind, path, "exclusive");
    assertEquals(await holder.says(), "locked");
    await noLeaks(async () => {
      for (const timeoutMs of [0, 20]) {
        const error = await assertRejects(() => lockFile(path, { kind, timeoutMs }), DOMException, path);
        assertEquals(error.name, "TimeoutError");
        assertEquals(assertThrows(() => lockFileSync(path, { kind, timeoutMs }), DOMException).name, "TimeoutError");
      }
      const controller = new AbortController();
      const wait = lockFile(path, { kind, signal: controller.signal }).catch((reason) => reason);
      await turn(5);
      controller.abort("enough");
      assertEquals(await wait, "enough");
    });
    await holder.tell("enough");
    assertEquals(await holder.says(), "unlocked");
    await turn(50);
    assertEquals(isLocked(path, { kind }), false);
  });

  Deno.test(`${kind}: who gets the lock of a deleted file takes that of the file in its place`, async () => {
    const path = newPath();
    const old = lockFileSync(path, { kind });
    const waiting = lockFile(path, { kind });
    await using sleeper = Peer.deno("file_lock_wait_sync.ts", { args: [path, kind] });
    assertEquals(await sleeper.says(), "waiting");
    await watchdog(60 * SECOND, sleepsIn(sleeper.pid, SYS.flock, SYS.fcntl));
    const before = nameFacts(path).identity;
    Deno.removeSync(path);
    // Both wait for the file that is gone; the first to have its lock makes a new file.
    old.unlock();
    const mine = await watchdog(60 * SECOND, waiting);
    const now = nameFacts(path).identity;
    assertEquals([now === before, fileFacts(mine.fd).identity], [false, now]);
    mine.unlock();
    assertEquals(await watchdog(60 * SECOND, sleeper.says()), `exclusive ${now}`);
  });

  Deno.test(`${kind}: a lock is converted both ways`, async () => {
    const path = newPath();
    using fd = openFile(path, O.RDWR);
    using lock = await lockFile(fd, { kind, shared: true });
    assertEquals([lock.state, isLocked(path, { kind, shared: true }), isLocked(path, { kind })], [
      "shared",
      false,
      true,
    ]);
    await lock.convert("exclusive");
    assertEquals([lock.state, isLocked(path, { kind, shared: true })], ["exclusive", true]);
    lock.convertSync("shared");
    assertEquals([lock.state, isLocked(path, { kind, shared: true })], ["shared", false]);
    assertEquals([lock.tryConvert("exclusive"), lock.state], [true, "exclusive"]);
    assertEquals([lock.tryConvert("exclusive"), lock.state], [true, "exclusive"]);
    lock.unlock();
    assertEquals([lock.state, isLocked(path, { kind })], ["unlocked", false]);
    assertThrows(() => lock.tryConvert("shared"), ClosedError);
    assertThrows(() => lock.convertSync("shared"), ClosedError);
    await assertRejects(() => lock.convert("shared"), ClosedError);
  });

  Deno.test(`${kind}: a conversion that fails leaves the old lock`, async () => {
    const path = newPath();
    using fd = openFile(path, O.RDWR);
    await using sharer = Peer.program(c, kind, path, "shared");
    assertEquals(await sharer.says(), "locked");
    using lock = await lockFile(fd, { kind, shared: true });
    assertEquals([lock.tryConvert("exclusive"), lock.state], [false, "shared"]);
    await assertRejects(() => lock.convert("exclusive", { timeoutMs: 20 }), DOMException, "timed out");
    assertThrows(() => lock.convertSync("exclusive", { timeoutMs: 20 }), DOMException, "timed out");
    assertEquals(await lock.convert("exclusive", { signal: AbortSignal.abort("no") }).catch((reason) => reason), "no");
    assertEquals(lock.state, "shared");
    const converting = lock.convert("exclusive");
    await sharer.tell("enough");
    await watchdog(60 * SECOND, converting);
    assertEquals([lock.state, isLocked(path, { kind, shared: true })], ["exclusive", true]);
  });

  Deno.test(`${kind}: a descriptor stays the caller's, and has one lock at a time`, async () => {
    const path = newPath();
    const fd = openFile(path, O.RDWR);
    const lock = lockFileSync(fd, { kind });
    assertEquals([lock.fd === fd, lock.path], [true, undefined]);
    assertEquals(tryLockFile(fd, { kind, shared: true }), undefined);
    assertThrows(() => lockFileSync(fd, { kind }), PosixError, "EDEADLK");
    const next = lockFile(fd, { kind });
    await turn(5);
    lock.unlock();
    const again = await watchdog(60 * SECOND, next);
    assertEquals([fd.closed, again.state, isLocked(path, { kind })], [false, "exclusive", true]);
    fd.close();
    assertEquals([again.state, isLocked(path, { kind })], ["unlocked", false]);
    again.unlock();
    assertThrows(() => tryLockFile(fd, { kind }), ClosedError);
    await assertRejects(() => lockFile(fd, { kind }), ClosedError);
  });

  Deno.test(`${kind}: a duplicate of the descriptor keeps the lock until unlock`, () => {
    const path = newPath();
    const lock = lockFileSync(path, { kind });
    using copy = lock.fd.duplicate();
    lock.fd.close();
    assertEquals([lock.state, isLocked(path, { kind })], ["unlocked", true]);
    copy.close();
    assertEquals(isLocked(path, { kind }), false);
    lock.unlock();
    const second = lockFileSync(path, { kind });
    using _copy = second.fd.duplicate();
    second.unlock();
    assertEquals(isLocked(path, { kind }), false);
  });
}

Deno.test("ofd: ranges exclude each other where they overlap, C's too", async () => {
  const path = newPath();
  const range = (start: number, length: number): LockFileOptions => ({ kind: "ofd", start, length });
  await using peer = Peer.program(c, "ofd", path, "exclusive", "100", "50");
  assertEquals(await peer.says(), "locked");
  using mine = await lockFile(path, range(0, 100));
  assertEquals(mine.state, "exclusive");
  const FREE: [start: number, length: number, free: boolean][] = [
    [100, 1, false],
    [149, 1, false],
    [150, 10, true],
    [150, Infinity, true],
    [99, 1, false],
    [0, Infinity, false],
    [2 ** 50, 2 ** 50, true],
  ];
  for (const [start, length, free] of FREE) {
    assertEquals(!isLocked(path, range(start, length)), free, `${start} +${length}`);
  }
  using _other = lockFileSync(path, range(150, 1));
  assertThrows(() => lockFileSync(path, range(0, 1)), PosixError, "EDEADLK");
  await assertRejects(() => lockFile(path, { ...range(120, 1), timeoutMs: 5 }), DOMException, "timed out");
});

Deno.test("flock: a lock that somebody took during a conversion is gone, and the lock says so", async () => {
  // The time has to be enough for the thief.
  await withEnoughTime(200, async (timeoutMs) => {
    const path = newPath();
    await using sharer = Peer.program(c, "flock", path, "shared");
    assertEquals(await sharer.says(), "locked");
    using lock = await lockFile(path, { shared: true });
    await using thief = Peer.program(c, "flock", path, "exclusive");
    await watchdog(60 * SECOND, sleepsIn(thief.pid, SYS.flock));
    const converting = assertRejects(() => lock.convert("exclusive", { timeoutMs }), DOMException, "timed out");
    await turn(20);
    assertEquals(lock.state, "unlocked");
    // Without a turn of the event loop: the thief comes first.
    sharer.kill("SIGKILL");
    // While it runs ("running" instead of a number) it may not have the lock yet.
    let call: number;
    do call = parseInt(Deno.readTextFileSync(`/proc/${thief.pid}/syscall`)); while (
      Number.isNaN(call) || call === SYS.flock
    );
    await watchdog(60 * SECOND, converting);
    assertEquals([lock.state, lock.fd.closed], ["unlocked", true]);
    assertEquals(await thief.says(), "locked");
  });
});

Deno.test("flock: a file that is replaced during a conversion is ESTALE, and the lock is gone", async () => {
  const path = newPath();
  const lock = await lockFile(path, { shared: true });
  Deno.removeSync(path);
  Deno.writeTextFileSync(path, "");
  assertEquals(assertThrows(() => lock.convertSync("exclusive"), PosixError).code, "ESTALE");
  assertEquals([lock.state, lock.fd.closed], ["unlocked", true]);
});

Deno.test("convertSync refuses to wait for this thread itself", () => {
  const path = newPath();
  using one = lockFileSync(path, { shared: true });
  using _two = lockFileSync(path, { shared: true });
  assertThrows(() => one.convertSync("exclusive"), PosixError, "EDEADLK");
  assertEquals(one.state, "shared");
});

Deno.test("unlocking during a conversion ends it", async () => {
  const path = newPath();
  await using sharer = Peer.program(c, "flock", path, "shared");
  assertEquals(await sharer.says(), "locked");
  const lock = await lockFile(path, { shared: true });
  const converting = assertRejects(() => lock.convert("exclusive"), ClosedError);
  await turn(5);
  lock.unlock();
  await watchdog(60 * SECOND, converting);
});

const MODES: [mode: number | undefined, umask: number][] = [[undefined, 0], [undefined, 0o777], [0o664, 0o077], [
  0o400,
  0,
]];
for (const [mode, umask] of MODES) {
  Deno.test(`a missing file is created with mode ${mode?.toString(8) ?? "600"} under umask ${umask.toString(8)}`, () => {
    const path = newPath();
    const before = Deno.umask(umask);
    try {
      tryLockFile(path, { mode })?.unlock();
      tryLockFile(path, { mode, kind: "ofd" })?.unlock();
    } finally {
      Deno.umask(before);
    }
    const { mode: found, size } = Deno.statSync(path);
    assertEquals([(found ?? 0) & 0o7777, size], [mode ?? 0o600, 0]);
  });
}

Deno.test("directories are locked by flock, and shared by ofd", async () => {
  const path = Deno.makeTempDirSync({ dir: folder });
  {
    using lock = await lockFile(path);
    assertEquals([lock.state, await code("flock", "-n", path, "true")], ["exclusive", 1]);
  }
  assertThrows(() => tryLockFile(path, { kind: "ofd" }), PosixError, "lock it with flock");
  using shared = tryLockFile(path, { kind: "ofd", shared: true });
  assertEquals(shared?.state, "shared");
});

const BROKEN: [what: string, make: () => string, options: LockFileOptions, code: string][] = [
  ["a missing file that is not to be created", newPath, { create: false }, "ENOENT"],
  ["a path in a missing directory", () => `${newPath()}/lock`, {}, "ENOENT"],
  ["a path in a file", () => `${c}/lock`, {}, "ENOTDIR"],
  [
    "a symbolic link",
    () => {
      const path = newPath();
      Deno.symlinkSync("/etc/passwd", path);
      return path;
    },
    {},
    "ELOOP",
  ],
  [
    "a symbolic link to nothing",
    () => {
      const path = newPath();
      Deno.symlinkSync(`${path}-missing`, path);
      return path;
    },
    {},
    "ELOOP",
  ],
  ["a name that is too long", () => `${folder}/${"x".repeat(256)}`, {}, "ENAMETOOLONG"],
];
for (const [what, make, options, wanted] of BROKEN) {
  Deno.test(`${what} is ${wanted}`, async () => {
    const path = make();
    const error = assertThrows(() => tryLockFile(path, options), PosixError);
    assertEquals([error.code, error.syscall, error.target], [wanted, "open", path]);
    assertEquals((await assertRejects(() => lockFile(path, options), PosixError)).code, wanted);
    assertEquals(assertThrows(() => lockFileSync(path, options), PosixError).code, wanted);
  });
}

Deno.test("EBADF: an ofd lock needs a descriptor open for what it is", () => {
  using reader = openFile(newPath(), O.RDONLY);
  assertThrows(() => tryLockFile(reader, { kind: "ofd" }), PosixError, "open for writing");
  using lock = tryLockFile(reader, { kind: "ofd", shared: true });
  assertThrows(() => lock?.tryConvert("exclusive"), PosixError, "EBADF");
  assertEquals(lock?.state, "shared");
  using writer = openFile(newPath(), O.WRONLY);
  assertThrows(() => tryLockFile(writer, { kind: "ofd", shared: true }), PosixError, "EBADF");
});

Deno.test("EACCES, EROFS, EMFILE, ENOLCK are what they are called", async () => {
  const path = newPath();
  tryLockFile(path)?.unlock();
  const run = (under: string[], ...args: string[]) => outcome("file_lock_outcome.ts", { args: [path, ...args], under });
  assertStringIncludes(await run(NOBODY), `open failed on "${path}": Permission denied (EACCES)`);
  assertStringIncludes(await run(["prlimit", "--nofile=64:64"], "{}", "exhausted"), "(EMFILE)");
  const readOnly = inNamespace(["-m"], `mount -t tmpfs -o ro tmpfs ${dirname(path)}`);
  assertStringIncludes(await run(readOnly), "(EROFS)");
  const failing = (
    how: string,
  ) => ["strace", "-qq", "-o", "/dev/null", "-e", "trace=flock", "-e", `inject=flock:${how}`];
  assertStringIncludes(await run(failing("error=ENOLCK")), `flock failed on "${path}"`);
  assertEquals(await run(failing("error=EINTR:when=1")), "exclusive");
});

Deno.test("permissions are asked for before the path is touched", async () => {
  const path = newPath();
  const run = (options: LockFileOptions, ...flags: string[]) =>
    outcome("file_lock_outcome.ts", { args: [path, JSON.stringify(options)], flags: ["--allow-ffi", ...flags] });
  const [read, write] = [`--allow-read=${path}`, `--allow-write=${path}`];
  assertStringIncludes(await run({}), "--allow-read");
  assertStringIncludes(await run({}, read), "--allow-write");
  assertStringIncludes(await run({ create: false, kind: "ofd" }, read), "--allow-write");
  assertThrows(() => Deno.lstatSync(path), Deno.errors.NotFound);
  assertEquals(await run({}, read, write), "exclusive");
  assertEquals(await run({ create: false }, read), "exclusive");
  assertEquals(await run({ create: false, kind: "ofd", shared: true }, read), "shared");
});

Deno.test("arguments that cannot be throw before anything is created", async () => {
  const path = newPath();
  const wrong: [options: LockFileOptions, error: ErrorConstructor, text: string][] = [
    [{ kind: "fcntl" as unknown as "ofd" }, TypeError, "kind"],
    [{ start: 0 }, TypeError, "start"],
    [{ length: 1 }, TypeError, "length"],
    [{ kind: "ofd", start: -1 }, RangeError, "start"],
    [{ kind: "ofd", start: 0.5 }, RangeError, "start"],
    [{ kind: "ofd", length: 0 }, RangeError, "length"],
    [{ kind: "ofd", start: 1, length: Number.MAX_SAFE_INTEGER }, RangeError, "length"],
    [{ mode: 0o1000 }, RangeError, "mode"],
  ];
  for (const [options, kind, text] of wrong) {
    assertThrows(() => tryLockFile(path, options), kind, text);
    assertThrows(() => lockFileSync(path, options), kind, text);
    await assertRejects(() => lockFile(path, options), kind, text);
  }
  assertThrows(() => tryLockFile("a\0b"), TypeError, "NUL");
  assertThrows(() => lockFileSync(path, { timeoutMs: -1 }), RangeError, "timeoutMs");
  assertThrows(() => Deno.lstatSync(path), Deno.errors.NotFound);
  await assertRejects(() => lockFile(path, { signal: AbortSignal.abort(new Error("no")) }), Error, "no");
  assertThrows(() => Deno.lstatSync(path), Deno.errors.NotFound);
  using lock = lockFileSync(path);
  assertThrows(() => lock.tryConvert("both" as unknown as "shared"), TypeError, "both");
});

Deno.test("Deno, python and flock(1) never hold the lock at the same time", async () => {
  const [path, counter] = [newPath(), newPath()];
  Deno.writeTextFileSync(counter, "0");
  const shell = 'for i in $(seq "$3"); do flock "$1" sh -c \'echo $(($(cat "$0") + 1)) > "$0"\' "$2"; done';
  const each = 100;
  await watchdog(
    120 * SECOND,
    Promise.all([
      outcome("file_lock_count.ts", { args: [path, counter, each] }),
      outcome("file_lock_count.ts", { args: [path, counter, each, "sync"] }),
      lines(python, fixture("file_lock_peer.py"), path, "count", counter, String(each)),
      lines("sh", "-c", shell, "sh", path, counter, String(each)),
    ]),
  );
  assertEquals(Number(Deno.readTextFileSync(counter)), 4 * each);
});

Deno.test("locks leave no descriptor behind, failures included", async () => {
  await noLeaks(async () => {
    const path = newPath();
    {
      using lock = await lockFile(path);
      assertEquals(tryLockFile(path), undefined);
      await assertRejects(() => lockFile(path, { timeoutMs: 3 }), DOMException);
      assertThrows(() => lockFileSync(path), PosixError);
      lock.tryConvert("shared");
    }
    using _ofd = lockFileSync(path, { kind: "ofd" });
  });
});
