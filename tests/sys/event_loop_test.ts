import { assert, assertEquals, assertRejects, assertStrictEquals } from "@std/assert";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import { check } from "../../lib/sys/errno.ts";
import { closeWaited, waitFor } from "../../lib/sys/event_loop.ts";
import { Fd } from "../../lib/sys/fd.ts";
import { libc } from "../../lib/sys/libc.ts";
import { EFD, EPOLL, O, SOCK } from "../../lib/sys/linux.ts";
import { cString } from "../../lib/sys/memory.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { outputOf } from "./run_fixture.ts";

const SECOND = 1000;
const ONE = new BigUint64Array([1n]);

/** An eventfd: ready for reading once it was rung. */
function bell(): Fd {
  return Fd.own(check(libc().eventfd(0, EFD.CLOEXEC | EFD.NONBLOCK), "eventfd"), "Bell");
}

function ring(fd: Fd): void {
  check(libc().write(fd.raw, ONE, 8), "write");
}

function connected(): [Fd, Fd] {
  const numbers = new Int32Array(2);
  check(libc().socketpair(SOCK.AF_UNIX, SOCK.STREAM | SOCK.CLOEXEC | SOCK.NONBLOCK, 0, numbers), "socketpair");
  return [Fd.own(numbers[0]!, "Left"), Fd.own(numbers[1]!, "Right")];
}

function threads(): number {
  return [...Deno.readDirSync("/proc/self/task")].length;
}

Deno.test("waitFor() resolves with the events that are there", async () => {
  await noLeaks(async () => {
    using fd = bell();
    assertEquals(await waitFor(fd, EPOLL.OUT), EPOLL.OUT);
    const waiting = waitFor(fd, EPOLL.IN);
    ring(fd);
    assertEquals(await watchdog(10 * SECOND, waiting), EPOLL.IN);
  });
});

Deno.test("waitFor() takes one thread for any number of waiters, and leaves the pool alone", async () => {
  await noLeaks(async () => {
    const bells = Array.from({ length: 100 }, bell);
    const before = threads();
    const waits = bells.map((fd) => waitFor(fd, EPOLL.IN));
    await new Promise((resolve) => setTimeout(resolve));
    assert(threads() <= before + 1, `${before} threads before, ${threads()} now`);
    // With 32 threads of the pool blocked, this would hang.
    await watchdog(10 * SECOND, Promise.all(Array.from({ length: 40 }, () => Deno.readTextFile("/proc/self/stat"))));
    for (const fd of bells.toReversed()) ring(fd);
    assertEquals(await watchdog(10 * SECOND, Promise.all(waits)), bells.map(() => EPOLL.IN));
    for (const fd of bells) fd.close();
  });
});

Deno.test("waitFor() wakes those who wait for what happened, and only those", async () => {
  await noLeaks(async () => {
    const [left, right] = connected();
    const seen: string[] = [];
    const reads = [1, 2].map((number) => waitFor(left, EPOLL.IN).then(() => seen.push(`in ${number}`)));
    await watchdog(10 * SECOND, waitFor(left, EPOLL.OUT).then(() => seen.push("out")));
    assertEquals(seen, ["out"]);
    libc().write(right.raw, new Uint8Array(1), 1);
    await watchdog(10 * SECOND, Promise.all(reads));
    assertEquals(seen, ["out", "in 1", "in 2"]);
    closeWaited(left);
    closeWaited(right);
  });
});

Deno.test("waitFor() ends when the other side hangs up, whatever it waited for", async () => {
  await noLeaks(async () => {
    const [left, right] = connected();
    // Full, so that it cannot be written.
    while (libc().write(left.raw, new Uint8Array(65_536), 65_536) > 0);
    const waiting = waitFor(left, EPOLL.OUT);
    right.close();
    assert((await watchdog(10 * SECOND, waiting)) & EPOLL.HUP);
    left.close();
  });
});

Deno.test("waitFor() can be given up, and what is given up wakes nobody else", async (t) => {
  using fd = bell();
  await t.step("abort rejects with the reason", async () => {
    await noLeaks(async () => {
      const controller = new AbortController();
      const reason = { any: "thing" };
      const stays = waitFor(fd, EPOLL.IN);
      const leaves = waitFor(fd, EPOLL.IN, { signal: controller.signal }).catch((caught: unknown) => caught);
      controller.abort(reason);
      assertStrictEquals(await watchdog(10 * SECOND, leaves), reason);
      ring(fd);
      assertEquals(await watchdog(10 * SECOND, stays), EPOLL.IN);
      libc().read(fd.raw, new BigUint64Array(1), 8);
    });
  });
  await t.step("timeout", async () => {
    const error = await assertRejects(() => waitFor(fd, EPOLL.IN, { timeoutMs: 3 }), DOMException);
    assertEquals([error.name, error.message], ["TimeoutError", "Waiting for Bell timed out after 3 ms"]);
  });
  await t.step("wrong timeout", async () => {
    await assertRejects(() => waitFor(fd, EPOLL.IN, { timeoutMs: -1 }), RangeError);
  });
  await t.step("a signal that has aborted", async () => {
    await assertRejects(() => waitFor(fd, EPOLL.IN, { signal: AbortSignal.abort() }), DOMException, "abort");
  });
});

Deno.test("waitFor() given up does not wait for a wait that begins meanwhile", async () => {
  using early = bell();
  using late = bell();
  const controller = new AbortController();
  const first = waitFor(early, EPOLL.IN, { signal: controller.signal }).catch(() => "given up");
  await new Promise((resolve) => setTimeout(resolve));
  controller.abort();
  // After the bell was rung for the thread to come back, and before it has.
  for (let microtask = 0; microtask < 10; microtask++) await undefined;
  const second = waitFor(late, EPOLL.IN);
  assertEquals(await watchdog(10 * SECOND, first), "given up");
  ring(late);
  await watchdog(10 * SECOND, second);
});

Deno.test("waitFor() after waitFor() works 500 times, with others coming and going", async () => {
  await noLeaks(async () => {
    using fd = bell();
    using other = bell();
    for (let round = 0; round < 500; round++) {
      const waiting = waitFor(fd, EPOLL.IN);
      const beside = round % 3 === 0 ? waitFor(other, EPOLL.IN, { timeoutMs: 0 }).catch(() => {}) : undefined;
      ring(fd);
      await watchdog(10 * SECOND, waiting);
      libc().read(fd.raw, new BigUint64Array(1), 8);
      await beside;
    }
  });
});

Deno.test("closeWaited() rejects who waits with ClosedError", async () => {
  await noLeaks(async () => {
    const fd = bell();
    const waits = [EPOLL.IN, EPOLL.IN].map((events) =>
      assertRejects(() => waitFor(fd, events), ClosedError, "during the wait")
    );
    closeWaited(fd);
    closeWaited(fd);
    await watchdog(10 * SECOND, Promise.all(waits));
    await assertRejects(() => waitFor(fd, EPOLL.IN), ClosedError, "Bell is closed");
  });
});

Deno.test("waitFor() of what cannot be waited for is EPERM", async () => {
  await noLeaks(async () => {
    const path = cString("/proc/self/exe", "path");
    using file = Fd.own(check(libc().open(path, O.RDONLY | O.CLOEXEC, 0), "open"), "File");
    const error = await assertRejects(() => waitFor(file, EPOLL.IN), PosixError);
    assertEquals([error.code, error.syscall, error.target], ["EPERM", "epoll_ctl", "File"]);
  });
});

Deno.test("waitFor() of others goes on when a descriptor is closed behind its owner's back", async () => {
  using good = bell();
  const bad = bell();
  const controller = new AbortController();
  const lost = waitFor(bad, EPOLL.IN, { signal: controller.signal }).catch(() => "given up");
  const kept = waitFor(good, EPOLL.IN);
  libc().close(bad.raw);
  controller.abort();
  assertEquals(await watchdog(10 * SECOND, lost), "given up");
  ring(good);
  assertEquals(await watchdog(10 * SECOND, kept), EPOLL.IN);
  bad.closeWith(() => {});
  bad.close();
});

Deno.test("A process ends when nobody waits any more, and not before", async () => {
  const output = outputOf("pipe_wait_and_end.ts", { flags: ["--allow-ffi"] });
  assertEquals(await watchdog(60 * SECOND, output), "waited\ngiven up\nread\nread ahead\n");
});
