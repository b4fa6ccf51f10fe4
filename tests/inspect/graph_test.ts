// Needs: gcc, python3
import { assert, assertEquals, assertMatch, assertStringIncludes, assertThrows } from "@std/assert";
import { instance } from "npm:@viz-js/viz@3.31.0";
import { PosixError } from "../../mod.ts";
import {
  drawGraph,
  type EndRole,
  type GraphChannel,
  type GraphProcess,
  type ProcessGraph,
  processGraph,
  renderDot,
  renderHtml,
  renderMermaid,
  renderSvg,
  renderText,
} from "../../lib/inspect/mod.ts";
import { buildTopology, type Topology } from "../fixtures/graph_build.ts";
import { noLeaks } from "../helpers/leaks.ts";
import { watchdog } from "../helpers/watchdog.ts";

const WATCHDOG_MS = 120_000;

/** What a process may call itself to break a format, and a channel's name likewise. */
const HOSTILE = [
  '"]; <script>',
  "</script>",
  '\\"; }',
  "`$(x)`",
  "a\nb",
  "--> x",
  "<!-- -->",
  "&quot;",
  "\x1b[2J",
  "\u202egpj",
  "|x|",
  "#35;",
  "%%{init}%%",
  "]]>",
  "end",
  "ü\u0000",
];

Deno.test("processGraph finds every edge of a topology of ten processes, and no other", async () => {
  await watchdog(WATCHDOG_MS, async () => {
    await using topology = await buildTopology();
    const expected = topology.channels.map(([kind, name, ends]) => line(kind, name, ends)).sort();
    let found: string[] = [];
    // Who is about to wait for a lock is seen when it does.
    for (let tries = 0; tries < 500 && found.length < expected.length; tries++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      found = inner(topology).channels.map((channel) => lineOf(channel, topology)).sort();
    }
    assertEquals(found, expected);
    const graph = processGraph([topology.pids["root"]!]);
    const asked = graph.processes.filter(({ outside }) => !outside);
    assertEquals(asked.map(({ pid }) => pid), Object.values(topology.pids).sort((left, right) => left - right));
    assertEquals(asked.find(({ pid }) => pid === topology.pids["i"])?.program, '"]; <script>');
    const { edges } = drawGraph(graph);
    const children = edges.filter(({ kind, from }) => kind === "child" && from === `p${topology.pids["root"]}`);
    assertEquals(children.length, 9);
    // This process reads what the root says, and was not asked for.
    assertEquals(graph.processes.find(({ pid }) => pid === Deno.pid)?.outside, true);

    function line(kind: string, name: string | null, ends: Readonly<Record<string, string>>): string {
      return `${kind} ${name ?? "?"} ${Object.entries(ends).sort().map(([letter, role]) => `${letter} ${role}`)}`;
    }
    function lineOf({ kind, name, ends }: GraphChannel, { pids, channels }: Topology): string {
      const letters = Object.entries(pids);
      const named = ends.map(({ pid, role }) => [letters.find(([, each]) => each === pid)?.[0] ?? pid, role]);
      return line(kind, channels.some((each) => each[1] === name) ? name : null, Object.fromEntries(named));
    }
  });

  /** Without what only leads out: the descriptors that this test and its surroundings have given. */
  function inner({ pids }: Topology): ProcessGraph {
    const own = new Set(Object.values(pids));
    const graph = processGraph([pids["root"]!]);
    return { ...graph, channels: graph.channels.filter(({ ends }) => ends.every(({ pid }) => own.has(pid))) };
  }
});

Deno.test("processGraph leaves nothing behind, and looks without being noticed", async () => {
  await noLeaks(() => void processGraph());
});

Deno.test("processGraph tells a pid that is not there, and one that cannot be", () => {
  const error = assertThrows(() => processGraph([2 ** 22 + 1]), PosixError);
  assertEquals(error.code, "ESRCH");
  for (const pid of [0, -1, 1.5, NaN]) assertThrows(() => processGraph([pid]), RangeError);
});

Deno.test("processGraph leaves out whom it is told to", () => {
  const graph = processGraph([Deno.ppid], { exclude: [Deno.pid], alone: true });
  assert(!graph.processes.some(({ pid }) => pid === Deno.pid));
  assert(!graph.channels.some(({ ends }) => ends.some(({ pid }) => pid === Deno.pid)));
});

Deno.test("drawGraph leads from who gives to who takes", () => {
  const table: [EndRole, EndRole, string, string][] = [
    ["writes", "reads", "p1 p2", "forward"],
    ["reads", "writes", "p2 p1", "forward"],
    ["both", "both", "p1 p2", "both"],
    ["both", "reads", "p1 p2", "forward"],
    ["reads", "both", "p2 p1", "forward"],
    ["both", "writes", "p2 p1", "forward"],
    ["holds", "waits", "p1 p2", "forward"],
    ["waits", "holds", "p2 p1", "forward"],
    ["writes", "writes", "p1 p2", "none"],
    ["sent-last", "received-last", "p1 p2", "forward"],
    ["received-last", "sent-last", "p2 p1", "forward"],
    ["reads", "sent-last", "p2 p1", "forward"],
    ["exchanged-last", "reads", "p1 p2", "forward"],
    ["used-last", "used-last", "p1 p2", "both"],
    ["used-last", "waits", "p1 p2", "forward"],
  ];
  for (const [first, second, ends, direction] of table) {
    const { edges, nodes } = drawGraph(graphOf(["a", "b"], [first, second]));
    assertEquals(nodes, []);
    assertEquals(edges.map((edge) => [`${edge.from} ${edge.to}`, edge.direction]), [[ends, direction]]);
    assertEquals(edges[0]?.past, /-last/.test(`${first} ${second}`));
  }
});

Deno.test("drawGraph makes a node of what three share", () => {
  const { edges, nodes } = drawGraph(graphOf(["a", "b", "c"], ["writes", "reads", "both"]));
  assertEquals(nodes.map(({ id }) => id), ["c0"]);
  assertEquals(edges.map(({ from, to, direction }) => `${from} ${to} ${direction}`), [
    "p1 c0 forward",
    "c0 p2 forward",
    "p3 c0 both",
  ]);
});

for (const name of HOSTILE) {
  Deno.test(`every format keeps ${JSON.stringify(name)} a name`, async () => {
    const graph = graphOf([name, "b", name], ["writes", "reads", "both"], name);
    const pair = graphOf([name, "b"], ["writes", "reads"], name);
    const viz = await instance();
    for (const each of [graph, pair]) {
      const { nodes, edges } = drawGraph(each);
      const parsed = viz.renderJSON(renderDot(each)) as { objects?: unknown[]; edges?: { label?: string }[] };
      assertEquals(parsed.objects?.length, each.processes.length + nodes.length);
      assertEquals(parsed.edges?.length ?? 0, edges.length);
      const mermaid = renderMermaid(each).trimEnd().split("\n");
      assertEquals(mermaid.length, 2 + each.processes.length + nodes.length + edges.length);
      for (const line of mermaid) assertMatch(line, MERMAID_LINE);
      const svg = await renderSvg(each);
      assertEquals(elementsOf(svg, "script"), 0);
      assertEquals(elementsOf(svg, "text") >= each.processes.length, true);
      const text = renderText(each);
      // deno-lint-ignore no-control-regex -- none may be there
      assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]/.test(text), text);
      // A line for each process, and one for its only channel.
      assertEquals(text.trimEnd().split("\n").length, 2 * each.processes.length);
      const page = await renderHtml(each);
      assertEquals(page.match(/<script/g)?.length, 2);
      assertEquals(page.match(/<\/script>/g)?.length, 2);
      const data = /<script type="application\/json" id="data">(.*?)<\/script>/s.exec(page)?.[1] ?? "";
      assertEquals(JSON.parse(data).length, each.processes.length + each.channels.length + edges.length);
    }
  });
}

Deno.test("renderSvg is well-formed XML with what the graph has", async () => {
  const svg = await renderSvg(graphOf(["<a>", 'b"'], ["writes", "reads"], "x&y"));
  const check = new Deno.Command("python3", {
    args: [
      "-c",
      "import sys,xml.dom.minidom as m; d=m.parse(sys.stdin); print(*[t.getAttribute('id') for t in d.getElementsByTagName('g')])",
    ],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const writer = check.stdin.getWriter();
  await writer.write(new TextEncoder().encode(svg));
  await writer.close();
  const { success, stdout } = await check.output();
  assert(success);
  const ids = new TextDecoder().decode(stdout).trim().split(" ");
  for (const id of ["p1", "p2", "e0"]) assert(ids.includes(id), ids.join(" "));
});

Deno.test("renderText draws the tree, and says what could not be seen", () => {
  const graph = graphOf(["sh", "a", "b"], ["both", "writes", "reads"]);
  const [shell, ...others] = graph.processes;
  const tree = { ...graph, processes: [shell!, ...others.map((each) => ({ ...each, parent: 1 }))], hidden: ["x"] };
  assertEquals(renderText(tree).trimEnd().split("\n"), [
    "sh 1",
    "│  ◀─▶ FIFO name, to which a 2 writes, which b 3 reads",
    "├─ a 2",
    "│     ──▶ FIFO name, with sh 1, which b 3 reads",
    "└─ b 3 (not asked for)",
    "      ◀── FIFO name, with sh 1, to which a 2 writes",
    "Not seen: x",
  ]);
  assertStringIncludes(renderText({ processes: [], channels: [], hidden: [] }), "No process");
});

Deno.test("every format says of what was only the last to happen that it is", async () => {
  const pair = graphOf(["a", "b"], ["sent-last", "received-last"]);
  const three = graphOf(["a", "b", "c"], ["used-last", "used-last", "waits"]);
  assertEquals(renderText(pair).trimEnd().split("\n"), [
    "a 1",
    "   ╌╌▶ FIFO name (last to send), from which b 2 received last",
    "b 2",
    "   ◀╌╌ FIFO name (last to receive), to which a 1 sent last",
  ]);
  assertStringIncludes(
    renderText(three),
    "╌╌■ FIFO name (last to operate), which b 2 operated on last, which c 3 waits for",
  );
  assertStringIncludes(renderMermaid(pair), '  p1 -.->|"FIFO name #40;last#41;"| p2\n');
  assertStringIncludes(renderMermaid(three), '  p1 <-.->|"#40;last#41;"| c0\n');
  assertMatch(renderDot(pair), /p1 -> p2 \[.*style="dashed", label="FIFO name \(last\)"/);
  const dashed = (svg: string) => svg.match(/stroke-dasharray/g)?.length ?? 0;
  // The third process was not asked for, and so is dashed itself.
  assertEquals([dashed(await renderSvg(pair)), dashed(await renderSvg(three))], [1, 3]);
  assertStringIncludes(await renderHtml(pair), "a 1 was the last to send (3); b 2 was the last to receive (3)");
});

Deno.test("renderText goes on in the next line where the terminal ends, and loses nothing by it", () => {
  const programs = Array.from({ length: 12 }, (_, index) => `program-${index}`);
  const graph = graphOf(programs, programs.map((_, index) => index === 0 ? "writes" : "reads"));
  const tree = graph.processes.map((each) => ({ ...each, outside: false, parent: each.pid === 1 ? 0 : 1 }));
  const whole = renderText({ ...graph, processes: tree });
  for (const width of [80, 120]) {
    const text = renderText({ ...graph, processes: tree }, { width });
    const lines = text.split("\n");
    for (const line of lines) assert(line.length <= width, `${line.length}: ${line}`);
    assert(lines.length > whole.split("\n").length);
    assertStringIncludes(text, "\n│      ");
    const words = (each: string) => each.replace(/[│├└─ \n]+/g, " ");
    assertEquals(words(text), words(whole));
  }
});

Deno.test("renderText marks up by role", () => {
  const marked = renderText(graphOf(["a", "b"], ["writes", "reads"]), { style: (role, text) => `<${role}>${text}</>` });
  assertStringIncludes(marked, "<process>a 1</>");
  assertStringIncludes(marked, "<channel>──▶ FIFO name</>");
});

Deno.test("renderHtml has its tables where Graphviz cannot be loaded", async () => {
  const directory = await Deno.makeTempDir();
  const inspect = new URL("../../lib/inspect/mod.ts", import.meta.url).href;
  const graph = JSON.stringify(graphOf(["a", "b"], ["writes", "reads"]));
  const code = `
    const { renderHtml, renderSvg } = await import(${JSON.stringify(inspect)});
    const graph = ${graph};
    console.log(await renderHtml(graph));
    await renderSvg(graph).catch((error) => console.log("ERROR", error.message));
  `;
  await Deno.writeTextFile(`${directory}/page.ts`, code);
  // As if the package were not to be had.
  const absent = { imports: { "npm:@viz-js/viz@3.31.0": "./absent.js" } };
  await Deno.writeTextFile(`${directory}/map.json`, JSON.stringify(absent));
  const { stdout, success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", `--import-map=${directory}/map.json`, "-A", `${directory}/page.ts`],
    env: { NO_COLOR: "1" },
    stdout: "piped",
  }).output();
  await Deno.remove(directory, { recursive: true });
  const page = new TextDecoder().decode(stdout);
  assert(success);
  assertStringIncludes(page, 'id="no-picture"');
  assertStringIncludes(page, 'id="row-p1"');
  assertStringIncludes(page, "ERROR Graphviz (npm:@viz-js/viz@3.31.0) cannot be loaded");
});

/** What a line of ours may be: a node, a line between two, or a class. */
const QUOTED = String.raw`"(?:[\p{L}\p{N} ./:,_+=@…-]|#\d+;)*"`;
const NODE = String.raw`(?:p\d+\(${QUOTED}\)|c\d+\(\[${QUOTED}\]\))(?::::outside)?`;
const EDGE = String.raw`[pc]\d+ (?:-\.-|(?:-->|<-->|---|<?-\.->)(?:\|${QUOTED}\|)?) [pc]\d+`;
const MERMAID_LINE = new RegExp(`^(?:flowchart LR|  classDef outside stroke-dasharray: 4 3|  ${NODE}|  ${EDGE})$`, "u");

function graphOf(programs: readonly string[], roles: readonly EndRole[], name = "name"): ProcessGraph {
  const processes = programs.map((program, index): GraphProcess => {
    return { pid: index + 1, parent: 0, program, command: [program, "x"], outside: index === 2 };
  });
  const ends = roles.map((role, index) => ({ pid: index + 1, role, descriptors: [3] }));
  return { processes, channels: [{ id: "fifo:1", kind: "fifo", name, ends }], hidden: [] };
}

function elementsOf(xml: string, name: string): number {
  return xml.match(new RegExp(`<${name}[ >]`, "g"))?.length ?? 0;
}
