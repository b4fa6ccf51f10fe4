// Needs: python3
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { TextLineStream } from "@std/streams";
import { causeway, commandLine, fixture, FULL } from "./causeway.ts";

/** A process with two children that share a pipe. */
interface Pair extends AsyncDisposable {
  parent: number;
  writer: number;
  reader: number;
}

async function pair(): Promise<Pair> {
  const child = new Deno.Command("python3", { args: [fixture("graph_pair.py")], stdin: "piped", stdout: "piped" })
    .spawn();
  const lines = child.stdout.pipeThrough(new TextDecoderStream()).pipeThrough(new TextLineStream()).getReader();
  const [writer, reader] = JSON.parse((await lines.read()).value ?? "");
  await lines.cancel();
  return {
    parent: child.pid,
    writer,
    reader,
    async [Symbol.asyncDispose]() {
      await child.stdin.close();
      await child.status;
    },
  };
}

Deno.test("causeway graph prints the tree with its channels, without colours where there is no terminal", async () => {
  await using made = await pair();
  const { code, stdout, stderr } = await causeway(["graph", String(made.parent)]);
  assertEquals([code, stderr], [0, ""]);
  const { parent, writer, reader } = made;
  const tree = stdout.split("\n").filter((line) =>
    /(writer|script>) \d+$|──▶.*script> \d+ reads$|◀──.*which writer \d+ writes$/.test(line)
  );
  // Pids may have begun again in between: the order is not theirs.
  assertEquals(tree.map((line) => line.replace(/pipe \d+/, "pipe N").replace(/^[ │├└─]*(?=[w"]|──▶|◀)/, "")).sort(), [
    `"]; <script> ${reader}`,
    `writer ${writer}`,
    `──▶ pipe N, which "]; <script> ${reader} reads`,
    `◀── pipe N, to which writer ${writer} writes`,
  ]);
  assertMatch(stdout, new RegExp(`python3 ${parent}$`, "m"));
  assert(!stdout.includes("\x1b"));
});

Deno.test("causeway graph writes every format, to standard output or to a file", async () => {
  await using made = await pair();
  const directory = await Deno.makeTempDir();
  const forms: [format: string, begins: RegExp, escaped: string][] = [
    ["--dot", /^digraph causeway \{\n/, '"\\"]; <script>\\n'],
    ["--mermaid", /^flowchart LR\n/, '"#34;#93;#59; #60;script#62; '],
    ["--svg", /^<\?xml /, "&lt;script&gt;"],
    ["--html", /^<!doctype html>\n/, "&#34;]; &#60;script&#62;"],
    ["--json", /^\{\n/, '"program": "\\"]; <script>"'],
  ];
  for (const [format, begins, escaped] of forms) {
    const file = `${directory}/out`;
    const { code, stdout, stderr } = await causeway(["graph", format, "-o", file, String(made.parent)]);
    assertEquals([format, code, stdout, stderr], [format, 0, "", ""]);
    const text = await Deno.readTextFile(file);
    assertMatch(text, begins);
    assertStringIncludes(text, escaped);
    assertEquals(text.match(/<script/g)?.length ?? 0, { "--html": 2, "--dot": 2, "--json": 1 }[format] ?? 0, format);
  }
  await Deno.remove(directory, { recursive: true });
});

Deno.test("causeway graph --json has one schema", async () => {
  await using made = await pair();
  const { code, stdout } = await causeway(["graph", "--json", String(made.parent)]);
  assertEquals(code, 0);
  const graph = JSON.parse(stdout);
  assertEquals(Object.keys(graph), ["processes", "channels", "hidden"]);
  const parent = graph.processes.find(({ pid }: { pid: number }) => pid === made.parent);
  assertEquals(Object.keys(parent), ["pid", "parent", "program", "command", "outside"]);
  assertEquals([parent.parent, parent.program, parent.outside], [Deno.pid, "python3", false]);
  const inner = graph.channels.find(({ kind, ends }: { kind: string; ends: { pid: number; role: string }[] }) =>
    kind === "pipe" && ends.some(({ pid, role }) => pid === made.reader && role === "reads")
  );
  assertEquals(Object.keys(inner), ["id", "kind", "name", "ends"]);
  assertEquals(inner.ends.map((end: Record<string, unknown>) => Object.entries(end).slice(0, 2)), [
    [["pid", made.writer], ["role", "writes"]],
    [["pid", made.reader], ["role", "reads"]],
  ]);
  assert(inner.ends.every(({ descriptors }: { descriptors: unknown }) => Array.isArray(descriptors)));
});

Deno.test("causeway graph leaves itself out, and shows what one process alone has with --all", async () => {
  const own = String(Deno.pid);
  const few = JSON.parse((await causeway(["graph", "--json", own])).stdout);
  const all = JSON.parse((await causeway(["graph", "--json", "--all", own])).stdout);
  assert(all.channels.length > few.channels.length);
  for (const { processes } of [few, all]) {
    assert(
      !processes.some(({ command }: { command: string[] }) => command.includes("--json") && command.includes("graph")),
    );
  }
});

Deno.test("causeway graph without pids shows what communicates", async () => {
  await using made = await pair();
  const { code, stdout } = await causeway(["graph"]);
  assertEquals(code, 0);
  assertMatch(stdout, new RegExp(`──▶ pipe \\d+, which "\\]; <script> ${made.reader} reads`));
});

const WRONG: [args: string[], code: number, message: RegExp][] = [
  [["x"], 2, /graph: "x" is no pid/],
  [["0"], 2, /graph: "0" is no pid/],
  [["--dot", "--svg"], 2, /one format at a time, got --dot and --svg/],
  [["--dott"], 2, /unknown option "--dott": did you mean "--dot"/],
  [["-o"], 2, /--output needs a value/],
  [["4194305"], 1, /graph: there is no process 4194305/],
  [
    ["-o", "/nowhere/at/all", "1"],
    1,
    /graph: open failed on "\/nowhere\/at\/all": No such file or directory \(ENOENT\)/,
  ],
];

for (const [args, code, message] of WRONG) {
  Deno.test(`causeway graph ${args.join(" ")} exits ${code} and says why`, async () => {
    const outcome = await causeway(["graph", ...args]);
    assertEquals([outcome.code, outcome.stdout], [code, ""]);
    assertMatch(outcome.stderr, message);
  });
}

Deno.test("causeway graph says which flag it needs", async () => {
  const { code, stderr } = await causeway(["graph"], { flags: ["--allow-read"] });
  assertEquals(code, 1);
  assertStringIncludes(stderr, "--allow-ffi");
});

Deno.test("causeway graph needs no more than --allow-ffi and --allow-read, the picture included", async () => {
  const { code, stdout, stderr } = await causeway(["graph", "--svg", String(Deno.pid)], {
    flags: ["--allow-ffi", "--allow-read"],
  });
  assertEquals([code, stderr], [0, ""]);
  assertStringIncludes(stdout, "</svg>");
});

Deno.test("causeway graph ends quietly when nobody reads", async () => {
  const [program, ...args] = commandLine(["graph", "--all"], FULL);
  const line = [program, ...args].map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  const { code, stderr } = await new Deno.Command("bash", {
    args: ["-c", `set -o pipefail; ${line} | true`],
    stdout: "piped",
    stderr: "piped",
  }).output();
  assertEquals([code, new TextDecoder().decode(stderr)], [0, ""]);
});
