// Needs: root
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ClosedError,
  createMappedFile,
  openMappedFile,
  PosixError,
  ProtocolError,
  struct,
  u64,
  u8,
} from "../../lib/memory/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import "../helpers/open_libc.ts";
import { run } from "./child.ts";

const directory = Deno.makeTempDirSync();
globalThis.addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));
const Counter = struct({ value: u64 });
const unique = () => `${directory}/${crypto.randomUUID()}`;

Deno.test("createMappedFile gives the mode that was asked for under any umask, 0600 when none was", () => {
  const before = Deno.umask();
  try {
    for (const umask of [0o777, 0o022, 0]) {
      Deno.umask(umask);
      for (const [mode, expected] of [[undefined, 0o600], [0o640, 0o640], [0o777, 0o777], [0o400, 0o400]] as const) {
        using file = createMappedFile(unique(), { size: 1, mode });
        assertEquals((Deno.lstatSync(file.path).mode ?? 0) & 0o7777, expected);
        file.unlink();
      }
    }
  } finally {
    Deno.umask(before);
  }
});

// What is at the path, and what creating and opening it come to.
const PATHS: [what: string, make: (path: string) => void, create: string, open: string][] = [
  ["nothing", () => {}, "", "ENOENT"],
  ["a file", (path) => Deno.writeTextFileSync(path, "x"), "EEXIST", ""],
  ["a directory", (path) => Deno.mkdirSync(path), "EEXIST", "EISDIR"],
  ["a symbolic link to a file", (path) => link(path, true), "EEXIST", "ELOOP"],
  ["a dangling symbolic link", (path) => link(path, false), "EEXIST", "ELOOP"],
  ["a FIFO", (path) => void new Deno.Command("mkfifo", { args: [path] }).outputSync(), "EEXIST", "EACCES"],
];

function link(path: string, toFile: boolean): void {
  if (toFile) Deno.writeTextFileSync(`${path}.target`, "x");
  Deno.symlinkSync(`${path}.target`, path);
}

for (const [what, make, create, open] of PATHS) {
  Deno.test(`createMappedFile and openMappedFile on ${what}: ${create || "done"} and ${open || "done"}`, () => {
    const path = unique();
    make(path);
    for (const readOnly of [false, true]) {
      // Writing is refused for a directory at open; reading gets as far as looking at it.
      const expected = readOnly && open === "EISDIR" ? "EACCES" : open;
      const opening = () => readOnly ? openMappedFile(path, { readOnly: true }) : openMappedFile(path);
      if (expected === "") opening().close();
      else assertEquals(assertThrows(opening, PosixError).code, expected);
    }
    if (create === "") createMappedFile(path, { size: 1 }).close();
    else assertEquals(assertThrows(() => createMappedFile(path, { size: 1 }), PosixError).code, create);
  });
}

Deno.test("createMappedFile names the call, the path and the errno", () => {
  const path = `${directory}/missing/file`;
  const error = assertThrows(() => createMappedFile(path, { size: 1 }), PosixError);
  assertEquals([error.syscall, error.target, error.code, error.errno], ["open", path, "ENOENT", 2]);
  const long = `${directory}/${"x".repeat(256)}`;
  assertEquals(assertThrows(() => createMappedFile(long, { size: 1 }), PosixError).code, "ENAMETOOLONG");
  Deno.writeTextFileSync(`${directory}/file`, "");
  assertEquals(assertThrows(() => createMappedFile(`${directory}/file/x`, { size: 1 }), PosixError).code, "ENOTDIR");
});

Deno.test("createMappedFile and openMappedFile refuse arguments that cannot be", () => {
  for (const path of ["", "a\0b"]) {
    assertThrows(() => createMappedFile(path, { size: 1 }), TypeError);
    assertThrows(() => openMappedFile(path), TypeError);
  }
  for (const mode of [-1, 0o1000, 1.5, NaN]) {
    assertThrows(() => createMappedFile(unique(), { size: 1, mode }), RangeError);
  }
});

Deno.test("openMappedFile refuses an empty file, whose creator has not finished", () => {
  const path = unique();
  Deno.writeTextFileSync(path, "");
  assertThrows(() => openMappedFile(path), ProtocolError, "is empty");
  assertThrows(() => openMappedFile(path, { readOnly: true }), ProtocolError, "is empty");
});

Deno.test("openMappedFile with an owner refuses another's file", () => {
  const path = unique();
  Deno.writeTextFileSync(path, "x");
  Deno.chownSync(path, 65534, 65534);
  assertThrows(() => openMappedFile(path, { owner: Deno.uid() ?? 0 }), PosixError, "EACCES");
  openMappedFile(path, { owner: 65534 }).close();
  openMappedFile(path).close();
});

Deno.test("MappedFile shares its bytes with the file", () => {
  using file = createMappedFile(unique(), { size: 5 });
  file.bytes.set(new TextEncoder().encode("Hello"));
  file.flush();
  assertEquals(Deno.readTextFileSync(file.path), "Hello");
  assertEquals(Deno.statSync(file.path).size, 5);
  Deno.writeTextFileSync(file.path, "J", { create: false, append: false });
  // Deno truncated the file to one byte: the struct refuses memory that is not there any more.
  assertThrows(() => struct({ last: u8 }).at(file, 4), ProtocolError, "truncated");
  file.unlink();
});

Deno.test("MappedFile.unlink removes its own file only", () => {
  const path = unique();
  using file = createMappedFile(path, { size: 1 });
  Deno.renameSync(path, `${path}.moved`);
  Deno.writeTextFileSync(path, "another");
  assertEquals(assertThrows(() => file.unlink(), PosixError).code, "ENOENT");
  assertEquals(Deno.readTextFileSync(path), "another");
});

Deno.test("createMappedFile asks Deno for read and write permission", async () => {
  const script = `
    import { createMappedFile, openMappedFile } from ${
    JSON.stringify(new URL("../../lib/memory/mod.ts", import.meta.url))
  };
    const attempts = [() => createMappedFile("x", { size: 1 }), () => openMappedFile("x"), () => openMappedFile("x", { readOnly: true })];
    for (const attempt of attempts) {
      try { attempt(); } catch (error) { console.log(error.message.match(/--allow-\\w+/)?.[0] ?? error.code); }
    }`;
  const cases: [flags: string[], expected: string[]][] = [
    [[], ["--allow-read", "--allow-read", "--allow-read"]],
    [["--allow-read"], ["--allow-write", "--allow-write", "--allow-ffi"]],
    [["--allow-read", "--allow-write"], ["--allow-ffi", "--allow-ffi", "--allow-ffi"]],
    [["--allow-read", "--allow-ffi"], ["--allow-write", "--allow-write", "ENOENT"]],
  ];
  for (const [flags, expected] of cases) {
    const { lines } = await run([Deno.execPath(), "run", "--no-prompt", "--no-check", ...flags, "-"], script);
    assertEquals(lines, expected, flags.join(" "));
  }
});

Deno.test("openMappedFile maps a part, at any offset, and checks it against the file", () => {
  const path = unique();
  using file = createMappedFile(path, { size: 20_000 });
  file.bytes.forEach((_, index) => file.bytes[index] = index % 251);
  for (
    const [offset, length] of [[0, 1], [1, 100], [4095, 2], [4096, 4096], [12_345, undefined], [19_999, 1]] as const
  ) {
    using part = openMappedFile(path, { offset, length });
    using reader = openMappedFile(path, { offset, length, readOnly: true });
    const expected = file.bytes.slice(offset, length === undefined ? undefined : offset + length);
    assertEquals([part.bytes, reader.read()], [expected, expected]);
    part.bytes[0] = 255;
    part.flush();
    part.flush({ offset: expected.length - 1, wait: false });
    assertEquals([file.bytes[offset], reader.getUint8(0)], [255, 255]);
  }
  for (const [offset, length] of [[0, 20_001], [20_000, undefined], [19_999, 2], [2 ** 53 - 1, 1]] as const) {
    assertThrows(() => openMappedFile(path, { offset, length }), RangeError);
  }
  for (const bad of [-1, 0.5, NaN]) {
    assertThrows(() => openMappedFile(path, { offset: bad }), RangeError, "offset must be");
  }
  for (const bad of [0, -1, 0.5, NaN]) {
    assertThrows(() => openMappedFile(path, { length: bad }), RangeError, "length must be");
  }
  file.unlink();
});

Deno.test("openMappedFile maps what lies beyond 4 GiB in a sparse file, and a struct there", () => {
  const path = unique();
  const offset = 5 * 2 ** 30 + 64;
  Deno.writeTextFileSync(path, "");
  Deno.truncateSync(path, offset + 4096);
  {
    using part = openMappedFile(path, { offset, length: 100 });
    Counter.at(part, 8).value = 2n ** 63n + 5n;
    part.flush({ offset: 8, length: 8 });
  }
  using all = openMappedFile(path, { readOnly: true });
  assertEquals(all.getBigUint64(offset + 8), 2n ** 63n + 5n);
  assertEquals(Counter.at(all, offset + 8).value, 2n ** 63n + 5n);
  Deno.removeSync(path);
});

Deno.test("openMappedFile for itself alone leaves the file as it is, and needs no right to write it", () => {
  const path = unique();
  Deno.writeTextFileSync(path, "Hello");
  using mine = openMappedFile(path, { sharing: "private" });
  using theirs = openMappedFile(path, { sharing: "private" });
  mine.bytes[0] = "J".charCodeAt(0);
  mine.flush();
  assertEquals(new TextDecoder().decode(mine.bytes), "Jello");
  assertEquals([Deno.readTextFileSync(path), theirs.bytes[0], mine.sharing], ["Hello", "H".charCodeAt(0), "private"]);
  assertEquals(assertThrows(() => mine.grow(10), PosixError, "open for reading only").code, "EBADF");
  // @ts-expect-error: no such sharing.
  assertThrows(() => openMappedFile(path, { sharing: "mine" }), TypeError);
});

Deno.test("MappedFile.grow gives a handle on a larger file; what was mapped stays", async () => {
  await noLeaks(() => {
    const path = unique();
    using file = createMappedFile(path, { size: 10 });
    const counter = Counter.at(file);
    counter.value = 5n;
    using larger = file.grow(1_000_000);
    assertEquals([file.byteLength, larger.byteLength, Deno.statSync(path).size], [10, 1_000_000, 1_000_000]);
    assertEquals([Counter.at(larger).value, larger.bytes[999_999]], [5n, 0]);
    counter.value++;
    assertEquals([Counter.at(larger).value, larger.path, larger.sharing], [6n, path, "shared"]);
    // Two blocks of 512 bytes in a kibibyte: nothing of it is a hole.
    assert((Deno.statSync(path).blocks ?? 0) * 512 >= 1_000_000);
    for (const size of [9, 999_999, 0, NaN]) assertThrows(() => larger.grow(size), RangeError);
    larger.close();
    assertThrows(() => larger.grow(2_000_000), ClosedError);
    file.unlink();
  });
});
