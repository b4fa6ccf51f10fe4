/** The question that a shell pipeline is asked most often: what Causeway answers is what the shell answers. */
import { assertEquals, assertMatch } from "@std/assert";
import { accessLogLines, makeAccessLog } from "../../examples/make_access_log.ts";
import { pipeline } from "../../mod.ts";
import "../helpers/open_libc.ts";

const EXAMPLE = new URL("../../examples/top_talkers.ts", import.meta.url);

Deno.test("examples/top_talkers.ts prints what bash prints", async () => {
  await withLog(async (log) => {
    const args = [
      "run",
      "--quiet",
      "--no-prompt",
      "--allow-ffi",
      "--allow-run=cut,sort,uniq,head",
      EXAMPLE.pathname,
      log,
    ];
    const { code, stdout } = await new Deno.Command(Deno.execPath(), { args, stdin: "null" }).output();
    const lines = new TextDecoder().decode(stdout).split("\n");
    assertEquals(code, 0);
    assertEquals(lines.slice(0, 5).map((line) => `${line}\n`).join(""), await bash(log, 5));
    assertMatch(lines[5] ?? "", /^cut exited with 0 after \d+\.\d ms$/);
  });
});

for (const count of [1, 5, 1000]) {
  Deno.test(`pipeline counts the top ${count} talkers as bash does`, async () => {
    await withLog(async (log) => {
      const { stdout, stages } = await pipeline(
        ["cat", log],
        ["cut", "-d", " ", "-f", "1"],
        ["sort"],
        ["uniq", "-c"],
        ["sort", "-rn"],
        ["head", "-n", String(count)],
      ).output();
      assertEquals(stdout, await bash(log, count));
      assertEquals(stages.length, 6);
    });
  });
}

Deno.test("accessLogLines gives the same lines in the combined format every time", () => {
  const lines = [...accessLogLines(500)];
  assertEquals([...accessLogLines(500)], lines);
  for (const line of lines) {
    assertMatch(
      line,
      /^[\d.]+ - - \[\d\d\/Mar\/2026:\d\d:\d\d:\d\d \+0000\] "GET \/\S* HTTP\/1\.1" \d{3} \d+ "-" "[^"]+"\n$/,
    );
  }
  const times = lines.map((line) => /\[(.*)\]/.exec(line)?.[1] ?? "");
  assertEquals(times, times.toSorted());
});

/** What the shell's pipeline prints. */
async function bash(log: string, count: number): Promise<string> {
  const script = 'cat "$1" | cut -d " " -f 1 | sort | uniq -c | sort -rn | head -n "$2"';
  const { stdout } = await new Deno.Command("bash", { args: ["-c", script, "bash", log, String(count)] }).output();
  return new TextDecoder().decode(stdout);
}

async function withLog(work: (log: string) => Promise<void>): Promise<void> {
  const directory = await Deno.makeTempDir();
  try {
    await makeAccessLog(`${directory}/access.log`);
    await work(`${directory}/access.log`);
  } finally {
    await Deno.remove(directory, { recursive: true });
  }
}
