// Needs: chromium, python3
import { assertEquals, assertNotEquals } from "@std/assert";
import { collect } from "../../lib/trace/collect.ts";
import type { TraceEvent } from "../../lib/trace/event.ts";
import { drawSvg, type Trace } from "../../lib/trace/mod.ts";
import { withPage } from "../helpers/browser.ts";
import { watchdog } from "../helpers/watchdog.ts";

const WATCHDOG_MS = 180_000;

type Row = readonly [kind: string, pid: number, atNs: number, facts?: Record<string, unknown>, tid?: number];

function traceOf(title: string, rows: readonly Row[], notes: readonly string[] = []): Trace {
  const events = rows.map(([kind, pid, atNs, { startedNs, ...facts } = {}, tid = pid]): TraceEvent => {
    const started = typeof startedNs === "number" ? { startedNs } : {};
    return { kind, pid, tid, atNs, ...started, source: "probe", facts };
  });
  return collect(title, events, notes);
}

const LONG = "a word after another, until there is no room any more, and then some more of them";
const WORD = "/a/path/without/any/blank".repeat(12);
const PROCESSES: readonly Row[] = [
  ["process", 10, 0, { words: ["a"], name: "sender" }],
  ["process", 20, 1, { words: ["b"], name: "receiver", parent: 10 }],
];
const PLACE = { memory: "memory:[1]", offset: 8 };

const TRACES: Readonly<Record<string, Trace>> = {
  "a pipe": traceOf("a pipe", [
    ...PROCESSES,
    ["wait", 20, 1000, { wait: 1, for: "read", object: "pipe:[1]" }],
    ["write", 10, 987_654_321, { object: "pipe:[1]", bytes: 1_000_000, startedNs: 987_654_000 }],
    ["wait.end", 20, 987_654_400, { wait: 1, for: "read", object: "pipe:[1]" }],
    ["read", 20, 987_655_000, { object: "pipe:[1]", bytes: 1_000_000 }],
    ["write", 20, 987_656_000, { object: "pipe:[1]", bytes: 3 }],
    ["read", 10, 987_657_000, { object: "pipe:[1]", bytes: 3 }],
  ]),
  "locks, and a Worker": traceOf("locks", [
    ...PROCESSES,
    ["worker", 10, 2, { name: "a Worker of a rather long name, as such names go" }, 11],
    ["lock", 10, 10, { ...PLACE, mode: "write" }],
    ["wait", 20, 20, { wait: 1, for: "lock", ...PLACE, mode: "write" }],
    ["wait", 10, 21, { wait: 1, for: "lock", ...PLACE, mode: "write" }, 11],
    ["wait", 20, 30, { wait: 2, for: "futex" }],
    ["unlock", 10, 40, { ...PLACE, mode: "write" }],
    ["futex.wake", 10, 45, { woken: 1 }],
    ["wait.end", 20, 50, { wait: 2, for: "futex" }],
    ["lock", 20, 60, { ...PLACE, mode: "write" }],
    ["signal.send", 20, 61, { to: 10, signal: "SIGUSR1" }],
    ["signal.receive", 10, 90, { signal: "SIGUSR1", pid: 20, handledNs: 70 }],
    ["memory.store", 10, 91, { ...PLACE, bytes: 20 }],
    ["memory.load", 20, 92, { ...PLACE, bytes: 20 }],
  ]),
  "long texts everywhere": traceOf(
    `${LONG} ${WORD} ${LONG}`,
    [
      ["process", 10, 0, { words: ["a"], name: `${LONG} ${WORD}` }],
      ["process", 20, 1, { words: ["b"], name: WORD, parent: 10 }],
      ["note", 10, 10, { text: LONG }],
      ["note", 20, 11, { text: `${LONG} ${LONG} ${WORD}` }],
      ["note", 20, 12, { text: "short" }],
      ["signal.send", 10, 13, { to: 20, signal: LONG }],
      ["process.spawn", 10, 14, { pid: 20, words: [WORD] }],
      ["write", 20, 15, { object: `/${LONG}`, bytes: 1 }],
      ["note", 10, 16, { text: LONG }],
    ],
    [LONG, `${LONG} ${LONG} ${WORD}`],
  ),
  "all kinds of letters": traceOf("WM".repeat(80), [
    ...PROCESSES,
    ["note", 10, 10, { text: "WWW MMM ".repeat(12) }],
    ["note", 20, 11, { text: "<&>\"' ]]> \u0000 \ufffe \u202e" }],
  ]),
};

/** What is outside the picture, or over something else. In the page, where the letters have their real sizes. */
const COMPLAINTS = `(() => {
  const svg = document.querySelector("svg");
  const { width, height } = svg.viewBox.baseVal;
  const texts = [...svg.querySelectorAll("text")].map((text) => ({ text, box: text.getBBox(), said: text.textContent }));
  const lanes = [...svg.querySelectorAll("line")].map((line) => line.getBBox());
  const complaints = [];
  const meet = (a, b, slack) => a.x + slack < b.x + b.width && b.x + slack < a.x + a.width &&
    a.y + slack < b.y + b.height && b.y + slack < a.y + a.height;
  for (const [index, { text, box, said }] of texts.entries()) {
    if (box.x < 0 || box.y < 0 || box.x + box.width > width || box.y + box.height > height) complaints.push("outside: " + said);
    for (const other of texts.slice(index + 1)) if (meet(box, other.box, 1)) complaints.push(said + " over " + other.said);
    for (const lane of lanes) if (meet(box, { ...lane, width: lane.width + 1 }, 0)) complaints.push("over a lane: " + said);
  }
  return complaints;
})()`;

Deno.test({
  name: "drawSvg clips no text and puts none over another or over a lane, in a real browser",
  // The browser's own sockets and timers outlive the test.
  sanitizeOps: false,
  sanitizeResources: false,
}, async () => {
  await watchdog(
    WATCHDOG_MS,
    withPage(WATCHDOG_MS, async (page) => {
      for (const [name, trace] of Object.entries(TRACES)) {
        await page.setContent(drawSvg(trace));
        assertEquals(await page.evaluate<string[]>(COMPLAINTS), [], name);
      }
      const colours = async (colorScheme: "dark" | "light") => {
        await page.emulateMedia({ colorScheme });
        const of = (selector: string) => `getComputedStyle(document.querySelector(${JSON.stringify(selector)})).fill`;
        return await page.evaluate<string[]>(`[${of(".paper")}, ${of("text")}]`);
      };
      const [light, dark] = [await colours("light"), await colours("dark")];
      for (const index of [0, 1]) assertNotEquals(light[index], dark[index]);
    }),
  );
});

Deno.test("drawSvg is well-formed XML to another parser", async () => {
  for (const [name, trace] of Object.entries(TRACES)) {
    const code = "import sys, xml.dom.minidom as m; print(m.parse(sys.stdin.buffer).documentElement.tagName)";
    const child = new Deno.Command("python3", { args: ["-c", code], stdin: "piped", stdout: "piped" }).spawn();
    const writer = child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(drawSvg(trace)));
    await writer.close();
    const { stdout } = await child.output();
    assertEquals(new TextDecoder().decode(stdout), "svg\n", name);
  }
});
