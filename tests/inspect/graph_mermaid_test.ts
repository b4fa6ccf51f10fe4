import { assertEquals, assertRejects } from "@std/assert";
import { type ChannelKind, type EndRole, type GraphChannel, renderMermaid } from "../../lib/inspect/mod.ts";
import { mermaidKind } from "../helpers/mermaid.ts";

/** What a process may call itself, and its channels, to be more than text. */
const HOSTILE = [
  "end",
  'q"]; b',
  "%%{init}%%",
  "a\nb",
  "--> x",
  "|x|",
  "#35;",
  "subgraph",
  "<script>",
  "`x`",
  ":::x",
  "",
];

Deno.test("renderMermaid is a flowchart to Mermaid's own parser, whatever processes and channels are called", async () => {
  await assertRejects(() => mermaidKind("flowchart LR\n  p1 -->|x"));
  const pairs: [ChannelKind, EndRole, EndRole][] = [
    ["pipe", "writes", "reads"],
    ["unix-socket", "both", "both"],
    ["fifo", "writes", "writes"],
    ["lock", "holds", "waits"],
    ["sysv-queue", "sent-last", "received-last"],
    ["sysv-semaphores", "used-last", "used-last"],
  ];
  for (const name of HOSTILE) {
    const processes = [1, 2, 3].map((pid) => ({
      pid,
      parent: pid - 1,
      program: name,
      command: [],
      outside: pid === 3,
    }));
    const channels = pairs.flatMap(([kind, first, second], index): GraphChannel[] => {
      const ends = [{ pid: 1, role: first, descriptors: [] }, { pid: 2, role: second, descriptors: [] }];
      const third = { pid: 3, role: second, descriptors: [] };
      return [{ id: `${index}`, kind, name, ends }, { id: `${index}+`, kind, name, ends: [...ends, third] }];
    });
    assertEquals(await mermaidKind(renderMermaid({ processes, channels, hidden: [] })), "flowchart-v2", name);
  }
});
