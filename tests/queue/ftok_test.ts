// Needs: gcc, root
import { assertEquals, assertMatch, assertNotEquals, assertThrows } from "@std/assert";
import { ftok, PosixError } from "../../mod.ts";
import { Compiled, linesOf } from "./peer.ts";

Deno.test("ftok makes the key that C makes", () => {
  using program = new Compiled("queue_peer.c");
  const folder = Deno.makeTempDirSync({ prefix: "causeway-test-" });
  try {
    // Many inodes, so that one is found whose lowest bits are not those of all of them.
    const files = Array.from({ length: 6 }, (_, index) => `${folder}/file ${index}`);
    for (const file of files) Deno.writeTextFileSync(file, "");
    Deno.symlinkSync(files[0]!, `${folder}/link`);
    for (const path of [...files, `${folder}/link`, folder, "/", "/proc", "/dev/null", "/etc/passwd"]) {
      for (const id of [0, 0x41, 0x80, 0x141, -1]) {
        assertEquals([String(ftok(path, id))], program.lines("ftok", path, id).slice(0, 1), `${path} ${id}`);
      }
    }
    assertEquals(ftok(`${folder}/link`, 1), ftok(files[0]!, 1));
    assertNotEquals(ftok(files[0]!, 1), ftok(files[1]!, 1));
    assertEquals(ftok(files[0]!, 2 ** 32 - 1), ftok(files[0]!, -1));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
});

Deno.test("ftok refuses a path or an id that cannot be", () => {
  assertThrows(() => ftok("a\0b", 1), TypeError, "NUL");
  assertThrows(() => ftok(1 as unknown as string, 1), TypeError, "string");
  for (const id of [0.5, NaN, 2 ** 32, -(2 ** 31) - 1, "A" as unknown as number]) {
    assertThrows(() => ftok("/", id), RangeError, "id");
  }
});

Deno.test("ftok throws what statx says of the path", () => {
  const cases: [path: string, code: string][] = [
    ["/no/such", "ENOENT"],
    ["", "ENOENT"],
    ["/etc/passwd/x", "ENOTDIR"],
    [`/${"x".repeat(256)}`, "ENAMETOOLONG"],
  ];
  for (const [path, code] of cases) {
    const error = assertThrows(() => ftok(path, 1), PosixError);
    assertEquals([error.code, error.syscall, error.target], [code, "ftok", path]);
  }
});

Deno.test("ftok needs read permission for the path", async () => {
  const lines = (...flags: string[]) => linesOf("queue_outcome.ts", { args: ["ftok", "/etc/passwd"], flags });
  assertMatch((await lines("--allow-ffi"))[0]!, /^Requires read access to "\/etc\/passwd".*--allow-read/);
  assertMatch((await lines("--allow-ffi", "--allow-read=/usr"))[0]!, /^Requires read access/);
  assertMatch((await lines("--allow-read"))[0]!, /^Requires ffi access/);
  assertEquals(await lines("--allow-ffi", "--allow-read=/etc/passwd"), ["ok"]);
});
