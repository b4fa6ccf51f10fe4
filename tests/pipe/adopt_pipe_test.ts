import { assertEquals, assertThrows } from "@std/assert";
import { pipe, pipeReader, pipeWriter } from "../../lib/pipe/mod.ts";
import { check } from "../../lib/sys/errno.ts";
import { type Fd, fromDescriptor } from "../../lib/sys/fd.ts";
import { moveDescriptor } from "../../lib/sys/inheritable.ts";
import { libc } from "../../lib/sys/libc.ts";
import { O } from "../../lib/sys/linux.ts";
import { cString } from "../../lib/sys/memory.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { bytesOf, fixtureCommand, textOf } from "../sys/run_fixture.ts";

const SECOND = 1000;

Deno.test("pipeReader() and pipeWriter() adopt an inherited descriptor and leave its old open file alone", async () => {
  const child = fixtureCommand("pipe_adopt.ts", { flags: ["--allow-ffi"], stdin: "piped" }).spawn();
  const input = child.stdin.getWriter();
  await input.write(bytesOf("adopted "));
  await input.close();
  const { stdout, stderr } = await watchdog(60 * SECOND, child.output());
  assertEquals([textOf(stdout), textOf(stderr)], ["adopted true,true", ""]);
});

Deno.test("pipeReader() refuses what is no pipe, or open the other way", () => {
  const { reader, writer } = pipe();
  using written = writer[moveDescriptor]();
  assertThrows(() => pipeReader(written), TypeError, "is not open for reading");
  using read = reader[moveDescriptor]();
  assertThrows(() => pipeWriter(read), TypeError, "is not open for writing");
  using devNull = openRaw("/dev/null");
  assertThrows(() => pipeReader(devNull), TypeError, "is not a pipe or FIFO");
  assertEquals([written.closed, read.closed, devNull.closed], [false, false, false]);
});

/** A descriptor of our own, as one that was inherited. */
function openRaw(path: string): Fd {
  return fromDescriptor(check(libc().open(cString(path, "path"), O.RDONLY | O.CLOEXEC, 0), "open", path));
}
