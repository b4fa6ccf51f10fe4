import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { collect } from "../../lib/trace/collect.ts";
import { duration } from "../../lib/trace/diagram.ts";
import type { TraceEvent } from "../../lib/trace/event.ts";
import { drawMermaid, drawSvg, drawText, type Trace } from "../../lib/trace/mod.ts";

type Told = readonly [kind: string, pid: number, atNs: number, facts?: Record<string, unknown>];

function traceOf(title: string, ...told: Told[]): Trace {
  const events = told.map(([kind, pid, atNs, { startedNs, ...facts } = {}]): TraceEvent => {
    const started = typeof startedNs === "number" ? { startedNs } : {};
    return { kind, pid, tid: pid, atNs, ...started, source: "probe", facts };
  });
  return collect(title, events, []);
}

const A: Told = ["process", 10, 0, { words: ["a"], name: "sender" }];
const B: Told = ["process", 20, 1, { words: ["b"], name: "receiver", parent: 10 }];

const PIPE = traceOf(
  "a pipe",
  A,
  B,
  ["wait", 20, 1000, { wait: 1, for: "read", object: "pipe:[1]" }],
  ["write", 10, 2_003_000, { object: "pipe:[1]", bytes: 21, startedNs: 2_001_000 }],
  ["wait.end", 20, 2_032_000, { wait: 1, for: "read", object: "pipe:[1]" }],
  ["read", 20, 2_035_000, { object: "pipe:[1]", bytes: 21 }],
);

Deno.test("drawText draws a pipe: the reader waits, two copies, times from the first row", () => {
  assertEquals(
    drawText(PIPE, { width: 84 }),
    `\
a pipe

          sender 10               kernel               receiver 20
         user space            kernel space            user space
              │                      │                      │
      +0 ns   │                      │                      ├ waits to read
              │                      │                      ┊
  +2.000 ms   ├ write 21 B, copy 1 ─▶║ pipe                 ┊
              │                      ║                      ┊
  +2.034 ms   │                      ├─ read 21 B, copy 2 ─▶│ waited 2.031 ms
              │                      │                      │

  copy 1: from the sender's user space into the kernel
  copy 2: from the kernel into the recipient's user space
  message 1 (pipe) of 21 B through pipe: 34.0 µs, 2 copies
  pipe: pipe:[1]
`,
  );
});

Deno.test("drawText draws in ASCII, byte for byte within it", () => {
  const text = drawText(PIPE, { ascii: true });
  assertMatch(text, /^[\n -~]*$/);
  assertMatch(text, /\+-+ write 21 B, copy 1 -+>H pipe/);
});

Deno.test("drawText draws a signal: pending in the kernel, interrupting, and heard later", () => {
  const text = drawText(traceOf(
    "a signal",
    A,
    B,
    ["note", 20, 500, { text: "computes" }],
    ["signal.send", 10, 2000, { to: 20, signal: "SIGUSR1", startedNs: 1000 }],
    ["signal.receive", 20, 900_000, { signal: "SIGUSR1", pid: 10, handledNs: 4000 }],
  ));
  const rows = text.split("\n").filter((line) => line.includes("+"));
  assertEquals(rows.map((row) => row.replace(/^.*?\+(\S+ \S+) .*?([a-zA-Z].*)$/, "$2").trim()), [
    "computes",
    rows[1]?.slice(rows[1].indexOf("kill")).trim(),
    rows[2]?.slice(rows[2].indexOf("SIGUSR1")).trim(),
    "hears SIGUSR1 from 10",
  ]);
  assertMatch(rows[1] ?? "", /├─+ kill SIGUSR1 ─+▶║ pending/);
  assertMatch(rows[2] ?? "", /├─+ SIGUSR1 ─+▶╳ interrupts/);
});

Deno.test("drawText draws shared memory past the kernel, on a double line, without a copy", () => {
  const text = drawText(traceOf(
    "memory",
    A,
    B,
    ["memory.store", 10, 1000, { memory: "m", offset: 0, bytes: 20 }],
    ["memory.load", 20, 2000, { memory: "m", offset: 0, bytes: 20 }],
  ));
  assertMatch(text, /├═+ 20 B, no copy ═+▶│ loads/);
  assertFalse(text.includes("copy 1"));
});

Deno.test("drawText draws a lock that is held, and who sleeps for it", () => {
  const lock = { memory: "m", offset: 0 };
  const text = drawText(traceOf(
    "lock",
    A,
    B,
    ["lock", 10, 1000, lock],
    ["wait", 20, 2000, { wait: 1, for: "futex" }],
    ["unlock", 10, 5000, lock],
    ["futex.wake", 10, 7000, { woken: 1, startedNs: 6000 }],
    ["wait.end", 20, 8000, { wait: 1, for: "futex" }],
    ["lock", 20, 9000, lock],
  ));
  for (
    const part of [
      /├ has the lock/,
      /┃ .*◀─+ futex: sleep ─+┤/,
      /├─+ futex: wake 1 ─+▶│/,
      /├─+ wakes ─+▶│ waited 6\.0 µs/,
    ]
  ) {
    assertMatch(text, part);
  }
});

/** What two processes do at one place: the second waits from 2 µs on, and goes on at 9. */
function waiting(noun: string, before: Told[], after: Told[]): string[] {
  const place = { memory: "m", offset: 8 };
  const at = ([kind, pid, atNs, facts]: Told): Told => [kind, pid, atNs, { ...place, ...facts }];
  const text = drawText(
    traceOf(
      noun,
      A,
      B,
      ...before.map(at),
      ["wait", 20, 2000, { wait: 1, for: noun, ...place, mode: before[0]?.[3]?.mode }],
      ["wait", 20, 3000, { wait: 2, for: "futex" }],
      ["wait.end", 20, 8000, { wait: 2, for: "futex" }],
      ...after.map(at),
      ["wait.end", 20, 9500, { wait: 1, for: noun, ...place }],
    ),
    { width: 200 },
  );
  return text.split("\n").filter((line) => /^ *\+/.test(line)).map((line) => line.replace(/^ *\+[\d.]+ .s +/, ""));
}

Deno.test("drawText draws locks and their like: who has it, who waits for it and how long, and that sleeping is a part of it", () => {
  const rows: [noun: string, before: Told[], after: Told[], expected: RegExp[]][] = [
    ["lock", [["lock", 10, 1000, { mode: "write" }]], [["unlock", 10, 7000, { mode: "write" }], ["lock", 20, 9000, {
      mode: "write",
    }]], [
      /├ has the lock, to write/,
      /┃ .*├ waits for the lock, to write; sender 10 has it$/,
      /┃ .*◀─+ futex: sleep ─+┤$/,
      /├ unlocks +│ +┊$/,
      /├─+ wakes ─+▶┊$/,
      /├ has the lock, to write, waited 7\.0 µs$/,
    ]],
    ["semaphore", [["semaphore.take", 10, 1000, { owned: true, left: 0 }]], [
      ["semaphore.give", 10, 7000, { owned: true, count: 1 }],
      ["semaphore.take", 20, 9000, { owned: false, left: 0 }],
    ], [
      /├ has a permit, 0 left/,
      /┃ .*├ waits for a permit; sender 10 has one$/,
      /┃ .*futex: sleep/,
      /├ gives its permit back +│ +┊$/,
      /wakes ─+▶┊$/,
      /├ takes a permit, 0 left, waited 7\.0 µs$/,
    ]],
    ["condition", [], [
      ["condition.notify", 10, 7000, { all: false, waiting: 1 }],
      ["condition.wake", 20, 9000],
    ], [
      /├ waits for the condition$/,
      /futex: sleep/,
      /├ notifies one +│ +┊$/,
      /wakes ─+▶┊$/,
      /├ is notified, waited 7\.0 µs$/,
    ]],
    ["barrier", [["barrier.arrive", 20, 1000, { missing: 1, size: 2 }]], [
      ["barrier.arrive", 10, 7000, { missing: 0, size: 2 }],
      ["barrier.pass", 20, 9000, { leader: false, ended: 0 }],
    ], [
      /├ comes to the barrier, 1 of 2$/,
      /├ waits for the others at the barrier$/,
      /futex: sleep/,
      /├ comes to the barrier, 2 of 2 +│ +┊$/,
      /wakes ─+▶┊$/,
      /├ goes on, waited 7\.0 µs$/,
    ]],
    // The time was over.
    ["event", [], [], [
      /├ waits for the event$/,
      /futex: sleep/,
      /wakes ─+▶┊$/,
      /├ gives up, waited 7\.5 µs$/,
    ]],
  ];
  for (const [noun, before, after, expected] of rows) {
    const lines = waiting(noun, before, after);
    assertEquals(lines.length, expected.length, lines.join("\n"));
    for (const [index, pattern] of expected.entries()) assertMatch(lines[index] ?? "", pattern);
  }
});

Deno.test("drawText draws one sleep of those that were interrupted only to look, and all that were not", () => {
  const second = 1e9;
  const sleeps = (count: number, lengthNs: number): string => {
    const told = Array.from({ length: count }, (_, index): Told[] => {
      const facts = { wait: 2 + index, for: "futex" };
      const begin = 10 + index * (lengthNs + 1000);
      return [["wait", 20, begin, facts], ["wait.end", 20, begin + lengthNs, facts]];
    }).flat();
    const place = { memory: "m", offset: 8 };
    const lock: Told = ["lock", 20, 20 + count * (lengthNs + 1000), place];
    return drawText(traceOf("long", A, B, ["wait", 20, 5, { wait: 1, for: "lock", ...place }], ...told, lock));
  };
  const count = (text: string) => [text.match(/futex: sleep/g)?.length, text.match(/wakes/g)?.length];
  assertEquals(count(sleeps(30, second)), [1, 1]);
  assertMatch(sleeps(30, second), /has the lock, waited[\s┃│]+30\.000 s/);
  assertEquals(count(sleeps(3, second / 2)), [3, 3]);
});

Deno.test("drawText tells several locks apart, and says where they are", () => {
  const text = drawText(traceOf(
    "two",
    A,
    ["lock", 10, 1, { memory: "m", offset: 8 }],
    ["lock", 10, 2, { memory: "m", offset: 64 }],
  ));
  for (const part of ["has lock 1", "has lock 2", "lock 1: m at byte 8", "lock 2: m at byte 64"]) {
    assertStringIncludes(text, part);
  }
});

Deno.test("drawText keeps within its width: the title, what is said beside the lanes, and the notes", () => {
  const long = "/a/very/long/path".repeat(10);
  const trace = traceOf(
    `a title of many words, and ${long}`,
    A,
    B,
    ["note", 20, 1, { text: "something that takes more than the twenty columns that are left here" }],
    ["write", 10, 2, { object: "pipe:[1]", bytes: 1_000_000 }],
    ["read", 20, 3, { object: "pipe:[1]", bytes: 1_000_000 }],
  );
  const text = drawText({ ...trace, notes: [`a note of many words, and ${long}`] }, { width: 80 });
  for (const line of text.split("\n")) assert(Array.from(line).length <= 80, line);
  assertStringIncludes(text.replaceAll(/\n */g, ""), long);
  // What has no room in the arrow is said beside it.
  assertMatch(text, /write 1000000 B ─+▶║ copy 1, pipe/);
  const nothing = drawText(traceOf(`nothing of ${long}`), { width: 80 });
  for (const line of nothing.split("\n")) assert(line.length <= 80, line);
  assertStringIncludes(nothing.replaceAll("\n", ""), long);
});

Deno.test("drawText gives a Worker a lane of its own", () => {
  const events = [A, B].map(([kind, pid, atNs, facts = {}]): TraceEvent => {
    return { kind, pid, tid: pid, atNs, source: "probe", facts };
  });
  const worker = { pid: 10, tid: 11, source: "probe" } as const;
  const text = drawText(collect("worker", [
    ...events,
    { ...worker, kind: "worker", atNs: 5, facts: { name: "helper" } },
    { ...worker, kind: "note", atNs: 9, facts: { text: "here" } },
  ], []));
  assertMatch(
    text,
    /sender 10 +kernel +helper 11 +receiver 20\n +user space +kernel space +Worker of 10 +user space\n/,
  );
  assertMatch(text, /│ +│ +├ here +│/);
});

Deno.test("drawText calls the two ends of a connection one road", () => {
  const text = drawText(traceOf(
    "pair",
    A,
    B,
    ["socketpair", 10, 1, { objects: ["socket:[1]", "socket:[2]"] }],
    ["write", 10, 2, { object: "socket:[1]", bytes: 3 }],
    ["read", 20, 3, { object: "socket:[2]", bytes: 3 }],
  ));
  assertStringIncludes(text, "through socket: ");
  assertStringIncludes(text, "socket: socket:[1] and socket:[2]");
});

Deno.test("drawText says what it takes when nobody told anything", () => {
  assertStringIncludes(drawText(traceOf("nothing")), "--allow-ffi");
});

Deno.test("drawText takes as much room as many lanes need, and cuts labels that have none", () => {
  const told = Array.from({ length: 6 }, (_, index): Told => ["note", index + 2, index, { text: "x" }]);
  const lines = drawText(traceOf("many", ...told), { width: 20 }).split("\n");
  assert(Math.max(...lines.map((line) => line.length)) > 100);
});

/** What processes are called, and say, is theirs. */
const HOSTILE = traceOf(
  `<script>alert("x")</script> & \u001b[31m;end\u202e`,
  ["process", 10, 0, { words: ["x"], name: `"><svg onload='x'>;\nend` }],
  ["note", 10, 1, { text: `a\u001b]0;owned\u0007; B->>C: x\n  end %% {{}} <b>` }],
  ["signal.send", 10, 2, { to: 20, signal: `<i>#;` }],
);

Deno.test("drawText makes control characters of others visible", () => {
  const text = drawText(HOSTILE);
  assertFalse(/[\p{Cc}\p{Cf}]/u.test(text.replaceAll("\n", "")));
  assertStringIncludes(text, "\\u{1b}]0;owned\\u{7}");
});

Deno.test("drawSvg escapes what others say, and is well-formed", () => {
  const svg = drawSvg(HOSTILE);
  assertFalse(/<script|<i>|<b>|onload='/.test(svg));
  assertFalse(/\p{Cc}/u.test(svg.replaceAll("\n", "")));
  const tags = svg.replace(/<style>[^]*?<\/style>/, "").match(/<[^>]*>/g) ?? [];
  const open: string[] = [];
  for (const tag of tags) {
    const name = /^<\/?(\w+)/.exec(tag)?.[1] ?? "";
    if (tag.startsWith("</")) assertEquals(open.pop(), name);
    else if (!tag.endsWith("/>")) open.push(name);
  }
  assertEquals(open, []);
  const texts = svg.replace(/<style>[^]*?<\/style>/, "").replace(/<[^>]*>/g, "");
  assertFalse(/[<>]|&(?!(amp|lt|gt|quot|#39);)/.test(texts));
});

Deno.test("drawSvg has a bar for a wait, a double stroke for memory and a cross for an interruption", () => {
  const svg = drawSvg(PIPE);
  assertMatch(svg, /<line [^>]*class="waiting"\/>/);
  assertMatch(svg, /<line [^>]*class="full"\/>/);
  assertEquals(svg.match(/<path [^>]*class="call"/g)?.length, 2);
});

Deno.test("drawMermaid makes one line of everything that others say", () => {
  const text = drawMermaid(HOSTILE);
  for (const line of text.trimEnd().split("\n").slice(1)) {
    assertMatch(
      line,
      /^ {2}(participant lane\d as |lane\d(->>|-->>|-x)lane\d: |Note over lane\d(,lane\d)?: |(de)?activate lane\d$|%% )/,
    );
    if (/^ {2}(lane|Note)/.test(line)) {
      assertFalse(/[<>{}"]|;(?<!#\d+;)|\bend\b/.test(line.replace(/^[^:]*:/, "")), line);
    }
  }
});

Deno.test("drawMermaid has lanes, arrows with times, and activations that end", () => {
  assertEquals(
    drawMermaid(PIPE).split("\n").slice(0, 13),
    [
      "sequenceDiagram",
      "  participant lane0 as sender 10<br/>user space",
      "  participant lane1 as kernel<br/>kernel space",
      "  participant lane2 as receiver 20<br/>user space",
      "  Note over lane0,lane2: a pipe",
      "  Note over lane2: +0 ns waits to read",
      "  activate lane2",
      "  lane0->>lane1: +2.000 ms write 21 B, copy 1",
      "  Note over lane1: pipe",
      "  deactivate lane2",
      "  lane1->>lane2: +2.034 ms read 21 B, copy 2",
      "  Note over lane2: waited 2.031 ms",
      "  %% copy 1: from the sender's user space into the kernel",
    ],
  );
});

Deno.test("duration has the unit that people would take", () => {
  const rows: [number, string][] = [[0, "0 ns"], [999, "999 ns"], [31_200, "31.2 µs"], [312_000, "312 µs"], [
    2_113_000,
    "2.113 ms",
  ], [1_520_000_000, "1.520 s"]];
  for (const [ns, text] of rows) assertEquals(duration(ns), text);
});
