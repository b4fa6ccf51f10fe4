// Needs: gcc, python3, root, ipcs, lsipc, lslocks
/** `causeway ls` beside the tools that each see one corner. */
import { assert, assertEquals, assertMatch, assertNotEquals, assertStringIncludes } from "@std/assert";
import { causeway, CLI, commandLine } from "./causeway.ts";
import { Directory, isolatedTest } from "./tools/isolated.ts";
import { beside, type Found, type Listing } from "./listing.ts";
import { watchdog } from "../helpers/watchdog.ts";
import { command, pipe, spawnPty } from "../../mod.ts";

const WATCHDOG_MS = 180_000;
const CLEAR = "\x1b[H\x1b[2J";

Deno.test(isolatedTest("ls agrees with ipcs and lsipc", async () => {
  using directory = new Directory();
  const { stderr } = await beside(
    `
    ipcmk -M 4096 -Q -S 2 >made
    T --json sysv posix >ours.json || exit
    lsipc -m -J -b -P >m.json; lsipc -q -J -b -P >q.json; lsipc -s -J -b -P >s.json
    ipcs -m >m; ipcs -q >q; ipcs -s >s
    `,
    directory.path,
  );
  assertEquals(stderr, "");
  const text = (name: string) => Deno.readTextFileSync(`${directory.path}/${name}`);
  const { objects }: Listing = JSON.parse(text("ours.json"));
  const key = ({ key }: Found) => `0x${(Number(key) >>> 0).toString(16).padStart(8, "0")}`;
  const ours = (kind: string, ...columns: ((object: Found) => unknown)[]) =>
    objects.filter((object) => object.kind === kind)
      .map((object) => columns.map((column) => String(column(object)))).sort();
  const mode = ({ mode }: Found) => mode?.toString(8).padStart(3, "0");
  const id = ({ sysvId }: Found) => sysvId;
  const owner = ({ owner }: Found) => owner;
  // The key, the id, the owner, the permissions, and what ipcs shows next.
  const theirs = (name: string) =>
    text(name).split("\n").filter((line) => line.startsWith("0x")).map((line) => line.trim().split(/\s+/));
  const first = (rows: string[][], count: number) => rows.map((row) => row.slice(0, count)).sort();
  assertEquals(
    ours("sysv-memory", key, id, owner, mode, (o) => o.byteLength, (o) => o.attached),
    first(theirs("m"), 6),
  );
  assertEquals(ours("sysv-queue", key, id, owner, mode, (o) => o.queued, (o) => o.messages), first(theirs("q"), 6));
  assertEquals(ours("sysv-semaphores", key, id, owner, mode, (o) => o.length), first(theirs("s"), 5));
  const shown: Record<string, Record<string, unknown>[]> = {
    ...JSON.parse(text("m.json")),
    ...JSON.parse(text("q.json")),
    ...JSON.parse(text("s.json")),
  };
  const listed = Object.values(shown).flat();
  const sysv = objects.filter(({ kind }) => kind.startsWith("sysv-"));
  assertEquals(listed.length, sysv.length);
  for (const { id, size, nattch, cpid, lpid, msgs, lspid, nsems, ...row } of listed) {
    const kind = nsems !== undefined ? "sysv-semaphores" : msgs !== undefined ? "sysv-queue" : "sysv-memory";
    const object = sysv.find((each) => each.kind === kind && each.sysvId === Number(id));
    const numbers = (value: unknown) => value === undefined ? undefined : Number(value);
    assertEquals(row.key, object && key(object));
    if (kind === "sysv-memory") {
      assertEquals(
        [object?.byteLength, object?.attached, object?.creatorPid, object?.lastPid],
        [
          size,
          nattch,
          cpid,
          lpid,
        ].map(numbers),
      );
    }
    if (kind === "sysv-queue") assertEquals([object?.messages, object?.lastSender], [msgs, lspid].map(numbers));
    if (kind === "sysv-semaphores") assertEquals(object?.length, numbers(nsems));
  }
  const queue = objects.find(({ kind }) => kind === "message-queue");
  assertEquals([queue?.name, queue?.messages, queue?.queued], ["/fixture", 2, 11]);
}));

Deno.test(isolatedTest("ls agrees with /proc/locks and lslocks", async () => {
  using directory = new Directory();
  const { stderr } = await beside(
    `
    child=$(sed 's/.*"child":\\([0-9]*\\).*/\\1/' facts.json)
    until grep -q -- "-> POSIX.* $child " /proc/locks; do :; done
    T --json locks >ours.json || exit
    cat /proc/locks >locks
    lslocks --noheadings --raw --output PID,TYPE,MODE,START,END,PATH >lslocks
    `,
    directory.path,
  );
  assertEquals(stderr, "");
  const text = (name: string) => Deno.readTextFileSync(`${directory.path}/${name}`);
  const { pid, child }: { pid: number; child: number } = JSON.parse(text("facts.json"));
  const { objects }: Listing = JSON.parse(text("ours.json"));
  const locks = objects.filter(({ kind, name }) => kind === "file-lock" && name?.startsWith(directory.path));
  // Other programs lock files too; of ours, all are known by their inodes.
  const facts: Record<string, number> = JSON.parse(text("facts.json"));
  const lines = text("locks").split("\n").filter((line) =>
    ["flocked", "posix", "ofd"].some((name) => line.includes(`:${facts[name]} `))
  );
  const words = lines.map((line) => line.replace("-> ", "").trim().split(/\s+/));
  const ours = locks.flatMap(({ type, access, file, range, holders }) => {
    const { first, last } = range as { first: number; last: number | null };
    const name = { flock: "FLOCK", posix: "POSIX", ofd: "OFDLCK" }[String(type)];
    const inode = String(file).split(":")[2];
    const row = [name, String(access).toUpperCase(), inode, String(first), last === null ? "EOF" : String(last)];
    return [row, ...holders.filter(({ waiting }) => waiting).map(() => row)];
  });
  const theirs = words.map((row) => [row[1], row[3], row[5]?.split(":")[2], row[6], row[7]]);
  assertEquals(ours.sort(), theirs.sort());
  const posix = locks.find(({ type }) => type === "posix");
  assertEquals(posix?.holders.map(({ pid, waiting }) => [pid, waiting]), [[pid, false], [child, true]]);
  const shown = text("lslocks").split("\n").filter((line) => line.includes(directory.path)).map((line) =>
    line.split(" ")
  );
  assert(shown.length >= 2, text("lslocks"));
  for (const [lockPid, type = "", mode, start, end, path] of shown) {
    const lock = locks.find((each) => each.name === path);
    const range = lock?.range as { first: number; last: number | null };
    assertEquals(String(lock?.access).toUpperCase(), mode?.replace("*", ""));
    assertEquals([range.first, range.last ?? 0], [Number(start), Number(end)]);
    if (type !== "OFDLCK") assert(lock?.holders.some(({ pid }) => pid === Number(lockPid)), `${lockPid} ${path}`);
  }
}));

Deno.test(isolatedTest("ls filters, sorts and prints tables", async () => {
  using directory = new Directory();
  const { stdout, stderr } = await beside(
    `
    echo "== name"; T --name '*ixtur*' shm sem mq memfd
    echo "== pid"; T --pid $pid --sort fill pipe fifo | awk '{ print $1, $5, $6 }'
    echo "== owner"; T --owner nobody sysv; T --owner root sysv | wc -l; T --owner 0 sysv | wc -l
    echo "== ours"; T --ours --name /fixture shm
    echo "== holders"; T -v --name /fixture shm
    echo "== dir"; T --dir "$PWD" fifo --name '*/said' | wc -l
    echo "== head"; T | head -n 1
    echo "== reverse"; T --name '*fixture' memory -s size -r | awk '{ print $1 }'
    `,
    directory.path,
  );
  const part = (name: string) => new RegExp(`== ${name}\n([^]*?)(?=\n== |$)`).exec(stdout)?.[1]?.trim() ?? "";
  const { pid, child }: { pid: number; child: number } = JSON.parse(
    Deno.readTextFileSync(`${directory.path}/facts.json`),
  );
  assertMatch(part("name"), /^KIND +NAME +SIZE +FILL +MODE +OWNER +AGE +HOLDERS\n/);
  const shared = `^shared-memory +/fixture +8 KiB +- +600 +root +\\d+[sm] +${pid} objects rw, ${child} objects rw$`;
  assertMatch(part("name"), new RegExp(shared, "m"));
  assertMatch(part("name"), /^semaphore +\/fixture +32 B +value 3 /m);
  assertMatch(part("name"), /^message-queue +\/fixture +256 B +2\/4 messages /m);
  assertMatch(part("name"), /^memfd +fixture +4\.9 KiB /m);
  assertEquals(part("pid").split("\n").slice(1, 3), ["pipe 7 B", "fifo 5 B"]);
  assertEquals(part("owner").split("\n").map((line) => line.trim()).slice(1), ["4", "4"]);
  assertEquals(part("ours").split("\n").length, 1);
  assertMatch(part("holders"), new RegExp(`^ +${pid}  objects  rw  mapped, fd \\d+$`, "m"));
  assertEquals(part("dir"), "2");
  assertMatch(part("head"), /^KIND/);
  assertEquals(part("reverse").split("\n"), ["KIND", "memfd", "shared-memory"]);
  for (const line of stderr.trimEnd().split("\n")) assertMatch(line, /^note: |^$/);
}));

Deno.test("ls --json has one schema: objects of a kind have the same members", async () => {
  using _pipe = Deno.openSync("/dev/null");
  const { code, stdout } = await causeway(["ls", "--json"]);
  const { time, objects, hidden, notes }: Listing = JSON.parse(stdout);
  assertEquals([code, Array.isArray(hidden), Array.isArray(notes)], [0, true, true]);
  assert(Math.abs(Date.parse(time) - Date.now()) < 3_600_000);
  const members = new Map<string, string>();
  for (const object of objects) {
    const own = Object.keys(object).sort().join(" ");
    assertEquals(members.get(object.kind) ?? own, own, object.kind);
    members.set(object.kind, own);
  }
  assert(members.has("pipe"), "this test's own pipes to the program");
  const unique = new Set(objects.map(({ id }) => id));
  assertEquals(unique.size, objects.length);
});

Deno.test("ls --watch --json prints an object a line, and ends quietly when nobody reads", async () => {
  const [program, ...args] = commandLine(["ls", "pipe", "--watch=0.1", "--json"]);
  const child = new Deno.Command(program, { args, stdin: "null", stdout: "piped", stderr: "piped" }).spawn();
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  await watchdog(WATCHDOG_MS, async () => {
    while (text.split("\n").length < 4) text += (await reader.read()).value ?? "";
  });
  const times = text.split("\n").slice(0, 3).map((line) => JSON.parse(line).time);
  assertEquals(times, times.toSorted());
  assertNotEquals(times[0], times[1]);
  await reader.cancel();
  const { code } = await watchdog(WATCHDOG_MS, child.status);
  assertEquals([code, await new Response(child.stderr).text()], [0, ""]);
});

Deno.test("ls --watch draws a screen on a terminal, cut to its size", async () => {
  const [program, ...args] = commandLine(["ls", "pipe", "--watch=0.1"]);
  await watchdog(WATCHDOG_MS, async () => {
    const ls = command(program, args, { env: { NO_COLOR: "1" } });
    await using pty = spawnPty(ls, { columns: 40, rows: 6 });
    // Not by waitFor(): it leaves control sequences out.
    const reader = pty.readable.pipeThrough(new TextDecoderStream()).getReader();
    let text = "";
    while (text.split(CLEAR).length < 4) text += (await reader.read()).value ?? "";
    await reader.cancel();
    const [, screen = ""] = text.split(CLEAR);
    const lines = screen.trimEnd().split("\r\n");
    assert(lines.length <= 6, screen);
    assert(lines.every((line) => line.length <= 40), screen);
    assertMatch(lines[1] ?? "", /^KIND +NAME/);
  });
});

Deno.test("ls says what it may not see", async () => {
  const [program, ...args] = commandLine(["ls", "pipe", "--json"]);
  // Root without capabilities: processes that have more are hidden from it.
  const under = ["--bounding-set=-all", "--inh-caps=-all", program, ...args];
  const { code, stdout, stderr } = await new Deno.Command("setpriv", { args: under, stdin: "null" }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
  const { hidden, notes }: Listing = JSON.parse(new TextDecoder().decode(stdout));
  assert(hidden.includes(Deno.pid));
  assertMatch(notes[0] ?? "", /^what \d+ process(es hold|holds) is hidden: CAP_SYS_PTRACE is missing$/);
});

const LACKING: [flags: string[], missing: string, again: string][] = [
  [[], "ffi, read", "--allow-ffi --allow-read"],
  [["--allow-read"], "ffi", "--allow-ffi"],
  [["--allow-ffi"], "read", "--allow-read"],
];

for (const [flags, missing, again] of LACKING) {
  Deno.test(`ls with ${flags.join(" ") || "no permission"} names all that is missing, and what to run`, async () => {
    assertEquals(await causeway(["ls", "--name", "a b*"], { flags }), {
      code: 1,
      signal: null,
      stdout: "",
      stderr:
        `causeway: ls: Requires ${missing} access, run again with ${again}: deno run --allow-ffi --allow-read ${CLI} ls ` +
        "--name 'a b*'\n",
    });
  });
}

Deno.test("ls with a list of paths to read tells the whole list that it needs, and is content with that", async () => {
  const flags = ["--allow-ffi", "--allow-read=/proc"];
  const { code, stdout, stderr } = await causeway(["ls"], { flags });
  assertEquals([code, stdout], [1, ""]);
  const [, list] = /run again with --allow-read=(\S+): deno run --allow-ffi --allow-read=\1 /.exec(stderr) ?? [];
  assertEquals(list?.split(",").slice(0, 2), ["/proc", "/dev/shm"]);
  const { code: then, stderr: notes } = await causeway(["ls"], { flags: ["--allow-ffi", `--allow-read=${list}`] });
  assertEquals(then, 0, notes);
  assertStringIncludes(notes, "note: names in $XDG_RUNTIME_DIR are not looked for: --allow-env=XDG_RUNTIME_DIR");
});

Deno.test("ls --owner knows users by name and by number, and says that there is none of a name", async () => {
  const uids = async (owner: string) => {
    const { code, stdout } = await causeway(["ls", "--owner", owner, "--json", "pipe"]);
    assertEquals(code, 0);
    const { objects }: { objects: { uid: number }[] } = JSON.parse(stdout);
    return new Set(objects.map(({ uid }) => uid));
  };
  const { reader, writer } = pipe();
  using _reader = reader;
  using _writer = writer;
  assertEquals(await uids("root"), new Set([0]));
  assertEquals(await uids("0"), new Set([0]));
  // A number need not have a name.
  assertEquals(await uids("4000000"), new Set());
  assertEquals(await causeway(["ls", "--owner", "no such user"]), {
    code: 1,
    signal: null,
    stdout: "",
    stderr: 'causeway: ls: there is no user "no such user"\n',
  });
});

const WRONG: [args: string[], message: string][] = [
  [["telephone"], 'causeway: ls: there is no kind "telephone": there are shared-memory, '],
  [["--kind", "pip"], 'causeway: ls: there is no kind "pip": did you mean "pipe"?'],
  [["--sort", "colour"], 'causeway: ls: nothing to sort by is called "colour"'],
  [["--pid", "x"], 'causeway: ls: --pid takes the number of a process, got "x"'],
  [["--watch=0"], 'causeway: ls: --watch takes 0.1 seconds to 1 day, got "0"'],
  [["--watch=soon"], 'causeway: ls: --watch takes 0.1 seconds to 1 day, got "soon"'],
  [["-k"], "causeway: ls: -k needs a value"],
  [["--ownr", "root"], 'causeway: ls: unknown option "--ownr": did you mean "--owner"?'],
  [["--telephone"], 'causeway: ls: unknown option "--telephone": there are --kind, --owner, '],
  [["-x"], 'causeway: ls: unknown option "-x": there are -k, --kind, '],
  [["--owner"], "causeway: ls: --owner needs a value"],
];

Deno.test("ls --dir says that a directory is not there", async () => {
  const { code, stdout, stderr } = await causeway(["ls", "--dir", "/nowhere", "fifo"]);
  assertEquals([code, stdout], [1, ""]);
  assertStringIncludes(stderr, 'causeway: ls: open failed on "/nowhere": No such file or directory (ENOENT)');
});

Deno.test("ls --pid says that there is no such process", async () => {
  assertEquals(await causeway(["ls", "--pid", "4194305", "--json"]), {
    code: 1,
    signal: null,
    stdout: "",
    stderr: "causeway: ls: there is no process 4194305\n",
  });
});

for (const [args, message] of WRONG) {
  Deno.test(`ls ${args.join(" ")} is wrong usage`, async () => {
    const { code, stdout, stderr } = await causeway(["ls", ...args]);
    assertEquals([code, stdout, stderr.split("\n").length], [2, "", 2]);
    assertStringIncludes(stderr, message);
  });
}
