// Needs: strace, root
/** Creation of a name when things go wrong: a full file system, a death halfway, a file system without O_TMPFILE. */
import { assertEquals, assertThrows } from "@std/assert";
import { denoCommand, inject, run } from "./child.ts";

const directory = Deno.makeTempDirSync();
globalThis.addEventListener("unload", () => Deno.removeSync(directory, { recursive: true }));

for (const where of ["file", "shm"]) {
  const unique = () => {
    const id = `causeway-test-${crypto.randomUUID()}`;
    return where === "shm"
      ? { name: `/${id}`, path: `/dev/shm/${id}` }
      : { name: `${directory}/${id}`, path: `${directory}/${id}` };
  };
  const create = (name: string, size: number) => denoCommand("memory_create.ts", where, `${size}`, name);

  Deno.test(`creating ${where} memory on a full file system is ENOSPC then, leaves no name, and fits after`, async () => {
    const mount = where === "shm" ? "/dev/shm" : "/mnt";
    const name = where === "shm" ? "/big" : "/mnt/big";
    const command = (size: number) => create(name, size).map(quote).join(" ");
    const script = `mount -t tmpfs -o size=64k tmpfs ${mount} && ` +
      `echo | ${command(1_000_000)} && ls -A ${mount} && echo | ${command(65_536)} && ls -A ${mount}`;
    const { lines } = await run(["unshare", "-m", "sh", "-c", script]);
    assertEquals(lines, ["ready", "ENOSPC", "ready", "created", "big"]);
  });

  for (const call of ["fallocate", "fchmod", "linkat"]) {
    Deno.test(`a creator of ${where} memory that is killed at ${call} leaves no name`, async () => {
      const { name, path } = unique();
      const { status } = await run([...inject(`${call}:signal=SIGKILL`), ...create(name, 4096)], "go\n");
      assertEquals(status.signal, "SIGKILL");
      assertThrows(() => Deno.lstatSync(path), Deno.errors.NotFound);
    });
  }

  // What the kernel is made to answer, what becomes of the creation, and the size of what is there then.
  const ANSWERS: [faults: string[], outcome: string, size: number | undefined][] = [
    [["fallocate:error=ENOSPC:when=1"], "ENOSPC", undefined],
    [["fallocate:error=EINTR:when=1"], "created", 100],
    [["fchmod:error=EPERM:when=1"], "EPERM", undefined],
    [["linkat:error=EPERM"], "created", 100],
    [["linkat:error=EPERM", "fallocate:error=ENOSPC:when=2"], "ENOSPC", undefined],
    [["linkat:error=EPERM", "fchmod:error=EIO:when=2"], "EIO", undefined],
  ];
  for (const [faults, outcome, size] of ANSWERS) {
    Deno.test(`creating ${where} memory with ${faults.join(" and ")}: ${outcome}`, async () => {
      const { name, path } = unique();
      const { lines } = await run([...inject(...faults), ...create(name, 100)], "go\n");
      assertEquals(lines, ["ready", outcome]);
      if (size === undefined) assertThrows(() => Deno.lstatSync(path), Deno.errors.NotFound);
      else {
        const facts = Deno.lstatSync(path);
        assertEquals([facts.size, (facts.mode ?? 0) & 0o7777], [size, 0o600]);
        Deno.removeSync(path);
      }
    });
  }
}

Deno.test("creating without O_TMPFILE: of many processes that create one name, one wins, and no draft stays", async () => {
  const names = Array.from({ length: 20 }, () => `${directory}/causeway-test-${crypto.randomUUID()}`);
  const CREATORS = 4;
  const creator = [...inject("linkat:error=EPERM"), ...denoCommand("memory_create.ts", "file", "100", ...names)];
  const results = await Promise.all(Array.from({ length: CREATORS }, () => run(creator, "go\n".repeat(names.length))));
  const outcomes = results.map(({ lines }) => lines.filter((line) => line !== "ready"));
  for (let round = 0; round < names.length; round++) {
    const outcome = outcomes.map((of) => of[round]).sort();
    assertEquals(outcome, [...Array(CREATORS - 1).fill("EEXIST"), "created"], `round ${round}`);
  }
  assertEquals(Array.from(Deno.readDirSync(directory)).filter(({ name }) => name.startsWith(".causeway-")), []);
  for (const name of names) Deno.removeSync(name);
});

function quote(word: string): string {
  return `'${word.replaceAll("'", `'\\''`)}'`;
}
