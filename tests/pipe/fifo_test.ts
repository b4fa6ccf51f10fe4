// Needs: root, strace
import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { PosixError } from "../../lib/errors.ts";
import { createFifo, unlinkFifo } from "../../lib/pipe/mod.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { failureOf, outputOf, TempFolder } from "../sys/run_fixture.ts";

/** The two ways to make a FIFO, with exactly the flags that the documentation names. */
const WAYS: Record<string, string[]> = {
  "mkfifo(3)": ["--allow-ffi", "--allow-write"],
  "mkfifo(1)": ["--allow-run=mkfifo", "--allow-write"],
};

const isRoot = Deno.uid() === 0;

/** As root without the powers over files of others: root is then refused what everybody else is. */
const POWERLESS = isRoot ? ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] : [];

Deno.test("createFifo() makes a FIFO that only its owner can use", async () => {
  using folder = new TempFolder();
  await noLeaks(() => {
    const path = folder.at("fifo");
    createFifo(path);
    const info = Deno.lstatSync(path);
    assertEquals([info.isFifo, info.mode! & 0o7777], [true, 0o600]);
    unlinkFifo(path);
  });
  assertEquals(folder.names, []);
});

Deno.test("createFifo() gives exactly the mode asked for, under any umask", () => {
  using folder = new TempFolder();
  const before = Deno.umask();
  try {
    for (const umask of [0o000, 0o022, 0o077, 0o777]) {
      for (const mode of [undefined, 0o000, 0o200, 0o622, 0o640, 0o666, 0o777]) {
        const path = folder.at(`${umask}-${mode}`);
        Deno.umask(umask);
        createFifo(path, { mode });
        assertEquals(Deno.lstatSync(path).mode! & 0o7777, mode ?? 0o600, path);
      }
    }
  } finally {
    Deno.umask(before);
  }
});

Deno.test("createFifo() through mkfifo(1) gives exactly the mode asked for, under any umask", async () => {
  using folder = new TempFolder();
  for (const umask of ["000", "077", "777"]) {
    for (const mode of ["600", "622", "777"]) {
      const path = folder.at(`${umask}-${mode}`);
      const through = ["sh", "-c", `umask ${umask}; exec "$@"`, "sh"];
      await outputOf("fifo_create.ts", { flags: WAYS["mkfifo(1)"]!, args: [mode, path], through });
      assertEquals(Deno.lstatSync(path).mode! & 0o7777, parseInt(mode, 8), path);
    }
  }
});

for (const [way, flags] of Object.entries(WAYS)) {
  Deno.test(`createFifo() by ${way} fails as POSIX says`, async (t) => {
    using folder = new TempFolder();
    const at = (name: string) => folder.at(name);
    Deno.writeTextFileSync(at("file"), "");
    createFifo(at("fifo"));
    Deno.symlinkSync("nowhere", at("dangling"));
    Deno.symlinkSync("loop-b", at("loop-a"));
    Deno.symlinkSync("loop-a", at("loop-b"));
    Deno.mkdirSync(at("locked"), { mode: 0o500 });
    const rows: [what: string, path: string, code: string][] = [
      ["a file has the name", at("file"), "EEXIST"],
      ["a FIFO has the name", at("fifo"), "EEXIST"],
      ["a dangling link has the name", at("dangling"), "EEXIST"],
      ["no directory", at("missing/fifo"), "ENOENT"],
      ["no name", "", "ENOENT"],
      ["a file as directory", at("file/fifo"), "ENOTDIR"],
      ["name of 256 bytes", at("x".repeat(256)), "ENAMETOOLONG"],
      ["path of 5,000 bytes", at("x/".repeat(2500)), "ENAMETOOLONG"],
      ["a loop of links", at("loop-a/fifo"), "ELOOP"],
      ["a directory that may not be changed", at("locked/fifo"), "EACCES"],
      ["a name that looks like an option or an error", at("-m: File exists"), "created"],
      ["a name with a line break", at("two\nlines"), "created"],
      ["the same once more", at("two\nlines"), "EEXIST"],
      ["a name in another alphabet", at("ñandú"), "created"],
    ];
    const args = ["600", ...rows.map(([, path]) => path)];
    const outcomes = JSON.parse(await outputOf("fifo_create.ts", { flags, args, through: POWERLESS }));
    for (const [index, [what, path, code]] of rows.entries()) {
      const expected = code === "created" ? code : [code, "mkfifo", path];
      await t.step(what, () => assertEquals(outcomes[index], expected));
    }
  });

  Deno.test(`createFifo() by ${way} on a read-only file system is EROFS`, async () => {
    if (!isRoot) return console.log("Skipped: mounting needs root");
    using folder = new TempFolder();
    const path = folder.at("fifo");
    const through = ["unshare", "-m", "sh", "-c", 'mount -t tmpfs -o ro none "$0" && exec "$@"', folder.path];
    const output = await outputOf("fifo_create.ts", { flags, args: ["600", path], through });
    assertEquals(JSON.parse(output), [["EROFS", "mkfifo", path]]);
  });

  Deno.test(`createFifo() by ${way} where there is no room for another name is ENOSPC`, async () => {
    if (!isRoot) return console.log("Skipped: mounting needs root");
    using folder = new TempFolder();
    const path = folder.at("fifo");
    // One inode, and the root directory has it.
    const mount = 'mount -t tmpfs -o nr_inodes=1 none "$0" && exec "$@"';
    const through = ["unshare", "-m", "sh", "-c", mount, folder.path];
    const output = await outputOf("fifo_create.ts", { flags, args: ["600", path], through });
    assertEquals(JSON.parse(output), [["ENOSPC", "mkfifo", path]]);
  });

  Deno.test(`createFifo() by ${way} says what a file system says that has quotas, or no FIFOs`, async (t) => {
    for (const code of ["EDQUOT", "EPERM"]) {
      await t.step(code, async () => {
        using folder = new TempFolder();
        const path = folder.at("fifo");
        const inject = `inject=mknod,mknodat:error=${code}`;
        const through = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=mknod,mknodat", "-e", inject];
        const output = await outputOf("fifo_create.ts", { flags, args: ["600", path], through });
        assertEquals(JSON.parse(output), [[code, "mkfifo", path]]);
      });
    }
  });

  Deno.test(`createFifo() by ${way} names the flag that is missing`, async (t) => {
    using folder = new TempFolder();
    for (const missing of way === "mkfifo(3)" ? ["--allow-write"] : flags) {
      await t.step(missing, async () => {
        const rest = flags.filter((flag) => flag !== missing);
        const message = await failureOf("fifo_create.ts", { flags: rest, args: ["600", folder.at("fifo")] });
        assertStringIncludes(message, "NotCapable");
        assertStringIncludes(message, `the ${missing.replace(/=.*/, "")} flag`);
      });
    }
    assertEquals(folder.names, []);
  });
}

Deno.test("createFifo() refuses wrong arguments before any call", () => {
  for (const mode of [-1, 0o1000, 0o4755, 1.5, NaN]) {
    assertThrows(() => createFifo("/nonexistent/fifo", { mode }), RangeError, "mode must be in 0..0o777");
  }
  assertThrows(() => createFifo("a\0b"), TypeError, "NUL");
  assertThrows(() => unlinkFifo("a\0b"), TypeError, "NUL");
  assertThrows(() => createFifo(7 as unknown as string), TypeError, "path must be a string");
});

Deno.test("unlinkFifo() removes FIFOs and nothing else", () => {
  using folder = new TempFolder();
  const at = (name: string) => folder.at(name);
  createFifo(at("fifo"));
  Deno.writeTextFileSync(at("file"), "kept");
  Deno.symlinkSync("fifo", at("link"));
  Deno.mkdirSync(at("directory"));
  const rows: [path: string, code: string, hint: string][] = [
    [at("file"), "EINVAL", "it is a regular file, not a FIFO"],
    [at("directory"), "EINVAL", "it is a directory, not a FIFO"],
    [at("link"), "ELOOP", "it is a symbolic link, not a FIFO"],
    [at("missing"), "ENOENT", "No such file"],
    [at("file/fifo"), "ENOTDIR", "Not a directory"],
  ];
  for (const [path, code, hint] of rows) {
    const error = assertThrows(() => unlinkFifo(path), PosixError, hint);
    assertEquals([error.code, error.syscall, error.target], [code, "unlink", path]);
  }
  unlinkFifo(at("fifo"));
  assertEquals(folder.names, ["directory", "file", "link"]);
});
