// Needs: root
/** `causeway gc`, among objects that nobody else sees. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { fromFileUrl } from "@std/path";
import { causeway, fixture } from "./causeway.ts";
import { Directory, isolatedTest, withOurs } from "./tools/isolated.ts";

/** Lines of shell after which there are: a struct and a socket of killed programs, a struct of a living one, and memory of a stranger. */
const OBJECTS = `
export XDG_RUNTIME_DIR="$PWD"
mkdir -m 700 causeway
mkfifo hold said
deno="${Deno.execPath()} run -A --quiet --no-check --config ${fromFileUrl(new URL("../../deno.json", import.meta.url))}"
$deno ${fixture("inspect_struct.ts")} /living <hold >said &
exec 7>hold
read -r _ready <said
mkfifo hold2 said2
$deno ${fixture("inspect_struct.ts")} /killed <hold2 >said2 &
pid=$!
exec 8>hold2
read -r _ready <said2
kill -KILL $pid
wait $pid 2>made
echo stranger >/dev/shm/stranger
$deno ${fixture("inspect_sockets.ts")} "$PWD/causeway/shm-killed" "$PWD/other" >made
`;

Deno.test(isolatedTest("gc says what it would remove, removes it with --remove, and leaves all else", async () => {
  using directory = new Directory();
  const { code, stdout, stderr } = await withOurs(
    "gc",
    `${OBJECTS}
    set -e
    echo "== dry"; T
    ls /dev/shm causeway
    echo "== json"; T --json
    echo "== remove"; T --remove
    ls /dev/shm causeway
    echo "== again"; T --yes
    exec 7>&-
    wait
    `,
    { cwd: directory.path, isolated: true },
  );
  const part = (name: string) => new RegExp(`== ${name}\n([^]*?)(?=\n== |$)`).exec(stdout)?.[1]?.trim() ?? "";
  assertEquals(code, 0, stderr);
  const own = (text: string) =>
    text.split("\n").filter((line) => /living|killed|stranger|other/.test(line)).map((line) =>
      line.replace(/  +/g, " ").replace(directory.path, ".").replace(/\d{2,}/g, "N")
    );
  const killed = "/killed its creator, process N, has ended, and nobody has it open";
  const socket = "./causeway/shm-killed no process has a socket of this name";
  const living = "leave shared-memory /living process N (deno) has it";
  assertEquals(own(part("dry")), [
    ...[living, `would remove shared-memory ${killed}`].sort(byOrder(part("dry"))),
    `would remove unix-socket ${socket}`,
    "killed",
    "living",
    "stranger",
    "shm-killed",
  ]);
  assertStringIncludes(part("dry"), "2 would be removed: causeway gc --remove\n");
  const { objects, missing }: {
    objects: { outcome: string; object: { name: string; address?: string } }[];
    missing: string[];
  } = JSON
    .parse(part("json"));
  const outcomes = objects.map(({ outcome, object }) => [object.name.replace(directory.path, "."), outcome]);
  assertEquals(Object.fromEntries(outcomes.filter(([name]) => /living|killed/.test(name ?? ""))), {
    "/living": "left",
    "/killed": "stale",
    "./causeway/shm-killed": "stale",
  });
  assertEquals(missing, []);
  assertEquals(objects.find(({ object }) => object.name?.endsWith("/shm-killed"))?.object.address, "shm:killed");
  assertEquals(own(part("remove")), [
    ...[living, `removed shared-memory ${killed}`].sort(byOrder(part("remove"))),
    `removed unix-socket ${socket}`,
    "living",
    "stranger",
  ]);
  assertEquals(own(part("again")), [living]);
  assert(!stderr.includes("causeway:"), stderr);
}));

Deno.test(isolatedTest("gc NAME looks at nothing else, and fails when it is left or missing", async () => {
  using directory = new Directory();
  const { stdout, stderr } = await withOurs(
    "gc",
    `${OBJECTS}
    T --remove stranger; echo "code $?"
    T --remove /living; echo "code $?"
    T --remove "$PWD/nothing"; echo "code $?"
    T --remove "$PWD/other"; echo "code $?"
    ls /dev/shm causeway other
    exec 7>&-
    wait
    `,
    { cwd: directory.path, isolated: true },
  );
  const lines = stdout.trimEnd().split("\n").map((line) =>
    line.replace(/  +/g, " ").replace(directory.path, ".").replace(/\d{2,}/g, "N")
  );
  assertEquals(lines.filter((line) => line !== ""), [
    "leave shared-memory /stranger nothing says who made it",
    "code 1",
    "leave shared-memory /living process N (deno) has it",
    "code 1",
    "code 1",
    "removed unix-socket ./other no process has a socket of this name",
    "code 0",
    "/dev/shm:",
    "killed",
    "living",
    "stranger",
    "causeway:",
    "shm-killed",
  ]);
  assertStringIncludes(stderr, `causeway: gc: nothing is called "${directory.path}/nothing"\n`);
  assertStringIncludes(stderr, "ls: cannot access 'other'");
}));

const WRONG: [args: string[], message: string][] = [
  [["--remov3"], 'causeway: gc: unknown option "--remov3": did you mean "--remove"?'],
  [["-n"], 'causeway: gc: unknown option "-n": there are -y, --remove, --yes, '],
  [[""], "causeway: gc: a name is an empty word"],
  [["--json=yes"], "causeway: gc: --json takes no value"],
];

for (const [args, message] of WRONG) {
  Deno.test(`gc ${JSON.stringify(args)} is wrong usage`, async () => {
    const { code, stdout, stderr } = await causeway(["gc", ...args]);
    assertEquals([code, stdout], [2, ""]);
    assert(stderr.startsWith(message), stderr);
  });
}

Deno.test("gc without --allow-write says so before anything is removed", async () => {
  const name = `/causeway-gc-write-${crypto.randomUUID().slice(0, 8)}`;
  const args = ["run", "-A", "--quiet", "--no-check", fixture("inspect_struct.ts"), name];
  const { success } = await new Deno.Command(Deno.execPath(), { args, stdin: "null", stdout: "null" }).output();
  assert(success);
  try {
    const flags = ["--allow-ffi", "--allow-read"];
    const { code, stderr } = await causeway(["gc", "--remove", name], { flags });
    assertEquals(code, 1);
    assertStringIncludes(stderr, "--allow-write");
    assert(Deno.statSync(`/dev/shm${name}`).isFile);
  } finally {
    Deno.removeSync(`/dev/shm${name}`);
  }
});

/** The order in which the directory lists them is the kernel's. */
function byOrder(text: string): (left: string, right: string) => number {
  const at = (line: string) => text.indexOf(line.includes("/living") ? "/living" : "/killed");
  return (left, right) => at(left) - at(right);
}
