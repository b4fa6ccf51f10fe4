/**
 * The house keeps its shape: imports point down, only `lib/sys/` has a door to libc, files stay small. The graph is
 * Deno's own (`deno info --json`), so comments and strings cannot fool it, and `import()` and `import type` count too.
 */
import { assert, assertEquals, assertGreater } from "@std/assert";
import { fromFileUrl, join, relative, toFileUrl } from "@std/path";

const ROOT = fromFileUrl(new URL("../../", import.meta.url));

const LAYERS: Record<string, number> = {
  errors: 0,
  std: 0,
  sys: 0,
  signal: 1,
  pipe: 1,
  socket: 1,
  memory: 1,
  sync: 1,
  queue: 1,
  process: 2,
  channel: 2,
  inspect: 2,
  trace: 2,
  cli: 3,
  "mod.ts": 3,
  "cli.ts": 3,
};

/** The only arrows between two rooms of one layer, besides those to `std`. */
const SIDEWAYS = [
  "sys -> errors",
  "errors -> sys",
  "sync -> memory",
  "queue -> memory",
  "cli.ts -> cli",
  "cli -> mod.ts",
];

/** Rooms that look at the others; no program needs them. */
const ONLY_FOR_CLI = ["inspect", "trace"];

const SYS_ONLY = ["Deno.dlopen", "Deno.Unsafe", "Deno.build"];
const MAX_LINES = 400;

/** An import: the importing file and the imported one, both relative to the root, and the words of the source. */
interface Arrow {
  from: string;
  to: string;
  specifier: string;
}

Deno.test("imports point down or stay in their room", async () => {
  const arrows = await importGraph(await sourceFiles());
  assertGreater(arrows.length, 0);
  assertEquals(violations(arrows), []);
});

Deno.test("only lib/sys/ names the doors to libc and the platform", async () => {
  const offenders: string[] = [];
  for (const file of await sourceFiles()) {
    if (file.startsWith("lib/sys/")) continue;
    const text = await Deno.readTextFile(join(ROOT, file));
    offenders.push(...SYS_ONLY.filter((word) => text.includes(word)).map((word) => `${file} names ${word}`));
  }
  assertEquals(offenders, []);
});

Deno.test(`no file in lib/ has more than ${MAX_LINES} lines`, async () => {
  const long: string[] = [];
  for (const file of await sourceFiles()) {
    const lines = (await Deno.readTextFile(join(ROOT, file))).trimEnd().split("\n").length;
    if (file.startsWith("lib/") && lines > MAX_LINES) long.push(`${file}: ${lines}`);
  }
  assertEquals(long, []);
});

Deno.test("the graph holds type, dynamic and exported imports and raw specifiers", async () => {
  const directory = await Deno.makeTempDir();
  try {
    await Deno.mkdir(join(directory, "lib/pipe"), { recursive: true });
    await Deno.writeTextFile(join(directory, "lib/pipe/b.ts"), "export type B = 1;\nexport const b = 1;\n");
    await Deno.writeTextFile(
      join(directory, "lib/pipe/a.ts"),
      [
        "/** import './comment.ts' */",
        "import type { B } from './b.ts';",
        "import { assert } from '@std/assert';",
        "export { b } from './b.ts?exported';",
        "export const later = (): Promise<B> => import('./b.ts?dynamic').then((m) => m.b);",
        "assert('import \"./string.ts\"');",
      ].join("\n"),
    );
    const arrows = await importGraph(["lib/pipe/a.ts"], directory);
    assertEquals(arrows.map((arrow) => arrow.specifier).sort(), [
      "./b.ts",
      "./b.ts?dynamic",
      "./b.ts?exported",
      "@std/assert",
    ]);
    assert(arrows.every((arrow) => arrow.from === "lib/pipe/a.ts"));
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
});

const JUDGED: [from: string, to: string, allowed: boolean][] = [
  ["lib/pipe/pipe.ts", "lib/pipe/fifo.ts", true],
  ["lib/pipe/pipe.ts", "lib/sys/fd.ts", true],
  ["lib/process/child.ts", "lib/std/path.ts", true],
  ["lib/sync/mutex.ts", "lib/memory/struct.ts", true],
  ["lib/queue/posix.ts", "lib/memory/struct.ts", true],
  ["lib/sys/fd.ts", "lib/errors.ts", true],
  ["lib/errors.ts", "lib/sys/errno_table.ts", true],
  ["lib/cli/demo.ts", "lib/trace/record.ts", true],
  ["mod.ts", "lib/process/mod.ts", true],
  ["cli.ts", "lib/cli/run.ts", true],
  ["lib/errors.ts", "lib/sys/libc.ts", false],
  ["lib/sys/fd.ts", "lib/pipe/pipe.ts", false],
  ["lib/std/path.ts", "lib/sys/fd.ts", false],
  ["lib/pipe/pipe.ts", "lib/process/child.ts", false],
  ["lib/memory/struct.ts", "lib/sync/mutex.ts", false],
  ["lib/pipe/pipe.ts", "lib/socket/unix.ts", false],
  ["lib/process/child.ts", "lib/channel/channel.ts", false],
  ["lib/channel/channel.ts", "lib/process/child.ts", false],
  ["lib/process/child.ts", "mod.ts", false],
  ["mod.ts", "lib/trace/record.ts", false],
  ["mod.ts", "lib/cli/run.ts", false],
  ["lib/process/child.ts", "lib/inspect/graph.ts", false],
  ["lib/process/child.ts", "tests/helpers/watchdog.ts", false],
  ["lib/kitchen/sink.ts", "lib/sys/fd.ts", false],
];

for (const [from, to, allowed] of JUDGED) {
  Deno.test(`the checker ${allowed ? "accepts" : "refuses"} ${from} -> ${to}`, () => {
    assertEquals(violations([{ from, to, specifier: `./${to}` }]).length === 0, allowed);
  });
}

Deno.test("the checker refuses a bare @std specifier", () => {
  const arrow = { from: "lib/pipe/pipe.ts", to: "lib/std/path.ts", specifier: "@std/path" };
  assertEquals(violations([arrow]).length, 1);
});

Deno.test("the checker refuses a circle of files through lib/errors.ts", () => {
  const circle = [["lib/errors.ts", "lib/sys/errno.ts"], ["lib/sys/errno.ts", "lib/sys/libc.ts"], [
    "lib/sys/libc.ts",
    "lib/errors.ts",
  ]].map(([from = "", to = ""]) => ({ from, to, specifier: `./${to}` }));
  assertEquals(violations(circle).length, 1);
  assertEquals(violations(circle.slice(0, 2)), []);
});

/** What is wrong with a graph, one line each. */
function violations(arrows: Arrow[]): string[] {
  const complaints = arrows.flatMap((arrow) => {
    const why = objection(arrow);
    return why ? [`${arrow.from} imports ${arrow.specifier}: ${why}`] : [];
  });
  const circle = circleThrough("lib/errors.ts", arrows);
  return circle ? [...complaints, `circle of files: ${circle.join(" -> ")}`] : complaints;
}

function objection({ from, to, specifier }: Arrow): string | undefined {
  if (!/^(\.\.?\/|npm:|node:)/.test(specifier)) return "a script outside resolves this name by its own configuration";
  const [fromRoom, toRoom] = [roomOf(from), roomOf(to)];
  if (specifier.startsWith("npm:") || specifier.startsWith("node:") || fromRoom === toRoom) return undefined;
  const [fromLayer, toLayer] = [LAYERS[fromRoom], LAYERS[toRoom]];
  if (fromLayer === undefined) return `room ${fromRoom} has no layer in this test`;
  if (toLayer === undefined) return "it is outside the house";
  if (toRoom === "std") return undefined;
  if (ONLY_FOR_CLI.includes(toRoom) && fromRoom !== "cli") return `${toRoom} is for lib/cli only`;
  if (fromRoom === "errors" && !to.startsWith("lib/sys/errno")) return "lib/errors.ts may import the errno names only";
  if (toLayer < fromLayer || SIDEWAYS.includes(`${fromRoom} -> ${toRoom}`)) return undefined;
  return toLayer > fromLayer ? "it points up" : "it points sideways";
}

/** `lib/pipe/fifo.ts` is in `pipe`, `lib/errors.ts` in `errors`, `mod.ts` in itself. */
function roomOf(file: string): string {
  const [top = "", room] = file.split("/");
  return top === "lib" && room ? room.replace(/\.ts$/, "") : file;
}

function circleThrough(start: string, arrows: Arrow[]): string[] | undefined {
  const seen = new Set<string>();
  const walk = (path: string[]): string[] | undefined => {
    for (const { to } of arrows.filter((arrow) => arrow.from === path.at(-1))) {
      if (to === start) return [...path, to];
      if (seen.has(to)) continue;
      seen.add(to);
      const circle = walk([...path, to]);
      if (circle) return circle;
    }
    return undefined;
  };
  return walk([start]);
}

/** Every source file of the product, relative to the root. */
async function sourceFiles(): Promise<string[]> {
  const files: string[] = [];
  async function walk(directory: string): Promise<void> {
    for await (const entry of Deno.readDir(join(ROOT, directory))) {
      const path = join(directory, entry.name);
      if (entry.isDirectory) await walk(path);
      else if (path.endsWith(".ts")) files.push(path);
    }
  }
  await walk("lib");
  return ["mod.ts", "cli.ts", ...files.sort()];
}

/** The imports of `files`, as Deno resolves them with the configuration of this repository. */
async function importGraph(files: string[], root = ROOT): Promise<Arrow[]> {
  const entry = await Deno.makeTempFile({ suffix: ".ts" });
  try {
    const imports = files.map((file) => `import ${JSON.stringify(toFileUrl(join(root, file)).href)};\n`);
    await Deno.writeTextFile(entry, imports.join(""));
    const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
      args: ["info", "--json", "--no-lock", "--config", join(ROOT, "deno.json"), entry],
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    return arrowsOf(JSON.parse(new TextDecoder().decode(stdout)), files, root);
  } finally {
    await Deno.remove(entry);
  }
}

/** The part of `deno info --json` that is read here. */
interface Info {
  modules: { specifier: string; dependencies?: { specifier: string; code?: Target; type?: Target }[] }[];
}

interface Target {
  specifier?: string;
}

function arrowsOf(info: Info, files: string[], root: string): Arrow[] {
  const local = (url: string) => url.startsWith("file:") ? relative(root, fromFileUrl(url)) : url;
  return info.modules.filter((module) => files.includes(local(module.specifier))).flatMap((module) =>
    (module.dependencies ?? []).map(({ specifier, code, type }) => ({
      from: local(module.specifier),
      to: local(code?.specifier ?? type?.specifier ?? specifier),
      specifier,
    }))
  );
}
