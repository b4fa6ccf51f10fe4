import { assert, assertEquals, assertNotEquals, assertThrows } from "@std/assert";
import { ClosedError, PosixError } from "../../lib/errors.ts";
import { check } from "../../lib/sys/errno.ts";
import { Fd, fromDescriptor, setBlocking, setNonblocking, statusFlags } from "../../lib/sys/fd.ts";
import { libc } from "../../lib/sys/libc.ts";
import { F, O } from "../../lib/sys/linux.ts";
import { cString } from "../../lib/sys/memory.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { outputOf } from "./run_fixture.ts";

/** A number that is open and that nobody owns, not close-on-exec: as a process inherits it. */
function inherited(): number {
  return check(libc().open(cString("/dev/null", "path"), O.RDWR, 0), "open");
}

const isOpen = (raw: number) => libc().fcntl(raw, F.GETFD, 0) !== -1;

Deno.test("fromDescriptor() marks close-on-exec, owns and closes once", async () => {
  await noLeaks(() => {
    const raw = inherited();
    assertEquals(libc().fcntl(raw, F.GETFD, 0), 0);
    const fd = fromDescriptor(raw);
    assertEquals([fd.raw, fd.what, fd.closed, Fd.isOwned(raw)], [raw, `Descriptor ${raw}`, false, true]);
    assertEquals(libc().fcntl(raw, F.GETFD, 0), F.CLOEXEC);
    fd.close();
    fd[Symbol.dispose]();
    assertEquals([fd.closed, Fd.isOwned(raw), isOpen(raw)], [true, false, false]);
    const error = assertThrows(() => fd.raw, ClosedError);
    assertEquals(error.message, `Descriptor ${raw} is closed`);
    assertThrows(() => fd.duplicate(), ClosedError);
  });
});

Deno.test("fromDescriptor() refuses what is owned, not open, or no number", () => {
  const raw = inherited();
  {
    using fd = fromDescriptor(raw);
    assertThrows(() => fromDescriptor(fd.raw), TypeError, `Descriptor ${raw} already has an owner: Descriptor ${raw}`);
  }
  const error = assertThrows(() => fromDescriptor(raw), PosixError);
  assertEquals([error.code, error.target], ["EBADF", String(raw)]);
  for (const wrong of [-1, 1.5, NaN, 2 ** 31, "3" as unknown as number]) {
    assertThrows(() => fromDescriptor(wrong), RangeError, "must be an integer of at least 0");
  }
});

Deno.test("Fd.duplicate() is another close-on-exec number of the same open file", async () => {
  await noLeaks(() => {
    using fd = fromDescriptor(inherited());
    using copy = fd.duplicate();
    assertNotEquals(copy.raw, fd.raw);
    assertNotEquals(copy.generation, fd.generation);
    assertEquals(libc().fcntl(copy.raw, F.GETFD, 0), F.CLOEXEC);
    setNonblocking(copy);
    assertEquals(statusFlags(fd) & O.NONBLOCK, O.NONBLOCK);
    setBlocking(fd);
    assertEquals(statusFlags(copy) & O.NONBLOCK, 0);
  });
});

Deno.test("Fd that lost its number to another never closes the stranger", async () => {
  await noLeaks(() => {
    const raw = inherited();
    const stale = fromDescriptor(raw);
    // Somebody closes the number behind its owner's back, and the kernel gives it out again.
    libc().close(raw);
    using stranger = Fd.own(inherited(), "Stranger");
    assertEquals(stranger.raw, raw);
    assertNotEquals(stranger.generation, stale.generation);
    assertEquals(stale.closed, true);
    stale.close();
    assert(isOpen(raw) && Fd.isOwned(raw));
    assertThrows(() => stale.raw, ClosedError);
  });
});

Deno.test("Fd.closeWith() hands the duty to close over", () => {
  const closed: number[] = [];
  const fd = fromDescriptor(inherited());
  const raw = fd.raw;
  fd.closeWith((number) => closed.push(number));
  fd.close();
  fd.close();
  assertEquals([closed, isOpen(raw)], [[raw], true]);
  libc().close(raw);
});

Deno.test("Descriptors are close-on-exec from birth: a child has 0, 1, 2", async () => {
  const output = await outputOf("pipe_child_descriptors.ts", {
    flags: ["--allow-ffi", "--allow-run=sh", "--allow-read", "--allow-write"],
  });
  assertEquals(output, "0 1 2\n");
});
