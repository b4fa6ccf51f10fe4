// Needs: strace, root
/** What can be asked of pages, of every kind of memory: advice, locks against swapping, and the limits of both. */
import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  ClosedError,
  createAnonymousMemory,
  createMappedFile,
  createSharedMemory,
  createSysvMemory,
  type Memory,
  type MemoryAdvice,
  openAnonymousMemory,
  PosixError,
} from "../../lib/memory/mod.ts";
import { libc } from "../../lib/sys/libc.ts";
import "../helpers/open_libc.ts";
import { uniqueName } from "../sync/peer.ts";
import { denoCommand, inject, run } from "./child.ts";

const ADVICE: MemoryAdvice[] = [
  "normal",
  "random",
  "sequential",
  "will-need",
  "populate",
  "cold",
  "page-out",
  "huge-pages",
  "no-huge-pages",
  "no-dump",
  "dump",
];

/** Kibibytes of a line in the entry of /proc/self/smaps whose mapping has a name. */
function smaps(name: string, line: string): number {
  const text = Deno.readTextFileSync("/proc/self/smaps");
  const entry = text.slice(text.indexOf(name));
  return Number(new RegExp(`^${line}:\\s+(\\d+) kB`, "m").exec(entry)?.[1]);
}

const KINDS: [kind: string, make: (size: number) => Memory][] = [
  ["MappedFile", (size) => {
    const path = `${Deno.makeTempDirSync()}/file`;
    const memory = createMappedFile(path, { size });
    Deno.removeSync(path.slice(0, -5), { recursive: true });
    return memory;
  }],
  ["SharedMemory", (size) => {
    const memory = createSharedMemory(uniqueName(), { size });
    memory.unlink();
    return memory;
  }],
  ["AnonymousMemory", (size) => createAnonymousMemory({ size })],
  ["SysvMemory", (size) => {
    const memory = createSysvMemory("private", { size });
    memory.remove();
    return memory;
  }],
];

for (const [kind, make] of KINDS) {
  Deno.test(`${kind} takes every advice without a change of a byte`, () => {
    using memory = make(3 * 4096 + 5);
    memory.bytes.fill(7);
    for (const advice of ADVICE) {
      try {
        memory.advise(advice);
        memory.advise(advice, { offset: 5000, length: 1 });
      } catch (error) {
        // A kernel without huge pages.
        if (!(error instanceof PosixError && error.code === "EINVAL" && advice.includes("huge"))) throw error;
      }
    }
    assert(memory.bytes.every((byte) => byte === 7));
  });

  Deno.test(`${kind} keeps pages out of swap until the lock is disposed of`, () => {
    using memory = make(10 * 4096);
    const locked = () => Number(/^VmLck:\s+(\d+) kB/m.exec(Deno.readTextFileSync("/proc/self/status"))?.[1]);
    const before = locked();
    const lock = memory.lockPages();
    assertEquals(locked() - before, 40);
    lock[Symbol.dispose]();
    lock[Symbol.dispose]();
    assertEquals(locked() - before, 0);
    const part = memory.lockPages({ offset: 4095, length: 2 });
    assertEquals(locked() - before, 8);
    memory.close();
    part[Symbol.dispose]();
    assertEquals(locked() - before, 0);
    assertThrows(() => memory.lockPages(), ClosedError);
    assertThrows(() => memory.advise("normal"), ClosedError);
  });
}

Deno.test("Memory.advise and lockPages refuse advice and parts that cannot be", () => {
  using memory = createAnonymousMemory({ size: 5000 });
  using reader = openAnonymousMemory(memory.fd.duplicate(), { readOnly: true });
  for (const each of [memory, reader]) {
    for (
      const range of [{ offset: 5000 }, { offset: -1 }, { length: 5001 }, { length: 0 }, { offset: 1.5 }, {
        length: NaN,
      }]
    ) {
      assertThrows(() => each.advise("normal", range), RangeError);
      assertThrows(() => each.lockPages(range), RangeError);
    }
    // @ts-expect-error: no such advice.
    assertThrows(() => each.advise("dontneed"), TypeError, "must be one of");
    each.advise("populate", { offset: 4999, length: 1 });
    each.lockPages({ offset: 4999 })[Symbol.dispose]();
  }
});

Deno.test("Memory.advise populate has the pages there when it returns", () => {
  using memory = createAnonymousMemory({ size: 50 * 4096, name: "populated" });
  assertEquals(smaps("memfd:populated", "Rss"), 0);
  memory.advise("populate", { offset: 4096, length: 10 * 4096 });
  assertEquals(smaps("memfd:populated", "Rss"), 40);
});

Deno.test("Memory.advise populate of what a peer has truncated is EFAULT, not SIGBUS", () => {
  using memory = createAnonymousMemory({ size: 4 * 4096, seal: "none" });
  assertEquals(libc().ftruncate(memory.fd.raw, 4096n), 0);
  assertEquals(assertThrows(() => memory.advise("populate"), PosixError).code, "EFAULT");
  memory.advise("populate", { length: 4096 });
});

const fixture = denoCommand("memory_pages.ts");

Deno.test("Memory.lockPages above the limit is ENOMEM, where nothing may be locked EPERM, and names the limit", async () => {
  const bounded = ["setpriv", "--bounding-set", "-ipc_lock"];
  for (const [limit, expected] of [["65536", "ENOMEM"], ["0", "EPERM"]]) {
    const { lines } = await run(["prlimit", `--memlock=${limit}`, ...bounded, ...fixture, "lock"]);
    assertEquals(lines, [`${expected} mlock raise the limit`], limit ?? "");
  }
});

// Errors that nothing here provokes by itself: the kernel is made to give them.
const ERRORS: [call: string, error: string, what: string][] = [
  ["mlock", "EAGAIN", "lock"],
  ["msync", "EIO", "flush"],
  ["msync", "EBUSY", "flush"],
  ["msync", "ENOMEM", "flush"],
];
for (const [call, error, what] of ERRORS) {
  Deno.test(`${what} that fails with ${error} is a PosixError that says so`, async () => {
    const { lines } = await run([...inject(`${call}:error=${error}`), ...fixture, what]);
    assertEquals(lines.map((line) => line.split(" ", 2).join(" ")), [`${error} ${call}`]);
  });
}
