// Needs: root
import { assertEquals, assertThrows } from "@std/assert";
import { createMappedFile, openMappedFile, PosixError, ProtocolError, struct, u8 } from "../../lib/memory/mod.ts";
import "../helpers/open_libc.ts";
import { run } from "./child.ts";

const directory = Deno.makeTempDirSync();
globalThis.addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));
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
