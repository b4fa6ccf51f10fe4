// Needs: gcc
import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { PosixError } from "../../lib/errors.ts";
import { check, ERRNO, errno, fail, fromDenoError } from "../../lib/sys/errno.ts";
import { errnoMeaning, errnoName, errnoNameOfMeaning, errnoNumber } from "../../lib/sys/errno_table.ts";
import { libc } from "../../lib/sys/libc.ts";
import { cString } from "../../lib/sys/memory.ts";
import { Compiled } from "./run_fixture.ts";

Deno.test("check() passes results through and throws what errno says", () => {
  assertEquals(check(0, "close"), 0);
  assertEquals(check(7, "read", "thing"), 7);
  const error = assertThrows(
    () => check(libc().open(cString("/no/such", "path"), 0, 0), "open", "/no/such", { ENOENT: "make it first" }),
    PosixError,
  );
  assertEquals([error.code, error.errno, error.syscall, error.target], ["ENOENT", 2, "open", "/no/such"]);
  assertEquals(error.message, 'open failed on "/no/such": No such file or directory (ENOENT): make it first');
  const bare = assertThrows(() => check(libc().close(-1), "close"), PosixError);
  assertEquals([bare.message, bare.target], ["close failed: Bad file descriptor (EBADF)", undefined]);
});

Deno.test("check() reads the right errno 20,000 times, with garbage all around", () => {
  const missing = cString("/no/such", "path");
  for (let round = 0; round < 20_000; round++) {
    const garbage = new Uint8Array(round % 1000);
    const result = round % 2 === 0 ? libc().close(-1) : libc().open(missing, 0, 0);
    const number = result === -1 ? errno() : 0;
    assertEquals(number, round % 2 === 0 ? ERRNO.EBADF : ERRNO.ENOENT, `round ${round}, ${garbage.byteLength}`);
  }
});

Deno.test("fail() throws an errno that a call returned", () => {
  const error = assertThrows(() => fail(ERRNO.ENOSPC, "posix_fallocate", 7), PosixError);
  assertEquals([error.code, error.target], ["ENOSPC", "7"]);
  assertEquals(assertThrows(() => fail(4095, "x"), PosixError).code, "E4095");
});

Deno.test("fromDenoError() gives Deno's failures the facts, and leaves everything else alone", () => {
  const missing = assertThrows(() => Deno.statSync("/no/such"), Deno.errors.NotFound);
  const error = fromDenoError(missing, "stat", "/no/such");
  assert(error instanceof PosixError);
  assertEquals([error.code, error.syscall, error.target], ["ENOENT", "stat", "/no/such"]);
  assertStrictEquals(error.cause, missing);
  for (const other of [error, new Deno.errors.NotCapable("x"), new TypeError("x"), "x", undefined]) {
    assertStrictEquals(fromDenoError(other, "stat"), other);
  }
});

Deno.test("errno_table.ts has the words of strerror(3)", async () => {
  using program = new Compiled("pipe_strerror.c");
  const lines = (await program.run()).trimEnd().split("\n");
  assertEquals(lines.length, 133);
  for (const [index, line] of lines.entries()) {
    const name = errnoName(index + 1);
    // 41 and 58 were never given out: they are EWOULDBLOCK and EDEADLOCK elsewhere.
    if (line.startsWith("Unknown error")) {
      assertEquals(name, `E${index + 1}`);
      continue;
    }
    assertEquals(errnoMeaning(name), line, name);
    assertEquals([errnoNumber(name), errnoNameOfMeaning(line)], [index + 1, name]);
  }
  assertEquals([errnoNumber("ENOSUCH"), errnoMeaning("ENOSUCH"), errnoNameOfMeaning("no")], [
    0,
    "Unknown error",
    undefined,
  ]);
  assertEquals([errnoNumber("EWOULDBLOCK"), errnoMeaning("ENOTSUP")], [11, "Operation not supported"]);
});

Deno.test("ERRNO has the numbers of errno_table.ts", () => {
  for (const [name, number] of Object.entries(ERRNO)) assertEquals(errnoNumber(name), number, name);
});
