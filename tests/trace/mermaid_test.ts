import { assertEquals, assertRejects } from "@std/assert";
import { collect } from "../../lib/trace/collect.ts";
import type { TraceEvent } from "../../lib/trace/event.ts";
import { drawMermaid } from "../../lib/trace/mod.ts";
import { mermaidKind } from "../helpers/mermaid.ts";

/** What a process may call itself, and say, to be more than text. */
const HOSTILE = [
  "end",
  "a;b",
  "%% x",
  "a\nb",
  "-->>",
  "#35;",
  "<br/>",
  "{{x}}",
  "participant",
  'q"q',
  "note over x: y",
  "",
];

Deno.test("drawMermaid is a sequence diagram to Mermaid's own parser, whatever processes are called and say", async () => {
  await assertRejects(() => mermaidKind("sequenceDiagram\n  lane0 ->> : x"));
  for (const text of HOSTILE) {
    const place = { memory: text, offset: 0 };
    const rows: [kind: string, pid: number, facts: Record<string, unknown>][] = [
      ["process", 1, { name: text, words: [text] }],
      ["process", 2, { name: text, words: [text] }],
      ["worker.silent", 1, { name: text, reason: text }],
      ["note", 1, { text }],
      ["wait", 2, { wait: 1, for: "read", object: text }],
      ["write", 1, { object: text, bytes: 3 }],
      ["wait.end", 2, { wait: 1, for: "read", object: text }],
      ["read", 2, { object: text, bytes: 3 }],
      ["lock", 1, place],
      ["wait", 2, { wait: 2, for: "lock", ...place }],
      ["unlock", 1, place],
      ["lock", 2, place],
      ["memory.store", 1, { ...place, bytes: 1 }],
      ["memory.load", 2, { ...place, bytes: 1 }],
      ["signal.send", 1, { to: 2, signal: text }],
      ["signal.receive", 2, { signal: text, pid: 1, handledNs: 15 }],
      // It waits when the trace ends.
      ["wait", 1, { wait: 3, for: text }],
    ];
    const events = rows.map(([kind, pid, facts], index): TraceEvent => {
      return { kind, pid, tid: pid, atNs: index, source: "probe", facts };
    });
    const { title, ...trace } = collect(text, events, [text]);
    assertEquals(await mermaidKind(drawMermaid({ title, ...trace })), "sequence", JSON.stringify(text));
  }
});
